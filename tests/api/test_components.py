"""attributes --unsupervised: principal and layer directions, and moves along them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from facegen.api.components import components, first_layer
from facegen.api.info import info
from facegen.errors import InputError, MissingFileError
from facegen.io.files import sha256_of
from facegen.io.latent_writer import write_latents
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION, Weights
from facegen.latent.components import Components, factorize, find_components, is_component
from facegen.latent.directions import Directions, Move
from facegen.latent.move_choice import MoveChoice
from facegen.options import ModelOptions
from running import facegen

LATENT_DIM = 8


def training_rows(store: Path) -> tuple[np.ndarray, np.ndarray]:
    """mu and labels of the training rows, by plain h5py."""
    with h5py.File(store) as file:
        training = file["split"][:] == 0
        return file["mu"][:][training].astype(float), file["attributes"][:][training]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def found(toy_store: Path, toy_weights: Path) -> Components:
    return components(toy_store, weights=toy_weights)


def test_principal_directions_are_the_singular_vectors_of_the_training_faces(
    found: Components, toy_store: Path
):
    mu, _ = training_rows(toy_store)
    centred = mu - mu.mean(axis=0)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    assert found.names[:LATENT_DIM] == [f"pc-{i}" for i in range(1, LATENT_DIM + 1)]
    steps = found.vectors[:LATENT_DIM].astype(float)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), values / np.sqrt(len(mu)), rtol=1e-5)
    np.testing.assert_allclose(np.abs((unit(steps) * vectors).sum(axis=1)), 1, rtol=1e-6)
    np.testing.assert_allclose(found.shares[:LATENT_DIM], values**2 / (values**2).sum(), rtol=1e-9)


def test_layer_directions_are_those_that_the_decoders_dense_layer_answers_to_most(
    found: Components, toy_store: Path, toy_weights: Path
):
    with h5py.File(toy_weights / "decoder.h5") as file:
        kernel = file["to_pixels/kernel"][:].astype(float)
    left, values, _ = np.linalg.svd(kernel, full_matrices=False)
    assert found.names[LATENT_DIM:] == [f"layer-{i}" for i in range(1, LATENT_DIM + 1)]
    steps = found.vectors[LATENT_DIM:].astype(float)
    np.testing.assert_allclose(np.abs((unit(steps) * left.T).sum(axis=1)), 1, rtol=1e-6)
    np.testing.assert_allclose(found.shares[LATENT_DIM:], values**2 / (values**2).sum(), rtol=1e-6)
    mu, _ = training_rows(toy_store)
    np.testing.assert_allclose(
        np.linalg.norm(steps, axis=1), (mu @ unit(steps).T).std(axis=0), rtol=1e-5
    )


def test_a_direction_is_described_by_the_label_that_it_correlates_with_most(
    found: Components, toy_store: Path
):
    mu, labels = training_rows(toy_store)
    names = ["Smiling", "Male", "Eyeglasses"]
    along = mu @ found.vectors.T.astype(float)
    described = 0
    for i, row in enumerate(found.summary()):
        correlations = [np.corrcoef(along[:, i], labels[:, k])[0, 1] for k in range(3)]
        most = int(np.abs(correlations).argmax())
        if abs(correlations[most]) * np.sqrt(len(mu)) < 4:  # standard errors
            assert (row["label"], row["correlation"]) == (None, None)
        else:
            described += 1
            assert row["label"] == names[most]
            assert row["correlation"] == pytest.approx(correlations[most], abs=6e-4)
    assert described > 0


def test_unknown_labels_do_not_count(tmp_path: Path, toy_weights: Path, toy_store: Path):
    random = np.random.default_rng(0)
    mu = random.standard_normal((900, LATENT_DIM)).astype(np.float32)
    mu[:, 0] *= 5
    labels = np.where(mu[:, :1] + random.standard_normal((900, 1)) > 0, 1, -1).astype(np.int8)
    labels[::3] = 0
    with h5py.File(toy_store) as file:
        origin = file.attrs["encoder_sha256"]
    path = tmp_path / "latents.h5"
    write_latents(
        path,
        [(mu, mu, mu)],
        [str(row) for row in range(900)],
        latent_dim=LATENT_DIM,
        attributes=labels,
        attribute_names=["right"],
    )
    with h5py.File(path, "r+") as file:
        file.attrs["encoder_sha256"] = origin
    found = components(path, weights=toy_weights, count=1)
    assert found.names == ["pc-1", "layer-1"]
    known = labels[:, 0] != 0
    along = mu.astype(float) @ found.vectors[0]
    expected = np.corrcoef(along[known], labels[known, 0])[0, 1]
    assert found.labels[0] == "right"
    assert found.correlations[0] == pytest.approx(expected, rel=1e-6)
    assert (found.source.rows, found.source.labelled) == (900, 600)


def test_the_largest_coordinate_is_positive_and_what_has_no_variance_is_left_out():
    values, vectors = factorize(np.diag([1.0, 4.0, 0.0]))
    np.testing.assert_array_equal(values, [4, 1])
    np.testing.assert_array_equal(vectors, [[0, 1, 0], [1, 0, 0]])
    _, vectors = factorize(np.array([[2.0, -1.0], [-1.0, 3.0]]))
    assert (np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1) > 0).all()


def test_the_weights_alone_give_the_layers_directions_with_steps_of_1(toy_weights: Path):
    found = components(weights=toy_weights, count=3)
    assert found.names == ["layer-1", "layer-2", "layer-3"]
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-6)
    assert [row["label"] for row in found.summary()] == [None] * 3


@pytest.mark.parametrize(
    ("dense", "decoder_dense", "layer"),
    [(7, 0, "to_pixels"), (0, 5, "decoder_dense"), (7, 5, "decoder_dense")],
)
def test_the_first_layer_is_the_decoders_own_whatever_the_encoder_has(
    dense: int, decoder_dense: int, layer: str, tmp_path: Path
):
    path = tmp_path / "decoder.h5"
    kernels = {"to_pixels": np.full((decoder_dense or LATENT_DIM, 9), 2.0)}
    if decoder_dense:
        kernels["decoder_dense"] = np.full((LATENT_DIM, decoder_dense), 3.0)
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": ARRAYS_FORMAT, "format_version": ARRAYS_VERSION})
        for name, kernel in kernels.items():
            file[f"{name}/kernel"] = kernel
    model = ModelOptions(latent_dim=LATENT_DIM, dense=dense, decoder_dense=decoder_dense)
    weights = Weights(tmp_path, {"files": {path.name: sha256_of(path)}}, model)
    np.testing.assert_array_equal(first_layer(weights), kernels[layer])


def test_a_file_comes_back_as_it_was_written(found: Components, tmp_path: Path):
    path = found.save(tmp_path / "c.h5")
    again = Components.read(path)
    assert again.summary() == found.summary()
    np.testing.assert_array_equal(again.vectors, found.vectors)
    assert again.source == found.source
    with h5py.File(path) as file:
        assert file.attrs["format"] == "facegen-components"
        assert [name.decode() for name in file["names"][:]] == found.names
        np.testing.assert_array_equal(file["directions"][:], found.vectors)


def test_other_and_damaged_files_are_refused(
    found: Components, toy_store: Path, toy_attributes: Path, tmp_path: Path
):
    with pytest.raises(MissingFileError):
        Components.read(tmp_path / "none.h5")
    with pytest.raises(InputError, match="is facegen-attributes; expected facegen-components"):
        Components.read(toy_attributes)
    path = found.save(tmp_path / "c.h5")
    with h5py.File(path, "r+") as file:
        file["shares"][0] = np.nan
    with pytest.raises(InputError, match="don't fit each other"):
        Components.read(path)


def test_a_store_of_other_weights_or_without_two_faces_is_refused(
    toy_weights: Path, tmp_path: Path
):
    point = np.zeros((3, LATENT_DIM), np.float32)
    path = tmp_path / "latents.h5"
    write_latents(path, [(point,) * 3], list("abc"), latent_dim=LATENT_DIM)
    with pytest.raises(InputError, match="was made with other weights"):
        components(path, weights=toy_weights)
    with h5py.File(path, "r+") as file:
        file.attrs["encoder_sha256"] = Weights.load(toy_weights).digest("encoder.tflite")
    with pytest.raises(InputError, match="has no two training faces that differ"):
        components(path, weights=toy_weights)


def test_a_damaged_decoder_is_refused(toy_weights: Path, tmp_path: Path):
    folder = tmp_path / "toy"
    shutil.copytree(toy_weights, folder)
    with h5py.File(folder / "decoder.h5", "r+") as file:
        del file["to_pixels/kernel"]
    weights = Weights.load(folder)
    with pytest.raises(InputError, match="its digest is not the one"):
        first_layer(weights)


def test_only_names_of_that_form_are_components():
    for name in ("pc-1", "pc-30", "layer-2"):
        assert is_component(name)
    for name in ("pc-0", "pc-", "pc-01", "PC-1", "Smiling", "layer 1", "xpc-1"):
        assert not is_component(name)


def test_components_and_labels_move_together_and_without_each_other(
    work: Path, toy_weights: Path, tmp_path: Path
):
    shutil.copytree(toy_weights, tmp_path / "toy")
    shutil.copy("attributes.h5", tmp_path / "toy")
    weights = Weights.load(tmp_path / "toy")
    labels, own = Directions.read("attributes.h5"), Components.read("components.h5")
    both = Move(labels, {"pc-2": 2.0, "Smiling": -1.0}, components=own).offset()
    np.testing.assert_allclose(both, 2 * own["pc-2"] - labels["Smiling"], rtol=1e-5, atol=1e-6)
    without = Move(labels, {"pc-2": 1.0}, ["Male"], own).offset()
    assert abs(without @ labels["Male"]) < 1e-5
    # A file that is given is for its own kind: the labels are the weights' own.
    move = MoveChoice({"pc-2": 2.0, "Smiling": -1.0}, attributes="components.h5").find(weights)
    np.testing.assert_array_equal(move.offset(), both)
    assert move.provenance["components_file"] == "components.h5"
    assert move.provenance["attributes_sha256"] == labels.sha256
    sheet = tmp_path / "both.png"
    amounts = ["--attribute", "pc-2=2,Smiling=-1", "--without", "Male", "--steps", 1]
    toy = ["--weights", tmp_path / "toy"]
    done = facegen("edit", "seed:5", *amounts, "--attributes", "components.h5", *toy, "-o", sheet)
    assert done.exit_code == 0, done.exception
    done = facegen("reproduce", sheet, "--from", work, *toy)
    assert (done.exit_code, done.stderr) == (0, "identical\n"), done.exception
    only = MoveChoice({"pc-2": 2.0}, attributes="components.h5").find(weights)
    assert set(only.provenance) == {
        "attributes",
        "without",
        "components_file",
        "components_sha256",
    }


def test_what_is_missing_is_said(work: Path, toy_weights: Path):
    weights = Weights.load(toy_weights)
    with pytest.raises(InputError, match=r"come without components\.h5; make it with 'facegen att"):
        find_components(weights)
    with pytest.raises(InputError, match=r"no direction 'pc-99'; it has pc-1 to pc-8, layer-1 to"):
        MoveChoice({"pc-99": 1.0}, attributes="components.h5").find(weights)
    with pytest.raises(InputError, match="there is no file with the direction 'Smiling'"):
        Move(None, {"Smiling": 1.0}, components=Components.read("components.h5")).offset()
    short = replace(Components.read("components.h5"), vectors=np.ones((16, 7), np.float32))
    with pytest.raises(InputError, match="its directions have 7 coordinates, points of toy 8"):
        short.check(weights)
    weights.config["files"]["encoder.tflite"] = "0" * 64
    with pytest.raises(InputError, match="make others with 'facegen attributes --unsupervised'"):
        find_components(weights, "components.h5")


def test_the_command_prints_a_table_and_edit_and_generate_move(work: Path, tmp_path: Path):
    output = tmp_path / "c.h5"
    done = facegen("attributes", "latents.h5", "--unsupervised", "--n", 2, "-o", output)
    assert (done.exit_code, done.stdout) == (0, f"{output}\n")
    lines = done.stderr.splitlines()
    assert lines[0].split()[:3] == ["direction", "step", "share"]
    assert [line.split()[0] for line in lines[1:]] == ["pc-1", "pc-2", "layer-1", "layer-2"]
    done = facegen("attributes", "--unsupervised", "--n", 2, "-o", output, "--force", "--json")
    assert [row["name"] for row in json.loads(done.stdout)["components"]] == ["layer-1", "layer-2"]
    assert info(output)["components"]["layer-1"]["label"] is None
    for line in ("edit seed:5", "generate --n 1 --seed 5"):
        sheet = tmp_path / f"{line[:4]}.png"
        move = ["--attribute", "pc-1=2", "--attributes", "components.h5"]
        done = facegen(*line.split(), *move, "-o", sheet)
        assert done.exit_code == 0, done.exception
        done = facegen("reproduce", sheet, "--from", work, "--json")
        assert json.loads(done.stdout)["largest_difference"] == 0, done.exception


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("attributes", "Missing argument 'LATENTS.h5'"),
        ("attributes x.h5 --n 3", "--n and --weights go with --unsupervised"),
        ("attributes x.h5 --unsupervised --without Male", "--without goes with labels"),
        ("attributes --unsupervised --n 0", "0 is not in the range"),
    ],
)
def test_wrong_usage_says_what_would_be_right(line: str, message: str):
    result = facegen(*line.split())
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
