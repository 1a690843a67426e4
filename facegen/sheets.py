"""Contact sheets, and the provenance inside a picture."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

import facegen
from facegen.errors import InputError
from facegen.files import atomic_output
from facegen.images import decoding_errors

PROVENANCE_KEY = "facegen"  # the keyword of the PNG's text chunk
BEGINNING = '{"facegen_version"'  # of the JSON, by which other texts are told apart
EXIF_DESCRIPTION = 0x010E
MAX_PROVENANCE_BYTES = 1 << 20
BACKGROUND = 255


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


def make_sheet(faces: np.ndarray, *, columns: int = 7) -> tuple[Image.Image, Grid]:
    """Puts faces side by side on white, `columns` a row.

    Args:
        faces: uint8 (N, height, width, 3), N at least 1.

    Returns:
        The RGB sheet, and where its tiles are. Fewer faces than columns make a narrower sheet.
    """
    count, height, width, _ = faces.shape
    if count == 0:
        raise InputError("a sheet needs at least one face")
    grid = Grid(count=count, columns=min(columns, count), height=height, width=width)
    sheet_width, sheet_height = grid.sheet_size
    sheet = np.full((sheet_height, sheet_width, 3), BACKGROUND, np.uint8)
    for face, (left, upper) in zip(faces, grid.corners(), strict=True):
        sheet[upper : upper + height, left : left + width] = face
    return Image.fromarray(sheet), grid


def make_pair_sheet(
    upper: np.ndarray, lower: np.ndarray, *, columns: int = 7
) -> tuple[Image.Image, Grid]:
    """A sheet with a row of the upper faces over a row of the lower ones, and so on.

    Args:
        upper, lower: uint8 (N, height, width, 3) both, N at least 1.

    Returns:
        As `make_sheet`. Where a row is not full, its tiles are white.
    """
    columns = min(columns, len(upper))
    tiles = np.full((2 * -(-len(upper) // columns), columns, *upper.shape[1:]), BACKGROUND, "u1")
    for i, pair in enumerate(zip(upper, lower, strict=True)):
        row, column = divmod(i, columns)
        tiles[2 * row, column], tiles[2 * row + 1, column] = pair
    return make_sheet(tiles.reshape(-1, *upper.shape[1:]), columns=columns)


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
    """
    provenance = with_version(provenance)
    if grid is not None:
        provenance["grid"] = asdict(grid)
    text = PngImagePlugin.PngInfo()
    add_provenance(text, provenance)
    with atomic_output(path, force=force) as temporary:
        image.save(temporary.file, format="PNG", pnginfo=text)


def with_version(provenance: dict[str, Any]) -> dict[str, Any]:
    """Provenance that begins with facegen's version, as every one does (`BEGINNING`)."""
    return {"facegen_version": facegen.__version__, **provenance}


def add_provenance(text: PngImagePlugin.PngInfo, provenance: dict[str, Any]) -> None:
    """Adds the text chunk; names that are not UTF-8 lose the bytes that are not."""
    content = json.dumps(provenance, ensure_ascii=False)
    text.add_itxt(PROVENANCE_KEY, content.encode(errors="replace").decode())


def read_provenance(image: Image.Image) -> dict[str, Any] | None:
    """The provenance inside an opened picture, or None where there is none.

    It is a PNG's text chunk, a GIF's comment or the description in the EXIF data of a WebP.

    Raises:
        InputError: there is a text of facegen's, but not with JSON that facegen wrote, or the
            picture is damaged.
    """
    with decoding_errors():
        text = _provenance_text(image)
    return None if text is None else parse_provenance(text)


def parse_provenance(text: str) -> dict[str, Any]:
    """Reads the JSON of a provenance; raises InputError if it can't be facegen's."""
    if len(text) > MAX_PROVENANCE_BYTES:
        raise InputError("the provenance is too long to be facegen's")
    try:
        provenance = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("the provenance is damaged: not JSON") from error
    if not isinstance(provenance, dict):
        raise InputError("the provenance is damaged: not a JSON object")
    return provenance


def _provenance_text(image: Image.Image) -> str | None:
    texts = getattr(image, "text", None) or {}
    if PROVENANCE_KEY in texts:
        return str(texts[PROVENANCE_KEY])
    comment = image.info.get("comment", b"")
    if isinstance(comment, bytes):
        comment = comment.decode(errors="replace")
    description = str(image.getexif().get(EXIF_DESCRIPTION, "")) if image.format == "WEBP" else ""
    return next((text for text in (comment, description) if text.startswith(BEGINNING)), None)


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
