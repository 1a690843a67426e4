"""generate --nearest: the training faces that are most alike."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen import Codec, FaceSet, Latents, Weights, generate
from facegen.api.nearest import TrainingFaces, nearest_rows
from facegen.errors import InputError, OutputError
from facegen.images.sheets import read_grid
from facegen.io.latent_writer import write_latents
from facegen.io.provenance import read_provenance
from running import facegen


def write_store(path: Path, mu: np.ndarray, is_test: np.ndarray) -> Path:
    names = [str(row) for row in range(len(mu))]
    write_latents(path, [(mu, mu, mu)], names, latent_dim=mu.shape[1], is_test=is_test)
    return path


@pytest.mark.parametrize("batch", [7, 4096])
def test_the_nearest_rows_are_those_of_brute_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
):
    monkeypatch.setattr("facegen.api.nearest.BATCH", batch)
    random = np.random.default_rng(0)
    mu = random.standard_normal((200, 6)).astype(np.float32)
    is_test = random.random(200) < 0.3
    mu[50] = np.nan  # no row of its batch may be lost
    points = random.standard_normal((40, 6)).astype(np.float32)
    with Latents.open(write_store(tmp_path / "latents.h5", mu, is_test)) as store:
        rows, distances = nearest_rows(store, points)
    training = np.flatnonzero(~is_test & np.isfinite(mu[:, 0]))
    every = np.linalg.norm(points[:, None].astype(float) - mu[training], axis=2)
    np.testing.assert_array_equal(rows, training[every.argmin(axis=1)])
    np.testing.assert_allclose(distances, every.min(axis=1), rtol=1e-12)


def test_the_distance_of_a_copy_is_nought(tmp_path: Path):
    mu = 16 * np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    with Latents.open(write_store(tmp_path / "latents.h5", mu, np.zeros(50, bool))) as store:
        rows, distances = nearest_rows(store, mu[[7, 3]])
    assert (rows.tolist(), distances.tolist()) == ([7, 3], [0, 0])


def test_a_store_of_held_out_faces_alone_can_not_be_searched(tmp_path: Path):
    mu = np.ones((3, 2), np.float32)
    path = write_store(tmp_path / "latents.h5", mu, np.ones(3, bool))
    with Latents.open(path) as store, pytest.raises(InputError, match="has no training rows"):
        nearest_rows(store, mu)


def test_a_copied_training_face_is_found(toy_store: Path, toy_faces: Path, toy_weights: Path):
    codec = Codec(Weights.load(toy_weights))
    with Latents.open(toy_store) as store, FaceSet.open(toy_faces) as faces:
        row = int(faces.rows("train")[11])
        training = TrainingFaces(store, codec, faces)
        pixels = faces.read(np.array([row]))
        found = training.find(pixels)
        np.testing.assert_array_equal(training.pictures([row]), pixels)
        usual = training.usual_distances()
    assert found == [{"row": row, "name": f"{row:06}.png", "distance": pytest.approx(0, abs=1e-4)}]
    assert usual is not None
    assert 0 < usual["0.05"] <= usual["0.5"] <= usual["0.95"]


def tiles(path: Path) -> tuple[np.ndarray, dict]:
    """The tiles of a sheet, and its provenance."""
    with Image.open(path) as sheet:
        provenance = read_provenance(sheet)
        grid = read_grid(provenance, sheet.size)
        pixels = np.asarray(sheet)
    assert grid is not None
    assert provenance is not None
    size = grid.height
    return np.stack([pixels[y : y + size, x : x + size] for x, y in grid.corners()]), provenance


def test_the_sheet_has_the_nearest_faces_under_the_generated_ones(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    output = tmp_path / "sheet.png"
    options = ("--n", 5, "--seed", 3, "--columns", 3, "--weights", toy_weights, "-o", output)
    result = facegen("generate", "--nearest", toy_store, *options, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    faces = generate(5, weights=toy_weights, seed=3)
    codec = Codec(Weights.load(toy_weights))
    with h5py.File(toy_store) as file:
        mu, is_test = file["mu"][:], file["split"][:] == 1
    every = np.linalg.norm(codec.encode(faces)[0][:, None] - mu, axis=2)
    every[:, is_test] = np.inf
    rows = every.argmin(axis=1)
    found, provenance = tiles(output)
    np.testing.assert_array_equal(found[[0, 1, 2, 6, 7]], faces)
    np.testing.assert_array_equal(found[[3, 4, 5, 9, 10]], codec.decode(mu[rows]))
    assert (found[[8, 11]] == 255).all()
    assert [one["row"] for one in summary["nearest"]] == rows.tolist()
    distances = [one["distance"] for one in summary["nearest"]]
    np.testing.assert_allclose(distances, every.min(axis=1), atol=1e-3)
    assert set(summary["held_out_distances"]) == {"0", "0.05", "0.5", "0.95"}
    assert provenance["rows"] == "0-4"
    assert provenance["nearest"] == {
        "latents": "latents.h5",
        "latents_fingerprint": provenance["nearest"]["latents_fingerprint"],
        "shown": "reconstructions",
        "rows": ",".join(map(str, rows)),
        "distances": distances,
    }


def test_the_training_faces_themselves_can_be_shown(
    toy_store: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    output = tmp_path / "sheet.png"
    options = ("--n", 3, "--seed", 3, "--weights", toy_weights, "-o", output, "--sharpen", 3)
    result = facegen("generate", "--nearest", toy_store, "--faces", toy_faces, *options)
    assert result.exit_code == 0, result.output
    found, provenance = tiles(output)
    rows = [int(row) for row in provenance["nearest"]["rows"].split(",")]
    with FaceSet.open(toy_faces) as faces:
        np.testing.assert_array_equal(found[3:], faces.read(np.array(rows)))
    assert provenance["nearest"]["shown"] == "faces.h5"
    lines = result.stderr.splitlines()
    assert lines[0].startswith("face 0: ")
    assert lines[0].endswith(f" from row {rows[0]}, {rows[0]:06}.png")
    assert lines[3].startswith("held-out photos: ")
    # Faces are compared before they are sharpened.
    plain = facegen("generate", "--nearest", toy_store, *options[:-2], "--force", "--json")
    assert [one["row"] for one in json.loads(plain.stdout)["nearest"]] == rows


def test_many_faces_become_pages(toy_store: Path, toy_weights: Path, tmp_path: Path):
    options = ("--n", 12, "--columns", 1, "--weights", toy_weights, "-q", "--json")
    result = facegen("generate", "--nearest", toy_store, *options, "-o", tmp_path / "big.png")
    pages = [json.loads(line) for line in result.stdout.splitlines()]
    assert [len(page["nearest"]) for page in pages] == [10, 2]
    assert [Path(page["path"]).name for page in pages] == ["big-1.png", "big-2.png"]
    assert result.stderr == ""
    again = facegen("generate", "--nearest", toy_store, *options, "-o", tmp_path / "big.png")
    assert isinstance(again.exception, OutputError)


def test_a_store_or_a_face_set_of_something_else_is_refused(
    toy_store: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    other = tmp_path / "latents.h5"
    other.write_bytes(toy_store.read_bytes())
    with h5py.File(other, "r+") as file:
        file.attrs["fingerprint"] = "0" * 64
    options = ("--weights", toy_weights, "-o", tmp_path / "x.png")
    result = facegen("generate", "--nearest", other, "--faces", toy_faces, *options)
    assert isinstance(result.exception, InputError)
    assert "their fingerprints differ" in str(result.exception)
    with h5py.File(other, "r+") as file:
        file.attrs["encoder_sha256"] = "0" * 64
    result = facegen("generate", "--nearest", other, *options)
    assert isinstance(result.exception, InputError)
    assert "was made with other weights" in str(result.exception)
    assert not (tmp_path / "x.png").exists()
