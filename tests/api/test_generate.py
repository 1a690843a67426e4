"""generate: sheets, single pictures and face sets, of points of all kinds."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.generate import generate
from facegen.api.generation import Generation
from facegen.errors import InputError
from facegen.images.sheets import read_grid
from facegen.io.face_set import FaceSet
from facegen.io.latent_store import read_latents
from facegen.io.provenance import read_provenance
from facegen.io.weights import Weights
from facegen.latent.directions import Directions, Move
from facegen.latent.samplers import MovedPoints, Sampler
from facegen.model.codec import Codec
from running import facegen


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(path: Path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return file[name][()]


def test_generate_writes_28_faces_to_its_default_name_and_prints_it(
    toy_weights: Path, tmp_path: Path
):
    for _ in range(2):  # the second time it overwrites its own default name
        done = facegen("generate", "--weights", toy_weights, "--seed", "5")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "faces.png\n", "")
    with Image.open(tmp_path / "faces.png") as sheet:
        provenance = read_provenance(sheet)
        grid = read_grid(provenance, sheet.size)
    assert grid is not None
    assert (grid.count, grid.columns, grid.height) == (28, 7, 32)
    assert provenance is not None
    assert provenance["seed"] == 5
    assert provenance["sampler"] == {"name": "normal", "sigma": 1.0}


def test_a_seed_that_was_drawn_is_printed_and_recorded(toy_weights: Path, tmp_path: Path):
    done = facegen("generate", "--weights", toy_weights, "--json")
    summary = json.loads(done.stdout)
    assert done.stderr == f"seed {summary['seed']}\n"
    with Image.open(tmp_path / "faces.png") as sheet:
        provenance = read_provenance(sheet)
    assert provenance is not None
    assert provenance["seed"] == summary["seed"]


def test_quiet_says_nothing_on_stderr(toy_weights: Path, tmp_path: Path):
    done = facegen("generate", "--weights", toy_weights, "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "faces.png\n", "")


def test_a_named_output_is_not_overwritten_without_force(toy_weights: Path, tmp_path: Path):
    (tmp_path / "mine.png").write_text("precious")
    arguments = ["generate", "--weights", toy_weights, "-q", "-o", "mine.png"]
    done = facegen(*arguments)
    assert done.exit_code == 1
    expected = "mine.png exists already; choose another name or add --force"
    assert str(done.exception) == expected
    assert (tmp_path / "mine.png").read_text() == "precious"
    assert facegen(*arguments, "--force").exit_code == 0
    Image.open(tmp_path / "mine.png").close()


def test_a_sweep_writes_a_sheet_for_each_limit(toy_weights: Path, tmp_path: Path):
    arguments = ["generate", "--weights", toy_weights, "-q", "--sweep", "0.5,1,8"]
    done = facegen(*arguments, "-o", "sweep.png", "--n", 3)
    assert done.stdout.split() == ["sweep-r0.5.png", "sweep-r1.png", "sweep-r8.png"]
    for path, limit in zip(done.stdout.split(), (0.5, 1, 8), strict=True):
        with Image.open(tmp_path / path) as sheet:
            provenance = read_provenance(sheet)
        assert provenance is not None
        assert provenance["sampler"] == {"name": "uniform", "r_limit": limit}


def test_sheet_individual_pictures_and_face_set_show_the_same_faces(
    toy_weights: Path, tmp_path: Path
):

    common = ["generate", "--weights", toy_weights, "-q", "--seed", 3, "--r-limit", 2]
    for more in (["-o", "a.png"], ["--individual", "a"], ["-o", "a.h5"]):
        assert facegen(*common, "--n", 10, *more).exit_code == 0
    faces = generate(12, weights=toy_weights, seed=3, sampler=Sampler(r_limit=2))
    for row in range(10):
        np.testing.assert_array_equal(Image.open(tmp_path / "a" / f"face-{row}.png"), faces[row])
    with FaceSet.open(tmp_path / "a.h5") as face_set:
        np.testing.assert_array_equal(face_set.images, faces[:10])
        assert json.loads(face_set.file.attrs["provenance"])["rows"] == "0-9"
    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(sheet[4:36, 4:36], faces[0])
    np.testing.assert_array_equal(sheet[40:72, 4:36], faces[7])


def test_a_large_sheet_becomes_pages(toy_weights: Path, tmp_path: Path):
    arguments = ["--weights", toy_weights, "-q", "--columns", 2, "--n", 41, "-o", "big.png"]
    done = facegen("generate", *arguments)
    assert done.stdout.split() == ["big-1.png", "big-2.png"]
    with Image.open(tmp_path / "big-2.png") as sheet:
        provenance = read_provenance(sheet)
        grid = read_grid(provenance, sheet.size)
    assert provenance is not None
    assert grid is not None
    assert (provenance["rows"], grid.count) == ("40", 1)


def test_n_has_a_short_form(toy_weights: Path, tmp_path: Path):
    done = facegen("generate", "-n", "2", "--weights", str(toy_weights), "--json")
    assert json.loads(done.stdout)["faces"] == 2


def test_exactly_the_rows_asked_for_are_decoded_in_their_order(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    result = facegen(
        *("generate", "--latents", toy_store, "--rows", "3,17,20-40,3", "--points", "mu"),
        *("--weights", toy_weights, "-o", tmp_path / "some.h5"),
    )
    assert result.exit_code == 0, result.output
    rows = [3, 17, *range(20, 41), 3]
    expected = Codec(Weights.load(toy_weights)).decode(read(toy_store, "mu")[rows])
    np.testing.assert_array_equal(read(tmp_path / "some.h5", "images"), expected)
    with h5py.File(tmp_path / "some.h5") as file:
        provenance = json.loads(file.attrs["provenance"])
    with h5py.File(toy_store) as file:
        assert provenance["sampler"]["latents_fingerprint"] == file.attrs["fingerprint"]
    assert provenance["rows"] == "3,17,20-40,3"
    assert provenance["seed"] == 5
    assert provenance["sampler"]["latents"] == "latents.h5"
    assert provenance["sampler"]["points"] == "mu"


def test_single_pictures_are_named_by_their_row(toy_store: Path, toy_weights: Path, tmp_path: Path):
    result = facegen(
        *("generate", "--latents", toy_store, "--rows", "117,3,3", "--individual", tmp_path / "d"),
        *("--weights", toy_weights),
    )
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "face-003.png",
        "face-117.png",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("300", "has rows 0 to 299; asked for row 300"),
        ("1,x", "'x' is no row number and no range"),
        ("5-3", "the smaller number comes first"),
        ("-", "no rows given"),
        ("0-99999999999", "has rows 0 to 299; asked for row 99999999999"),
    ],
)
def test_rows_that_can_not_be_decoded_are_refused(
    toy_store: Path, toy_weights: Path, tmp_path: Path, rows: str, message: str
):
    output = tmp_path / "x.png"
    options = ("--weights", toy_weights, "-o", output)
    result = facegen("generate", "--latents", toy_store, f"--rows={rows}", *options, stdin="")
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert not output.exists()


def test_a_store_of_other_weights_is_not_decoded(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    other = tmp_path / "latents.h5"
    other.write_bytes(toy_store.read_bytes())
    with h5py.File(other, "r+") as file:
        file.attrs["encoder_sha256"] = "0" * 64
    result = facegen("generate", "--latents", other, "--rows", "1", "--weights", toy_weights)
    assert isinstance(result.exception, InputError)
    assert "was made with other weights than toy has now" in str(result.exception)


@pytest.mark.parametrize(
    "line",
    [
        "--latents x.h5",
        "--rows 1",
        "--latents x.h5 --rows 1 --n 3",
        "--latents x --rows 1 --seed 1",
    ],
)
def test_options_of_other_points_do_not_go_with_a_store(line: str):
    result = facegen("generate", *line.split())
    assert result.exit_code == 2
    assert "--latents" in result.output


def test_generated_points_are_moved_in_a_samplers_place(toy_attributes: Path, toy_weights: Path):
    move = Move(Directions.read(toy_attributes), {"Smiling": 2.0}, ["Male"])
    sampler = MovedPoints(Sampler(), move)
    plain = Sampler().sample(range(5), 8, seed=3)
    moved = sampler.sample(range(5), 8, seed=3)
    np.testing.assert_array_equal(moved, plain + move.offset())
    generation = Generation(Codec(Weights.load(toy_weights)), sampler, 3)
    provenance = generation.provenance(range(5))["sampler"]
    assert provenance["name"] == "normal"
    assert provenance["move"]["attributes"] == {"Smiling": 2.0}
    assert provenance["move"]["without"] == ["Male"]
    assert len(provenance["move"]["attributes_sha256"]) == 64


def test_generate_moves_every_kind_of_points(
    toy_attributes: Path, toy_store: Path, toy_weights: Path, tmp_path: Path
):
    codec = Codec(Weights.load(toy_weights))
    offset = Directions.read(toy_attributes).offset({"Smiling": 2.0}, ["Male"])
    common = ["--attribute", "Smiling=2", "--without", "Male", "--attributes", toy_attributes]
    common += ["--weights", toy_weights, "--individual"]
    stored = ["--latents", toy_store, "--rows", "3", "--points", "mu"]
    for name, options, z in (
        ("drawn", ["--seed", 3, "--n", 4], Sampler().sample([3], 8, seed=3)),
        ("stored", stored, read_latents(toy_store, [3], array="mu")),
    ):
        done = facegen("generate", *options, *common, tmp_path / name)
        assert done.exit_code == 0, done.output
        with Image.open(tmp_path / name / "face-3.png") as face:
            np.testing.assert_array_equal(np.asarray(face), codec.decode(z + offset)[0])
            provenance = read_provenance(face)
        assert provenance is not None
        assert provenance["sampler"]["move"]["without"] == ["Male"]
