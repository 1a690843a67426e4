"""How far two files differ: the largest difference, wherever it is."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.io.face_set_writer import FaceSetWriter
from facegen.recipes.comparison import (
    BATCH,
    animation_difference,
    picture_difference,
    store_difference,
)


def write(path: Path, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def differ(tmp_path: Path, one: np.ndarray, other: np.ndarray, name: str = "z") -> float | None:
    paths = [write(tmp_path / f"{i}.h5", **{name: v}) for i, v in enumerate((one, other))]
    return store_difference(*paths)


@pytest.mark.parametrize("row", [0, BATCH - 1, BATCH, 2 * BATCH])
def test_the_largest_difference_is_found_in_every_row(row: int, tmp_path: Path):
    one = np.zeros((2 * BATCH + 1, 3), np.float32)
    other = one.copy()
    other[row, 2], other[BATCH // 2, 0] = -0.5, 0.25
    assert differ(tmp_path, one, other) == 0.5


def test_numbers_that_are_not_finite_are_equal_to_themselves_alone(tmp_path: Path):
    odd = np.array([-np.inf, np.nan, 1.0])
    assert differ(tmp_path, odd, np.array([-np.inf, np.nan, 1.5])) == 0.5
    assert differ(tmp_path, odd, np.array([-np.inf, 0.0, 1.0])) is None
    assert differ(tmp_path, odd, np.array([np.inf, np.nan, 1.0])) is None


def test_what_is_no_number_is_equal_or_not(tmp_path: Path):
    names = np.array([b"a", b"b"])
    assert differ(tmp_path, names, names) == 0
    assert differ(tmp_path, names, np.array([b"a", b"c"])) is None
    assert differ(tmp_path, np.arange(3), np.array([0, 1, 3])) is None  # a count
    assert differ(tmp_path, np.array(3), np.array(3)) == 0
    assert differ(tmp_path, np.zeros((2, 3)), np.zeros((3, 2))) is None
    one, other = write(tmp_path / "a", x=names), write(tmp_path / "b", x=names, y=names)
    assert store_difference(one, other) is None


def test_pixels_of_a_store_differ_in_256ths(tmp_path: Path):
    black = np.zeros((2, 2, 2, 3), np.uint8)
    assert differ(tmp_path, black, black + np.uint8(3), "images") == 3


def save_gif(path: Path, *shades: int) -> Path:
    first, *rest = (Image.new("L", (8, 8), shade) for shade in shades)
    first.save(path, save_all=True, append_images=rest)
    return path


def test_every_frame_of_an_animation_counts(tmp_path: Path):
    one = save_gif(tmp_path / "1.gif", 0, 50, 100)
    assert animation_difference(one, save_gif(tmp_path / "2.gif", 0, 50, 107)) == 7
    assert animation_difference(one, save_gif(tmp_path / "3.gif", 0, 50)) == 255
    assert animation_difference(one, one) == 0


def test_pictures_of_different_sizes_differ_as_black_and_white():
    assert picture_difference(Image.new("RGB", (2, 2)), Image.new("RGB", (2, 3))) == 255
    assert picture_difference(Image.new("RGB", (2, 2)), Image.new("RGB", (2, 2), (0, 9, 0))) == 9


def test_a_generated_face_set_of_format_1_is_compared_without_digests(tmp_path: Path):
    """Earlier ones have none; the images, which are compared, are what they are of."""
    paths = [tmp_path / name for name in ("old.h5", "new.h5")]
    for path in paths:
        with FaceSetWriter(path, size=8, source="", crop="") as writer:
            writer.append(np.full((3, 8, 8, 3), 7, np.uint8), ["a", "b", "c"])
    with h5py.File(paths[0], "r+") as file:
        del file["row_digests"]
    assert store_difference(*paths) == 0
    with h5py.File(paths[0], "r+") as file:
        file["images"][1, 2, 3, 0] = 9
    assert store_difference(*paths) == 2
