"""Pictures that `reproduce` has cut out of sheets or resized: what was done to them, in stages.

Such a picture carries what its sheet does, but "reproduced" (the cell and the size) instead of
"grid" and "sharpened", which "reproduced_from" keeps; if that picture was itself reproduced, its
own "reproduced" and "reproduced_from" lie there, too. What `facegen sharpen` did later is recorded
beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from PIL import Image

from facegen.errors import InputError
from facegen.images.sharpening import Sharpening, sharpen_image
from facegen.images.sheets import MAX_SHEET_PIXELS, Grid
from facegen.io.records import Record
from facegen.recipes.ingredients import read_sharpening

OF_A_PICTURE = ("grid", "sharpened", "reproduced", "reproduced_from")
MAX_STAGES = 4
MAX_SHARPENED = 16  # times
MAX_SIDE = 1 << 20  # pixels
MIN_SIZE, MAX_SIZE = 8, 4096  # pixels of the height that `reproduce` may give a picture
MAX_CUT_PIXELS = 100_000_000  # of what it makes, and of a sheet that it shows smaller


@dataclass(frozen=True)
class Cut:
    """A part of a picture, and how large it is shown.

    Attributes:
        cell: row and column of a sheet, from 1; None for all of it.
        size: its height in pixels; None for as it is.
    """

    cell: tuple[int, int] | None
    size: int | None

    def box(self, grid: Grid | None) -> tuple[int, int, int, int] | None:
        """The cell as (left, upper, right, lower); None for the whole picture.

        Raises:
            InputError: there is no such cell.
        """
        if self.cell is None:
            return None
        rows, columns = (grid.rows, grid.columns) if grid else (1, 1)
        row, column = self.cell
        if not (1 <= row <= rows and 1 <= column <= columns):
            raise InputError(
                f"the picture has {rows} rows of {columns} faces; there is no cell {self.cell}"
            )
        if grid is None:
            return None
        left = grid.margin + (column - 1) * (grid.width + grid.gap)
        upper = grid.margin + (row - 1) * (grid.height + grid.gap)
        return left, upper, left + grid.width, upper + grid.height

    def result_size(self, size: tuple[int, int], grid: Grid | None) -> tuple[int, int]:
        """Width and height of what it makes of a picture of some size.

        Raises:
            InputError: there is no such cell, or it is too large.
        """
        if box := self.box(grid):
            size = box[2] - box[0], box[3] - box[1]
        if self.size is not None:
            size = max(1, round(size[0] * self.size / size[1])), self.size
            if size[0] * size[1] > MAX_CUT_PIXELS:
                raise InputError(f"{size[0]}x{size[1]} is more than {MAX_CUT_PIXELS} pixels")
        return size

    def apply(self, picture: Image.Image, grid: Grid | None) -> Image.Image:
        """The part of a picture, enlarged or reduced (LANCZOS)."""
        width, height = self.result_size(picture.size, grid)
        if box := self.box(grid):
            picture = picture.crop(box)
        if self.size is None:
            return picture
        return picture.resize((width, height), Image.Resampling.LANCZOS)

    def record(self, provenance: dict[str, Any]) -> dict[str, Any]:
        """What it makes of a picture's provenance."""
        before = {key: provenance[key] for key in OF_A_PICTURE if key in provenance}
        rest = {key: value for key, value in provenance.items() if key not in OF_A_PICTURE}
        cell = list(self.cell) if self.cell else None
        return {**rest, "reproduced": {"cell": cell, "size": self.size}, "reproduced_from": before}


@dataclass(frozen=True)
class Stage:
    """A picture on its way.

    Attributes:
        grid: of a sheet.
        sharpened: what was done to it, tile by tile.
        cut: what is made of it then; None of the last.
    """

    grid: Grid | None
    sharpened: list[Sharpening]
    cut: Cut | None

    def sharpen(self, picture: Image.Image) -> Image.Image:
        """The picture once it is sharpened."""
        for sharpening in self.sharpened:
            picture = sharpen_image(picture, sharpening, self.grid)
        return picture


def _read_grid(record: Record) -> Grid:
    least = {"gap": 0, "margin": 0}
    names = [field.name for field in fields(Grid)]
    return Grid(**{name: record.whole(name, least.get(name, 1), MAX_SIDE) for name in names})


def _read_cut(record: Record) -> Cut:
    cell, size = None, None
    if record.value("cell") is not None:
        row, column = record.numbers("cell", 2, 1, MAX_SIDE)
        cell = int(row), int(column)
    if record.value("size") is not None:
        size = record.whole("size", MIN_SIZE, MAX_SIZE)
    return Cut(cell, size)


def _cut_cell(stages: list[Stage]) -> bool:
    return stages[0].cut is not None and stages[0].cut.cell is not None


def read_stages(provenance: dict[str, Any], size: tuple[int, int], face: int) -> list[Stage]:
    """The stages of a picture, from the sheet or face that was made to the picture itself.

    Args:
        size: width and height of the picture.
        face: height and width of the face that was made, where there is no sheet.

    Raises:
        InputError: a value is damaged, or these stages don't make a picture of that size.
    """
    record, stages, cut = Record(provenance), list[Stage](), None
    while True:
        grid = _read_grid(record.record("grid")) if "grid" in record else None
        again = record.items("sharpened", MAX_SHARPENED) if "sharpened" in record else []
        own = Record(dict(enumerate(again)), "sharpened")
        stages.insert(0, Stage(grid, [read_sharpening(own, i) for i in range(len(again))], cut))
        if "reproduced" not in record:
            break
        if "reproduced_from" not in record:
            raise InputError("it was cut by a facegen that didn't record its sheet; cut it again")
        if len(stages) == MAX_STAGES:
            raise InputError(f"it was reproduced more than {MAX_STAGES - 1} times")
        cut, record = _read_cut(record.record("reproduced")), record.record("reproduced_from")
    first = stages[0].grid
    found = first.sheet_size if first else (face, face)
    most = MAX_SHEET_PIXELS if len(stages) == 1 or _cut_cell(stages) else MAX_CUT_PIXELS
    if found[0] * found[1] > most:
        raise InputError(f"its sheet of {found[0]}x{found[1]} is more than {most} pixels")
    for stage in stages:
        if stage.grid is not None and stage is not stages[0]:
            raise InputError("the provenance is damaged: a part of a sheet has a grid")
        if stage.cut is not None:
            found = stage.cut.result_size(found, stage.grid)
    if found != size:
        raise InputError("the provenance's grid does not fit the picture; was it cropped?")
    return stages
