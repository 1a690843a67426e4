"""What the recipes of pictures have in common (`facegen.recipes.recipe`)."""

from __future__ import annotations

from dataclasses import dataclass

from facegen.errors import InputError
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import Grid
from facegen.io.records import Record
from facegen.recipes.ingredients import Model, read_sharpening

Cell = tuple[int, int]  # row and column of a sheet, from 0


@dataclass(frozen=True)
class Recipe:
    """What made an output; each kind of output has a subclass.

    Attributes:
        model: the weights.
        sharpening: of each face.
    """

    model: Model
    sharpening: Sharpening

    @staticmethod
    def common(record: Record) -> tuple[Model, Sharpening]:
        """The values of these attributes."""
        return Model.read(record.record("weights")), read_sharpening(record)

    def grid(self, side: int) -> Grid | None:
        """Where its tiles lie, of faces of side x side pixels; None of a single face."""
        raise NotImplementedError

    def narrowed(self, cell: Cell) -> tuple[Recipe, Cell]:
        """A recipe of as little as has that cell of the sheet, and where it has it.

        Raises:
            InputError: there is no face.
        """
        raise NotImplementedError


def in_stack(cell: Cell, layers: int, columns: int, count: int) -> tuple[int, Cell]:
    """Which of `count` faces has a tile, and where the tile is on a sheet of that face alone."""
    index = cell[0] // layers * columns + cell[1]
    if index >= count:
        raise InputError("there is no face in that cell")
    return index, (cell[0] % layers, 0)
