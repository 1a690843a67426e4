"""Contact sheets: faces side by side, in a PNG that says where they are and how it was made."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from facegen.errors import InputError
from facegen.io.files import atomic_output
from facegen.io.pictures import MAX_PIXELS, check_pixels, open_photo
from facegen.io.provenance import PROVENANCE_KEY, png_texts, with_version
from facegen.io.temporaries import Temporary

BACKGROUND = 255
ROWS_PER_PAGE = 20  # of faces; a sheet with more is split into pages
# Pixels that are made and read: reconstruct --n 10000 makes a sheet of 201 million with faces of
# 96x96, of 354 million with 128x128.
MAX_SHEET_PIXELS = 400_000_000


@dataclass(frozen=True)
class Grid:
    """Where the tiles of a sheet are, in pixels.

    Tile (row, column) has its upper left corner at margin + row * (height + gap) and
    margin + column * (width + gap). `count` tiles are filled, row by row.
    """

    count: int
    columns: int
    height: int
    width: int
    gap: int = 4
    margin: int = 4

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def sheet_size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        width = 2 * self.margin + self.columns * (self.width + self.gap) - self.gap
        height = 2 * self.margin + self.rows * (self.height + self.gap) - self.gap
        return width, height

    def corners(self) -> Iterator[tuple[int, int]]:
        """Yields (left, upper) of each filled tile."""
        for index in range(self.count):
            row, column = divmod(index, self.columns)
            yield (
                self.margin + column * (self.width + self.gap),
                self.margin + row * (self.height + self.gap),
            )


def check_sheet(width: int, height: int) -> None:
    """Raises InputError if a picture would be too large for facegen to read it again."""
    if width * height > MAX_SHEET_PIXELS:
        raise InputError(
            f"the sheet would have {width}x{height} pixels, more than the {MAX_SHEET_PIXELS} that "
            "facegen reads; choose fewer faces"
        )


def _grid(count: int, columns: int, height: int, width: int) -> Grid:
    """The grid of a sheet that is not too large; raises InputError, as `check_sheet`."""
    grid = Grid(count=count, columns=min(columns, count), height=height, width=width)
    check_sheet(*grid.sheet_size)
    return grid


def stack_grid(count: int, layers: int, columns: int, height: int, width: int) -> Grid:
    """The grid of `make_stack_sheet` for layers of `count` faces.

    Raises:
        InputError: it is too large.
    """
    columns = min(columns, count)
    return _grid(layers * -(-count // columns) * columns, columns, height, width)


def make_sheet(faces: np.ndarray, *, columns: int = 7) -> tuple[Image.Image, Grid]:
    """Puts faces side by side on white, `columns` a row.

    Args:
        faces: uint8 (N, height, width, 3), N at least 1.

    Returns:
        The RGB sheet, and where its tiles are. Fewer faces than columns make a narrower sheet.

    Raises:
        InputError: there are no faces, or too many for a sheet that facegen reads.
    """
    count, height, width, _ = faces.shape
    if count == 0:
        raise InputError("a sheet needs at least one face")
    grid = _grid(count, columns, height, width)
    sheet_width, sheet_height = grid.sheet_size
    sheet = np.full((sheet_height, sheet_width, 3), BACKGROUND, np.uint8)
    for face, (left, upper) in zip(faces, grid.corners(), strict=True):
        sheet[upper : upper + height, left : left + width] = face
    return Image.fromarray(sheet), grid


def make_stack_sheet(layers: Sequence[np.ndarray], *, columns: int = 7) -> tuple[Image.Image, Grid]:
    """A sheet with a row of the first layer's faces over a row of the second's, and so on.

    Args:
        layers: two or more, each uint8 (N, height, width, 3), N at least 1.

    Returns:
        As `make_sheet`. Where a row is not full, its tiles are white.
    """
    height, width = layers[0].shape[1:3]
    grid = stack_grid(len(layers[0]), len(layers), columns, height, width)
    tiles = np.full((grid.rows, grid.columns, height, width, 3), BACKGROUND, "u1")
    for i, stack in enumerate(zip(*layers, strict=True)):
        row, column = divmod(i, grid.columns)
        for layer, face in enumerate(stack):
            tiles[len(layers) * row + layer, column] = face
    return make_sheet(tiles.reshape(-1, height, width, 3), columns=grid.columns)


def save_png(
    image: Image.Image,
    path: str | os.PathLike,
    provenance: dict[str, Any],
    *,
    grid: Grid | None = None,
    force: bool = True,
) -> None:
    """Writes a PNG that says how it was made, whole or not at all.

    Args:
        provenance: JSON values; facegen's version, and the grid of a sheet, are added.

    Raises:
        InputError: it is too large for facegen to read it again.
        OutputError: it exists (without `force`) or can't be written.
    """
    with atomic_output(path, force=force) as temporary:
        write_png(image, temporary, provenance, grid=grid)


def write_png(
    image: Image.Image,
    temporary: Temporary,
    provenance: dict[str, Any],
    *,
    grid: Grid | None = None,
) -> None:
    """Writes a PNG that says how it was made, into a file that others publish.

    Raises:
        InputError: it is too large for facegen to read it again.
    """
    check_sheet(*image.size)
    image.save(temporary.file, format="PNG", pnginfo=_png_text(provenance, grid))


def png_bytes(image: Image.Image, provenance: dict[str, Any], *, grid: Grid | None = None) -> bytes:
    """What `save_png` would write, for who sends it somewhere."""
    check_sheet(*image.size)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=_png_text(provenance, grid))
    return buffer.getvalue()


def _png_text(provenance: dict[str, Any], grid: Grid | None) -> PngImagePlugin.PngInfo:
    """The text chunks of a PNG: facegen's version and a sheet's grid are added."""
    provenance = with_version(provenance)
    if grid is not None:
        provenance["grid"] = asdict(grid)
    return png_texts(provenance)


def read_grid(provenance: dict[str, Any] | None, size: tuple[int, int]) -> Grid | None:
    """The grid of a sheet of `size` (width, height), or None where the picture is no sheet.

    Raises:
        InputError: the provenance describes a sheet of another size.
    """
    if not provenance or "grid" not in provenance:
        return None
    try:
        grid = Grid(**{name: int(value) for name, value in provenance["grid"].items()})
        fits = (
            min(grid.count, grid.columns, grid.height, grid.width) >= 1
            and min(grid.gap, grid.margin) >= 0
        )
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError("the provenance's grid is damaged") from error
    if not fits or grid.sheet_size != size:
        raise InputError("the provenance's grid does not fit the picture; was it cropped?")
    return grid


def open_picture(data: bytes) -> Image.Image:
    """Opens a picture without decoding it yet; one of facegen's may be larger than a photo.

    Raises:
        InputError: as `open_photo`.
    """
    image = open_photo(data, max_pixels=MAX_SHEET_PIXELS)
    if PROVENANCE_KEY not in image.info:  # which facegen writes before the pixels
        check_pixels(image.size, MAX_PIXELS)
    return image
