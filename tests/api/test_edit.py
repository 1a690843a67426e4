"""edit: faces moved along the directions of labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from facegen.api.edit import edit_points, edit_sheet, moved_points
from facegen.images.sheets import read_grid
from facegen.io.provenance import read_provenance
from facegen.io.weights import Weights
from facegen.latent.directions import Directions, Move
from facegen.model.codec import Codec
from facegen.model.named_points import PointReader
from running import facegen


def test_an_edit_moves_mu_by_exactly_the_amount_times_the_direction(toy_attributes: Path):
    directions = Directions.read(toy_attributes)
    offset = directions.offset({"Smiling": 1.5, "Eyeglasses": -2.0})
    expected = 1.5 * directions["Smiling"].astype(float) - 2.0 * directions["Eyeglasses"]
    np.testing.assert_allclose(offset, expected, rtol=1e-6)
    z = np.random.default_rng(1).standard_normal((3, 8)).astype(np.float32)
    points = moved_points(z, offset, 4)
    np.testing.assert_array_equal(points[:, 0], z)
    np.testing.assert_array_equal(points[:, 4], z + offset)
    np.testing.assert_allclose(points[:, 2] - z, np.tile(offset / 2, (3, 1)), atol=1e-6)


def test_an_edited_sheet_shows_original_reconstruction_and_steps(
    toy_attributes: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    codec = Codec(Weights.load(toy_weights))
    points = list(PointReader(codec).read([f"{toy_faces}:3", "seed:5:2"]))
    move = Move(Directions.read(toy_attributes), {"Smiling": 2.0})
    path = edit_sheet(codec, points, move, tmp_path / "edit.png", steps=3)
    with Image.open(path) as sheet:
        provenance = read_provenance(sheet)
        grid = read_grid(provenance, sheet.size)
        pixels = np.asarray(sheet)
    assert provenance is not None
    assert grid is not None
    tiles = [pixels[y : y + 32, x : x + 32] for x, y in grid.corners()]
    assert (len(tiles), grid.columns) == (10, 5)
    expected = edit_points(codec, np.stack([point.z for point in points]), move.offset(), steps=3)
    original = points[0].original
    assert original is not None
    np.testing.assert_array_equal(tiles[0], original)
    np.testing.assert_array_equal(tiles[5], np.full_like(original, 255))
    np.testing.assert_array_equal(tiles[1:5], expected[0])
    np.testing.assert_array_equal(tiles[6:], expected[1])
    np.testing.assert_array_equal(expected[0, 0], codec.decode(codec.encode(original[None])[0])[0])
    assert [p["row"] for p in provenance["points"]] == [3, 2]
    assert provenance["move"]["attributes"] == {"Smiling": 2.0}


def test_edit_finds_the_file_beside_the_weights(
    toy_attributes: Path, toy_weights: Path, tmp_path: Path
):
    weights = tmp_path / "toy"
    shutil.copytree(toy_weights, weights)
    arguments = ["edit", "seed:1:0-1", "--weights", weights, "-o", tmp_path / "a.png", "--json"]
    without = facegen(*arguments, "--attribute", "Male=1")
    assert "come without attributes.h5; make it with 'facegen attributes" in str(without.exception)
    shutil.copyfile(toy_attributes, weights / "attributes.h5")
    done = facegen(*arguments, "--attribute", "Male=1,Smiling=-0.5", "--attribute", "Eyeglasses=1")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["points"] == [{"seed": 1, "row": 0}, {"seed": 1, "row": 1}]
    wrong = facegen(*arguments, "--attribute", "smilng=1", "--force")
    assert "no direction 'smilng'; it has Smiling" in str(wrong.exception)


def test_edit_skips_a_photo_it_cannot_read(
    toy_attributes: Path, toy_weights: Path, photos_folder: Path, tmp_path: Path
):
    (tmp_path / "empty.jpg").write_bytes(b"")
    photo = photos_folder / "aligned.jpg"
    common = ["--attribute", "Male=1", "--attributes", toy_attributes, "--weights", toy_weights]
    common += ["-o", tmp_path / "edit.png"]
    done = facegen("edit", photo, tmp_path / "empty.jpg", *common)
    assert done.exit_code == 3
    assert f"skipped {tmp_path / 'empty.jpg'}: the file is empty" in done.stderr
    nothing = facegen("edit", tmp_path / "empty.jpg", *common, "--force")
    assert "there is no face to edit" in str(nothing.exception)
