"""facegen as a library: a path is one source, and the points of others' arrays are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facegen
from facegen import MoveChoice
from facegen.api.analyze import analyze_radius
from facegen.api.edit import edit
from facegen.api.encode import encode
from facegen.api.info import info
from facegen.api.morph import morph
from facegen.api.originals import load_photos
from facegen.api.prepare import prepare
from facegen.api.reconstruct import reconstruct
from facegen.api.sharpen import sharpen
from facegen.errors import InputError
from facegen.images.photo_sources import count_photos, find_photos
from facegen.images.sharpening import Sharpening
from facegen.io.weights import Weights
from facegen.model.codec import Codec
from facegen.model.named_points import PointReader


@pytest.mark.parametrize("kind", [str, Path])
def test_one_path_is_one_source_of_photos(photos: Path, kind: type, toy_weights: Path):
    source = kind(photos)
    assert [photo.name for photo in find_photos(source)] == ["a.png", "b.png"]
    assert count_photos(source) == 2
    assert prepare(source, "faces.h5", size=32, workers=1).count == 2
    assert load_photos(source, size=32, align="no").names == ["a.png", "b.png"]
    assert encode(source, "latents.h5", weights=toy_weights, workers=1).rows == 2
    assert sharpen(source, "sharp", Sharpening(2)) == 2
    assert analyze_radius(kind("latents.h5"))["files"][0]["stamp"]["rows"] == 2
    reader = PointReader(Codec(Weights.load(toy_weights)), align="no")
    assert len(list(reader.read(str(photos)))) == 2


def test_a_face_set_is_one_source_too(toy_faces: Path, toy_weights: Path, tmp_path: Path):
    done = encode(str(toy_faces), tmp_path / "latents.h5", weights=toy_weights)
    assert done.rows == 300


def test_sources_may_come_from_a_generator(photos: Path):
    """They are looked at more than once."""
    assert prepare((path for path in [photos]), "faces.h5", size=32, workers=1).count == 2
    assert sharpen(photos.iterdir(), "sharp", Sharpening(2)) == 2


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f4", ">f8", "longdouble", "i1", "i8", ">i8", "u1", "u8"]
)
def test_points_of_all_real_dtypes_are_taken(codec: Codec, dtype: str):
    whole = np.random.default_rng(8).integers(0, 4, (5, 8))
    expected = codec.decode(whole.astype(np.float32))
    np.testing.assert_array_equal(codec.decode(whole.astype(dtype)), expected)
    values = codec.decode_values(whole.astype(np.float32))
    np.testing.assert_array_equal(codec.decode_values(whole.astype(dtype)), values)


def test_points_are_rounded_to_the_nearest_float32(codec: Codec):
    """1 + 0.6 * 2^-23 is nearer to 1 + 2^-23 than to 1; 2^24 + 1 lies between and goes to even."""
    for point, nearest in ((1 + 0.6 * 2**-23, 1 + 2**-23), (2**24 + 1, 2**24)):
        found = codec.decode_values(np.full((1, 8), point))
        expected = codec.decode_values(np.full((1, 8), nearest, np.float32))
        np.testing.assert_array_equal(found, expected)


def test_a_list_of_numbers_is_an_array(codec: Codec):
    points: Any = [[0, 1, 2, 3, 4, 5, 6, 7.5]]
    expected = codec.decode(np.array(points, np.float32))
    np.testing.assert_array_equal(codec.decode(points), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e300])
def test_points_that_float32_can_t_hold_are_refused(codec: Codec, value: float):
    points = np.zeros((3, 8))
    points[1, 2] = value
    for decode in (codec.decode, codec.decode_values):
        with pytest.raises(InputError, match=r"^point 1 of 3 is not finite as float32; it can't"):
            decode(points)


@pytest.mark.parametrize("dtype", ["c8", "c16", "O", "U4", "S4", "?", "M8[s]", "V4"])
def test_points_that_are_no_real_numbers_are_refused(codec: Codec, dtype: str):
    with pytest.raises(InputError, match=r"^points must be floats or integers, not "):
        codec.decode(np.zeros((2, 8), dtype))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u2", "O", "c16", "?"])
def test_faces_that_are_not_uint8_are_refused(codec: Codec, dtype: str):
    with pytest.raises(InputError, match=r"^faces must be pixels of 0 to 255 as uint8, not "):
        codec.encode(np.zeros((2, 32, 32, 3), dtype))


def test_ragged_lists_are_refused(codec: Codec):
    ragged: Any = [[1.0], [1.0, 2.0]]
    for function in (codec.decode, codec.encode):
        with pytest.raises(InputError, match=r"^expected an array of numbers: "):
            function(ragged)


def test_edit_takes_paths_and_says_where_its_faces_come_from(work: Path, tmp_path: Path):
    Path("no-photo.png").write_text("no photo")
    skipped: list[str] = []
    done = edit(
        ["photo.png", "no-photo.png", "seed:5:0-1"],
        tmp_path / "e.png",
        MoveChoice({"Smiling": 1.0}, attributes="attributes.h5"),
        steps=2,
        align="no",
        on_skip=lambda name, reason: skipped.append(name),
    )
    assert [name for name, _ in done.skipped] == skipped == ["no-photo.png"]
    assert done.points[1:] == [{"seed": 5, "row": 0}, {"seed": 5, "row": 1}]
    assert info(done.path)["provenance"]["points"] == done.points


def test_morph_takes_paths_and_chooses_steps_and_size_by_its_output(work: Path, tmp_path: Path):
    strip = morph(["seed:5", "seed:6"], tmp_path / "m.png")
    animation = morph(["seed:5", "seed:6"], tmp_path / "m.gif", weights=None)
    made = [info(done.path)["provenance"] for done in (strip, animation)]
    assert [(one["steps"], one["scale"]) for one in made] == [(6, 1), (24, 9)]  # 9 * 32 = 288
    assert strip.points == animation.points == [{"seed": 5, "row": 0}, {"seed": 6, "row": 0}]


def test_reconstruct_takes_a_face_set_or_photos(work: Path, tmp_path: Path):
    drawn: list[int] = []
    chosen = reconstruct("faces.h5", tmp_path / "f.png", count=3, on_seed=drawn.append)
    assert drawn == [chosen.seed]
    again = reconstruct("faces.h5", tmp_path / "g.png", count=3, seed=chosen.seed)
    assert again.originals.names == chosen.originals.names
    photos = reconstruct(["photo.png"], tmp_path / "p.png", align="no", on_seed=drawn.append)
    assert len(drawn) == 1
    assert photos.originals.names == ["photo.png"]


def test_reproduce_query_export_and_info_are_functions_of_the_package(work: Path, tmp_path: Path):
    (made,) = facegen.generate_files(facegen.GenerateRequest(tmp_path / "a.png", count=2, seed=5))
    done = facegen.reproduce(made.path, tmp_path / "b.png")
    assert done.largest_difference == 0
    rows = [found["row"] for found in facegen.query("latents.h5", attribute={"Smiling": 1})]
    assert facegen.info("latents.h5")["attributes"]
    assert facegen.export("latents.h5", tmp_path / "p.npy", kind="npy", points="mu") == 300
    points = np.load(tmp_path / "p.npy")[rows]
    np.testing.assert_array_equal(points, facegen.read_latents("latents.h5", rows, array="mu"))
