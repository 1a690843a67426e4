"""attributes and edit: directions of labels, what is removed from them, moves along them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from facegen.api.attributes import GroupSums, attributes
from facegen.api.info import info
from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.io.attribute_file import Source
from facegen.io.latent_writer import write_latents
from facegen.io.weights import Weights
from facegen.latent.directions import Directions, find_directions, remove
from running import facegen


def error_of(result: Result) -> str:
    assert isinstance(result.exception, FacegenError), result.output
    return str(result.exception)


def partly_labelled(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Writes a store whose labels are partly unknown; returns mu, labels and is_test."""
    random = np.random.default_rng(0)
    mu = random.standard_normal((3000, 6)).astype(np.float32)
    labels = random.choice(np.array([-1, 0, 1], np.int8), (3000, 4), p=[0.4, 0.3, 0.3])
    labels[:500] = 0
    labels[:, 3] = 0
    labels[600:607, 3] = 1
    is_test = random.random(3000) < 0.2
    write_latents(
        path,
        [(mu[:1700], mu[:1700], mu[:1700]), (mu[1700:], mu[1700:], mu[1700:])],
        [str(row) for row in range(3000)],
        latent_dim=6,
        is_test=is_test,
        attributes=labels,
        attribute_names=["a", "b", "c", "rare"],
    )
    return mu, labels, is_test


def test_directions_and_strengths_are_what_numpy_finds_in_the_training_rows(tmp_path: Path):
    mu, labels, is_test = partly_labelled(tmp_path / "latents.h5")
    skipped = []
    found = attributes(tmp_path / "latents.h5", on_skip=lambda *left_out: skipped.append(left_out))
    assert found.names == ["a", "b", "c"]
    here = int(((labels[:, 3] == 1) & ~is_test).sum())
    assert skipped == [("rare", f"{here} faces with it, 0 without; at least 20")]
    assert found.source.rows == (labels.any(axis=1) & ~is_test).sum()
    for k in range(3):
        yes = mu[(labels[:, k] == 1) & ~is_test].astype(float)
        no = mu[(labels[:, k] == -1) & ~is_test].astype(float)
        direction = yes.mean(axis=0) - no.mean(axis=0)
        assert found.counts[:, k].tolist() == [len(yes), len(no)]
        np.testing.assert_allclose(found.vectors[k], direction, atol=1e-6)
        yes, no = yes @ direction, no @ direction
        freedom = len(yes) + len(no) - 2
        pooled = ((len(yes) - 1) * yes.var(ddof=1) + (len(no) - 1) * no.var(ddof=1)) / freedom
        expected = (yes.mean() - no.mean()) / np.sqrt(pooled)
        assert found.cohens_d[k] == pytest.approx(expected, rel=1e-6)


def test_cohens_d_of_two_known_groups_is_their_distance_in_deviations():
    # On a line: 1, 2, 3 with, -1, 0, 1 without; the pooled variance is (2 + 2) / 4 = 1.
    sums = GroupSums.empty(1, 1)
    values = np.array([1, 2, 3, -1, 0, 1], np.float32)[:, None]
    sums.add(values, np.array([1, 1, 1, -1, -1, -1], np.int8)[:, None])
    assert sums.cohens_d(np.array([[1.0]])).item() == pytest.approx(2.0)
    assert sums.cohens_d(np.array([[5.0]])).item() == pytest.approx(2.0)


def test_cosines_are_those_of_the_angles():
    vectors = np.array([[2, 0], [0, 3], [1, -1]], np.float32)
    directions = Directions(["x", "y", "xy"], vectors, np.ones((2, 3)), np.arange(3.0), Source())
    half = np.sqrt(0.5)
    expected = [[1, 0, half], [0, 1, -half], [half, -half, 1]]
    np.testing.assert_allclose(directions.cosines(), expected, atol=1e-12)
    summary = directions.summary()
    assert [row["name"] for row in summary] == ["xy", "y", "x"]
    assert (summary[1]["entangled_with"], summary[1]["cosine"]) == ("xy", -0.707)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())
def test_what_is_left_is_orthogonal_to_what_was_removed(seed: int, count: int, dependent: bool):
    random = np.random.default_rng(seed)
    vectors, others = random.standard_normal((2, 9)), random.standard_normal((count, 9))
    if dependent:
        others = np.concatenate([others, 2 * others[:1]])
    rest = remove(vectors, others, ["a", "b"])
    np.testing.assert_allclose(rest @ others.T, 0, atol=1e-9)
    basis = np.linalg.qr(others[:count].T)[0]
    np.testing.assert_allclose(rest, vectors - (vectors @ basis) @ basis.T, atol=1e-9)


def test_removing_a_direction_from_itself_is_an_error(toy_attributes: Path):
    directions = Directions.read(toy_attributes)
    with pytest.raises(InputError, match="nothing of the direction 'Male' is left"):
        directions.offset({"Male": 1.0}, ["Male"])


def test_removal_in_the_file_equals_removal_at_use(toy_store: Path, toy_attributes: Path):
    at_use = Directions.read(toy_attributes)
    in_file = attributes(toy_store, without=["Male"])
    np.testing.assert_allclose(
        in_file["Smiling"], at_use.offset({"Smiling": 1.0}, ["Male"]), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(in_file["Male"], at_use["Male"])
    assert in_file.source.removed == "Male"


def test_a_file_comes_back_as_it_was_written(toy_attributes: Path, toy_store: Path):
    written, found = attributes(toy_store), Directions.read(toy_attributes)
    assert found.names == written.names == ["Smiling", "Male", "Eyeglasses"]
    np.testing.assert_array_equal(found.vectors, written.vectors)
    np.testing.assert_array_equal(found.counts, written.counts)
    np.testing.assert_array_equal(found.cohens_d, written.cohens_d)
    assert found.source == written.source
    with h5py.File(toy_attributes) as file:
        np.testing.assert_allclose(file["cosines"], found.cosines())


def test_other_and_damaged_files_are_refused(toy_store: Path, toy_attributes: Path, tmp_path: Path):
    with pytest.raises(MissingFileError):
        Directions.read(tmp_path / "none.h5")
    with pytest.raises(InputError, match="is facegen-latents; expected facegen-attributes"):
        Directions.read(toy_store)
    content = toy_attributes.read_bytes()
    (tmp_path / "short.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="truncated"):
        Directions.read(tmp_path / "short.h5")
    for name, value in (("with", np.ones(2, np.int64)), ("directions", np.full((3, 8), np.nan))):
        path = tmp_path / f"{name}.h5"
        shutil.copyfile(toy_attributes, path)
        with h5py.File(path, "r+") as file:
            kept = file[name].dtype
            del file[name]
            file[name] = value.astype(kept)
        with pytest.raises(InputError, match="don't fit each other"):
            Directions.read(path)
    shutil.copyfile(toy_attributes, tmp_path / "bare.h5")
    with h5py.File(tmp_path / "bare.h5", "r+") as file:
        del file.attrs["encoder_sha256"]
    with pytest.raises(InputError, match="is damaged"):
        Directions.read(tmp_path / "bare.h5")


def test_directions_of_another_encoder_are_refused(toy_attributes: Path, toy_weights: Path):
    weights = Weights.load(toy_weights)
    find_directions(weights, toy_attributes)
    weights.config["files"]["encoder.tflite"] = "0" * 64
    with pytest.raises(InputError, match="made with other weights than toy has now"):
        find_directions(weights, toy_attributes)


def test_a_store_without_labels_is_refused(tmp_path: Path):
    point = np.zeros((1, 2), np.float32)
    write_latents(tmp_path / "bare.h5", [(point, point, point)], ["a"], latent_dim=2)
    with pytest.raises(InputError, match=r"has no attributes; 'facegen .*; --unsupervised needs"):
        attributes(tmp_path / "bare.h5")
    partly_labelled(tmp_path / "latents.h5")
    with pytest.raises(InputError, match=r"no label of .* has 5000 training faces"):
        attributes(tmp_path / "latents.h5", min_count=5000)


def test_the_command_prints_a_table_and_the_path(toy_store: Path, tmp_path: Path):
    output = tmp_path / "attributes.h5"
    result = facegen("attributes", toy_store, "-o", output)
    assert (result.exit_code, result.stdout) == (0, f"{output}\n")
    lines = result.stderr.splitlines()
    assert lines[0].split() == [
        "label",
        "with",
        "without",
        "Cohen",
        "d",
        "most",
        "entangled",
        "with",
    ]
    assert sorted(line.split()[0] for line in lines[1:]) == ["Eyeglasses", "Male", "Smiling"]
    with pytest.raises(OutputError, match="exists already"):
        raise facegen("attributes", toy_store, "-o", output).exception or AssertionError
    result = facegen("attributes", toy_store, "-o", output, "--force", "--json")
    found = json.loads(result.stdout)
    assert found["rows"] == 270
    assert {row["name"]: row["with"] + row["without"] for row in found["labels"]} == {
        "Smiling": 270,
        "Male": 270,
        "Eyeglasses": 270,
    }
    assert info(output)["labels"]["Male"]["with"] == Directions.read(output).counts[0, 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("edit seed:1", "Say what to change with --attribute"),
        ("edit seed:1 --attribute Smiling", "'Smiling' is not NAME=AMOUNT"),
        ("edit seed:1 --attribute Smiling=nan", "nan is not a finite number"),
        ("edit seed:1 --attribute Smiling=1,Smiling=2", "Smiling is given twice"),
        ("edit seed:1 --attribute Smiling=1 --without Smiling", "Smiling is given twice"),
        ("edit seed:1 --without Male", "--without and --attributes go with --attribute"),
        ("edit seed:1 --attribute Smiling=1 --steps 0", "0 is not in the range 1<=x<=100"),
        ("attributes x.h5 --min-count 1", "1 is not in the range x>=2"),
    ],
)
def test_wrong_usage_says_what_would_be_right(line: str, message: str):
    result = facegen(*line.split())
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
