"""edit: faces moved along the directions of labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.api.edit import edit_points, edit_provenance, edit_sheet
from facegen.errors import InputError
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import png_bytes, read_grid
from facegen.io.provenance import read_provenance
from facegen.io.weights import Weights
from facegen.latent.directions import Directions, Move
from facegen.latent.edits import Edit
from facegen.model.codec import Codec
from facegen.model.named_points import PointReader
from running import facegen


def test_an_edit_moves_mu_by_exactly_the_amount_times_the_direction(toy_attributes: Path):
    directions = Directions.read(toy_attributes)
    offset = directions.offset({"Smiling": 1.5, "Eyeglasses": -2.0})
    expected = 1.5 * directions["Smiling"].astype(float) - 2.0 * directions["Eyeglasses"]
    np.testing.assert_allclose(offset, expected, rtol=1e-6)
    z = np.random.default_rng(1).standard_normal((3, 8)).astype(np.float32)
    edit = Edit(Move(directions, {"Smiling": 1.5, "Eyeglasses": -2.0}))
    points = edit.way(z, 4)
    np.testing.assert_array_equal(points[:, 0], z)
    np.testing.assert_array_equal(points[:, 4], z + offset)
    np.testing.assert_allclose(points[:, 2] - z, np.tile(offset / 2, (3, 1)), atol=1e-6)


def test_an_edited_sheet_shows_original_reconstruction_and_steps(
    toy_attributes: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    codec = Codec(Weights.load(toy_weights))
    points = list(PointReader(codec).read([f"{toy_faces}:3", "seed:5:2"]))
    move = Move(Directions.read(toy_attributes), {"Smiling": 2.0})
    path = edit_sheet(codec, points, Edit(move), tmp_path / "edit.png", steps=3)
    with Image.open(path) as sheet:
        provenance = read_provenance(sheet)
        grid = read_grid(provenance, sheet.size)
        pixels = np.asarray(sheet)
    assert provenance is not None
    assert grid is not None
    tiles = [pixels[y : y + 32, x : x + 32] for x, y in grid.corners()]
    assert (len(tiles), grid.columns) == (10, 5)
    expected = edit_points(codec, np.stack([point.z for point in points]), Edit(move), steps=3)
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


def test_an_edited_face_goes_to_its_radius_and_then_along_the_direction(toy_attributes: Path):
    move = Move(Directions.read(toy_attributes), {"Smiling": 2.0})
    z = np.random.default_rng(1).standard_normal((3, 8)).astype(np.float32)
    lengths = np.linalg.norm(z, axis=1, keepdims=True)
    way = Edit(move, radius=5.0).way(z, 4)
    np.testing.assert_array_equal(way[:, 0], z)
    for i in range(5):
        expected = z / lengths * (lengths + (5 - lengths) * i / 4) + move.offset() * i / 4
        np.testing.assert_allclose(way[:, i], expected, atol=1e-5)
    np.testing.assert_array_equal(way[:, 4], Edit(move, radius=5.0).apply(z))
    with pytest.raises(InputError, match="a face lies at the origin"):
        Edit(radius=5.0).apply(0 * z)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--r-limit 1.5",
        "--sigma 0.5 --sharpen 3",
        "--radius 3 --attribute Smiling=2 --without Male",
        "--radius-percentile 5-95",
        "--sampler sampler.h5 --truncation 0.5 --decoder plain",
        "--sampler sampler.h5 --radius 3",
    ],
)
def test_a_single_face_of_a_seed_is_the_one_that_generate_makes(
    options: str,
    toy_store: Path,
    toy_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(toy_store.parent)
    common = [*options.split(), "--weights", toy_weights]
    common += ["--attributes", "attributes.h5"] if "--attribute" in options else []
    face = tmp_path / "face.png"
    done = facegen("edit", "seed:5:3", "--single", *common, "-o", face)
    assert (done.exit_code, done.stdout) == (0, f"{face}\n"), done.exception
    facegen("generate", "--seed", 5, "--n", 4, *common, "--individual", tmp_path)
    with Image.open(face) as found, Image.open(tmp_path / "face-3.png") as expected:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_a_picture_of_arrays_is_the_one_that_the_command_writes(
    codec: Codec, toy_weights: Path, tmp_path: Path
):
    """For a program that shows faces without writing files."""
    face = tmp_path / "face.png"
    common = ["--radius", 3, "--sharpen", 3, "--weights", toy_weights, "-o", face]
    facegen("edit", "seed:5:3", "--single", *common)
    point = next(PointReader(codec).read("seed:5:3"))
    edit, sharpening = Edit(radius=3.0), Sharpening(3.0)
    pixels = sharpening.apply_to_faces(codec.decode(edit.apply(point.z[None])))[0]
    provenance = edit_provenance(codec, [point], edit, sharpening=sharpening)
    assert png_bytes(Image.fromarray(pixels), provenance) == face.read_bytes()


def test_a_photo_goes_to_a_radius_which_json_tells(
    codec: Codec, toy_weights: Path, photos_folder: Path, tmp_path: Path
):
    photo, sheet = photos_folder / "aligned.jpg", tmp_path / "edit.png"
    common = [photo, "--weights", toy_weights, "-o", sheet, "--json"]
    done = facegen("edit", *common, "--radius", 1.5, "--steps", 2)
    found = json.loads(done.stdout)
    point = next(PointReader(codec).read(photo))
    lengths = np.linalg.norm(point.z)
    assert found["radii"] == [pytest.approx(lengths, abs=1e-4)]
    assert found["edited_radii"] == [pytest.approx(1.5, abs=1e-4)]
    expected = codec.decode(point.z * np.array([[1], [(1 + 1.5 / lengths) / 2], [1.5 / lengths]]))
    with Image.open(sheet) as picture:
        pixels = np.asarray(picture).astype(int)
    for i, face in enumerate(expected, 1):  # behind the photo
        left = 4 + 36 * i
        assert np.abs(pixels[4:36, left : left + 32] - face).max() <= 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("edit seed:1 --single --steps 3", "--single is one picture; leave out --steps."),
        ("edit seed:1 --radius 0", "0.0 is not in the range 0<x<=1000"),
        ("edit seed:1 --r-limit 2 --truncation 0.5", "--truncation goes with --sampler, or alone"),
        ("edit seed:1 --r-limit 2", "Say what to change with --attribute, such as Smiling=1.5."),
    ],
)
def test_wrong_usage_says_what_would_be_right(line: str, message: str):
    result = facegen(*line.split())
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_single_picture_is_of_one_face(toy_weights: Path, tmp_path: Path):
    arguments = ["edit", "--single", "--weights", toy_weights, "-o", tmp_path / "a.png"]
    done = facegen(*arguments, "seed:1:0-1")
    assert str(done.exception) == "a single picture is of one face, and there are 2"
    assert not (tmp_path / "a.png").exists()
