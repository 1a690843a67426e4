"""Contact sheets, and the provenance inside a PNG."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

import facegen
from facegen.errors import InputError, OutputError
from facegen.images.sheets import Grid, make_sheet, read_grid, save_png
from facegen.io.provenance import MAX_PROVENANCE_BYTES, read_provenance

sides = st.integers(1, 12)
grids = st.builds(
    Grid,
    count=st.integers(1, 30),
    columns=st.integers(1, 9),
    height=sides,
    width=sides,
    gap=st.integers(0, 5),
    margin=st.integers(0, 5),
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children),
    max_leaves=8,
)
GRID = {"count": 5, "columns": 3, "height": 10, "width": 8, "gap": 4, "margin": 4}
GRID_SIZE = (2 * 4 + 3 * 8 + 2 * 4, 2 * 4 + 2 * 10 + 4)  # 40 x 32


def faces_of(count: int, height: int = 10, width: int = 8) -> np.ndarray:
    shape = (count, height, width, 3)
    return np.random.default_rng(count).integers(0, 255, shape, np.uint8)  # 255 is background


def png_with(text: str) -> Image.Image:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("facegen", text)
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=info)
    return Image.open(file)


def test_tiles_lie_where_the_documentation_says():
    faces = faces_of(5)
    sheet, grid = make_sheet(faces, columns=3)
    pixels = np.asarray(sheet)
    assert sheet.size == GRID_SIZE == grid.sheet_size
    expected = np.full_like(pixels, 255)
    for index, face in enumerate(faces):
        row, column = index // 3, index % 3
        upper, left = 4 + row * (10 + 4), 4 + column * (8 + 4)
        expected[upper : upper + 10, left : left + 8] = face
    np.testing.assert_array_equal(pixels, expected)


def test_fewer_faces_than_columns_make_a_narrower_sheet():
    sheet, grid = make_sheet(faces_of(2), columns=7)
    assert sheet.size == (4 + 8 + 4 + 8 + 4, 4 + 10 + 4)
    assert grid.columns == 2


def test_a_sheet_needs_a_face():
    with pytest.raises(InputError, match="at least one face"):
        make_sheet(faces_of(0))


@given(grids)
def test_corners_are_as_many_as_tiles_apart_and_inside_the_sheet(grid):
    width, height = grid.sheet_size
    corners = list(grid.corners())
    assert len(set(corners)) == grid.count
    covered = np.zeros((height, width), int)
    for left, upper in corners:
        assert left >= grid.margin
        assert upper >= grid.margin
        assert left + grid.width <= width - grid.margin
        assert upper + grid.height <= height - grid.margin
        covered[upper : upper + grid.height, left : left + grid.width] += 1
    assert covered.max() == 1
    assert covered.sum() == grid.count * grid.height * grid.width
    assert corners == sorted(corners, key=lambda corner: corner[::-1])


@given(grids)
def test_rows_hold_all_tiles_and_none_is_empty(grid):
    assert (grid.rows - 1) * grid.columns < grid.count <= grid.rows * grid.columns


@given(st.integers(1, 20), st.integers(1, 9))
def test_a_sheet_gives_its_faces_back(count, columns):
    faces = faces_of(count, 3, 2)
    sheet, grid = make_sheet(faces, columns=columns)
    pixels = np.asarray(sheet)
    tiles = [pixels[y : y + grid.height, x : x + grid.width] for x, y in grid.corners()]
    np.testing.assert_array_equal(tiles, faces)


@settings(max_examples=20)  # each is written and flushed to the disk
@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_provenance_survives_a_png(tmp_path_factory, provenance):
    provenance.pop("facegen_version", None)
    path = tmp_path_factory.getbasetemp() / "provenance.png"
    save_png(Image.new("RGB", (3, 2)), path, provenance)
    with Image.open(path) as image:
        expected = {"facegen_version": facegen.__version__, **provenance}
        assert read_provenance(image) == expected


def test_provenance_is_readable_text_for_other_programs(tmp_path):
    save_png(Image.new("RGB", (3, 2)), tmp_path / "a.png", {"weights": "Größe 人 😀"})
    data = (tmp_path / "a.png").read_bytes()
    assert b"iTXtfacegen\0\0" in data  # an uncompressed chunk with the keyword facegen
    assert "Größe 人 😀".encode() in data


def test_the_grid_of_a_saved_sheet_is_read_again(tmp_path):
    sheet, grid = make_sheet(faces_of(5), columns=3)
    save_png(sheet, tmp_path / "sheet.png", {"seed": 7}, grid=grid)
    with Image.open(tmp_path / "sheet.png") as image:
        provenance = read_provenance(image)
        assert provenance == {"facegen_version": facegen.__version__, "seed": 7, "grid": GRID}
        assert read_grid(provenance, image.size) == grid
        np.testing.assert_array_equal(np.asarray(image), np.asarray(sheet))


def test_save_png_does_not_change_the_provenance_it_is_given(tmp_path):
    provenance = {"seed": 7}
    sheet, grid = make_sheet(faces_of(1))
    save_png(sheet, tmp_path / "sheet.png", provenance, grid=grid)
    assert provenance == {"seed": 7}


def test_a_png_is_not_overwritten_without_force(tmp_path):
    path = tmp_path / "a.png"
    save_png(Image.new("RGB", (3, 2)), path, {})
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        save_png(Image.new("RGB", (9, 9)), path, {}, force=False)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_picture_without_provenance_has_none(photos_folder):
    for name in ("colour.png", "colour.jpg"):
        with Image.open(photos_folder / name) as image:
            assert read_provenance(image) is None


@pytest.mark.parametrize("text", ["", "no JSON", '{"seed": ', "[" * 100_000])
def test_provenance_that_is_not_json_is_refused(text):
    with pytest.raises(InputError, match="not JSON"):
        read_provenance(png_with(text))


@pytest.mark.parametrize("value", [None, 5, "text", ["list"]])
def test_provenance_that_is_not_an_object_is_refused(value):
    with pytest.raises(InputError, match="not a JSON object"):
        read_provenance(png_with(json.dumps(value)))


def test_provenance_has_a_largest_length():
    longest = json.dumps({"a": "x" * (MAX_PROVENANCE_BYTES - 9)})
    assert len(longest) == MAX_PROVENANCE_BYTES
    provenance = read_provenance(png_with(longest))
    assert provenance is not None
    assert len(provenance["a"]) == MAX_PROVENANCE_BYTES - 9


def test_longer_provenance_is_refused(monkeypatch):
    monkeypatch.setattr("facegen.io.provenance.MAX_PROVENANCE_BYTES", 10)
    with pytest.raises(InputError, match="too long"):
        read_provenance(png_with('{"seed": 12}'))


@pytest.mark.parametrize("provenance", [None, {}, {"seed": 1}])
def test_a_picture_without_a_grid_is_no_sheet(provenance):
    assert read_grid(provenance, (10, 10)) is None


def test_a_grid_without_gap_and_margin_is_a_grid():
    grid = {**GRID, "gap": 0, "margin": 0}
    assert read_grid({"grid": grid}, (24, 20)) == Grid(**grid)


@pytest.mark.parametrize("size", [(39, 32), (40, 31), (32, 40), (400, 320)])
def test_a_cropped_or_scaled_sheet_is_refused(size):
    assert read_grid({"grid": GRID}, GRID_SIZE) == Grid(**GRID)
    with pytest.raises(InputError, match="does not fit the picture"):
        read_grid({"grid": GRID}, size)


@pytest.mark.parametrize(
    "change",
    [
        {"count": "many"},
        {"count": None},
        {"count": [5]},
        {"count": float("inf")},
        {"count": float("nan")},
        {"count": 0},
        {"count": -5},
        {"columns": 0},
        {"width": 0},
        {"height": -10},
        {"gap": -4},
        {"margin": -4},
        {"colour": 1},
    ],
)
def test_a_damaged_grid_is_refused(change):
    with pytest.raises(InputError, match="grid"):
        read_grid({"grid": {**GRID, **change}}, GRID_SIZE)


@pytest.mark.parametrize("grid", [None, 5, [], "grid", {}, {"count": 5}])
def test_a_grid_of_another_form_is_refused(grid):
    with pytest.raises(InputError, match="grid is damaged"):
        read_grid({"grid": grid}, GRID_SIZE)


@pytest.mark.parametrize(
    "change", [{"columns": -3, "count": -5}, {"gap": -1}, {"margin": -1}, {"width": 0}]
)
def test_a_grid_of_impossible_numbers_is_refused_even_if_it_fits(change):
    grid = {**GRID, **change}
    size = Grid(**grid).sheet_size
    with pytest.raises(InputError, match="does not fit"):
        read_grid({"grid": grid}, size)
