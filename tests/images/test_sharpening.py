"""Pillow's Sharpness and UnsharpMask."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from facegen.errors import InputError
from facegen.images.sharpening import Sharpening
from toys import draw_photo

MODES = ("L", "LA", "RGB", "RGBA")


def picture(mode: str = "RGB") -> Image.Image:
    """Smooth colours with noise, and in the modes with alpha a gradient of it."""
    pixels = np.asarray(draw_photo(24, 20)).astype(int)
    noise = np.random.default_rng(2).integers(-20, 20, pixels.shape)
    image = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    image.putalpha(Image.fromarray(np.arange(480, dtype=np.uint16).reshape(20, 24).astype("u1")))
    return image.convert(mode)


@pytest.mark.parametrize("factor", [0, 0.5, 3, 6, 7])
def test_sharpness_is_pillows(factor):
    expected = ImageEnhance.Sharpness(picture()).enhance(factor)
    np.testing.assert_array_equal(Sharpening(sharpness=factor).apply(picture()), expected)


def test_sharpness_moves_away_from_the_smoothed_picture():
    """Pillow's formula: smooth + factor * (picture - smooth), clipped; the border stays."""
    original = np.asarray(picture(), float)
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = original.copy()
    windows = np.lib.stride_tricks.sliding_window_view(original, (3, 3), axis=(0, 1))
    smooth[1:-1, 1:-1] = np.rint((windows * kernel).sum(axis=(-2, -1)))
    expected = np.clip(smooth + 3 * (original - smooth), 0, 255)
    result = np.asarray(Sharpening(sharpness=3).apply(picture()), float)
    assert abs(result - expected).max() <= 2  # where Pillow rounds the smooth value otherwise
    assert abs(result - expected).mean() < 0.05


@pytest.mark.parametrize("mode", MODES)
def test_factor_1_changes_nothing(mode):
    image = picture(mode)
    np.testing.assert_array_equal(Sharpening(sharpness=1).apply(image), image)


@pytest.mark.parametrize("mode", MODES)
def test_no_sharpening_changes_nothing(mode):
    image = picture(mode)
    np.testing.assert_array_equal(Sharpening().apply(image), image)


@pytest.mark.parametrize("numbers", [(2, 150, 3), (0.5, 80, 0), (5.0, 300.0, 10.0)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_unsharp_mask_is_pillows(numbers, mode):
    radius, percent, threshold = numbers
    mask = ImageFilter.UnsharpMask(radius, int(percent), int(threshold))
    result = Sharpening(unsharp=numbers).apply(picture(mode))
    np.testing.assert_array_equal(result, picture(mode).filter(mask))
    assert (np.asarray(result) != np.asarray(picture(mode))).any()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("sharpening", [Sharpening(3.0), Sharpening(unsharp=(2, 150, 3))])
def test_alpha_is_kept_and_colours_are_sharpened_as_without_it(mode, sharpening):
    image = picture(mode)
    result = sharpening.apply(image)
    assert result.mode == mode
    np.testing.assert_array_equal(result.getchannel("A"), image.getchannel("A"))
    opaque = sharpening.apply(image.convert(mode[:-1]))
    np.testing.assert_array_equal(result.convert(mode[:-1]), opaque)


@pytest.mark.parametrize("sharpening", [Sharpening(6.0), Sharpening(unsharp=(2, 150, 3))])
def test_faces_are_sharpened_each_on_its_own(sharpening):
    faces = np.random.default_rng(3).integers(0, 256, (4, 8, 8, 3), np.uint8)
    before = faces.copy()
    result = sharpening.apply_to_faces(faces)
    assert (result.shape, result.dtype) == (faces.shape, np.uint8)
    for face, sharp in zip(faces, result, strict=True):
        np.testing.assert_array_equal(sharp, sharpening.apply(Image.fromarray(face)))
    np.testing.assert_array_equal(faces, before)


def test_faces_without_sharpening_are_the_same():
    faces = np.random.default_rng(3).integers(0, 256, (2, 8, 8, 3), np.uint8)
    np.testing.assert_array_equal(Sharpening().apply_to_faces(faces), faces)


def test_no_faces_stay_no_faces():
    none = np.zeros((0, 8, 8, 3), np.uint8)
    assert Sharpening(3.0).apply_to_faces(none).shape == none.shape


def test_only_one_way_of_sharpening_may_be_chosen():
    with pytest.raises(InputError, match="choose one"):
        Sharpening(3.0, (2, 150, 3))
    with pytest.raises(InputError, match="choose one"):
        Sharpening(0.0, (0, 0, 0))


def test_provenance_holds_the_numbers():
    assert Sharpening().provenance is None
    assert Sharpening(0.0).provenance == {"sharpness": 0.0}
    assert Sharpening(unsharp=(2, 150, 3)).provenance == {"unsharp": [2, 150, 3]}
