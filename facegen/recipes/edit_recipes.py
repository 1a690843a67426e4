"""Recipes of edited and morphed faces (`facegen.recipes.recipe` has the others).

Every value is checked as it is read: provenance may be a stranger's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from facegen.errors import InputError
from facegen.images.animation import MAX_FPS
from facegen.images.sheets import Grid
from facegen.io.records import Record
from facegen.latent.interpolation import PATHS
from facegen.recipes.ingredients import EditRecipe, Source
from facegen.recipes.picture_recipe import Cell, Recipe

MAX_STEPS = MAX_SCALE = 1 << 20  # the output's own size is nearer
CORNERS = 4


@dataclass(frozen=True)
class Edited(Recipe):
    """Of `edit`: a row for each face; without steps it is a single face."""

    sources: list[Source]
    edit: EditRecipe
    steps: int | None

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> Edited:
        found = cls(
            *cls.common(record),
            [Source.read(source) for source in record.records("points", most)],
            EditRecipe.read(record),
            record.whole("steps", 1, MAX_STEPS) if columns else None,
        )
        if not found.sources:
            raise record.fail("points", "a list of faces")
        return found

    @property
    def _has_originals(self) -> bool:
        return any(source.has_original for source in self.sources)

    def grid(self, side: int) -> Grid | None:
        if self.steps is None:
            return None
        columns = self.steps + 1 + self._has_originals
        return Grid(len(self.sources) * columns, columns, side, side)

    def narrowed(self, cell: Cell) -> tuple[Recipe, Cell]:
        row, column = cell
        some = replace(self, sources=self.sources[row : row + 1])
        column -= self._has_originals - some._has_originals  # its blank tile is not made
        if column < 0:
            raise InputError("there is no face in that cell")
        return some, (0, column)


@dataclass(frozen=True)
class Morphed(Recipe):
    """Of `morph`: a strip has a row for each step from face to face."""

    sources: list[Source]
    edit: EditRecipe
    steps: int
    path: str
    scale: int
    fps: float | None = None
    one_way: bool | None = None

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> Morphed:
        found = cls(
            *cls.common(record),
            [Source.read(source) for source in record.records("points", most)],
            EditRecipe.read(record),
            record.whole("steps", 1, MAX_STEPS),
            record.text("path", choices=PATHS),
            record.whole("scale", 1, MAX_SCALE),
        )
        if len(found.sources) < 2:
            raise record.fail("points", "a list of two faces or more")
        return found

    @classmethod
    def read_animation(cls, record: Record, most: int, columns: int | None) -> Morphed:
        fps, one_way = record.number("fps", 1e-3, MAX_FPS), record.flag("one_way")
        return replace(cls.read(record, most, columns), fps=fps, one_way=one_way)

    def grid(self, side: int) -> Grid:
        count = (len(self.sources) - 1) * (self.steps + 1)
        return Grid(count, self.steps + 1, side * self.scale, side * self.scale)

    def narrowed(self, cell: Cell) -> tuple[Recipe, Cell]:
        return replace(self, sources=self.sources[cell[0] : cell[0] + 2]), (0, cell[1])

    @property
    def frames(self) -> int:
        """Pictures of an animation."""
        count = (len(self.sources) - 1) * self.steps + 1
        return count if self.one_way else 2 * count - 2


@dataclass(frozen=True)
class Mixed(Recipe):
    """Of `morph`: the picture at a place between two faces or four, or a square of such pictures.

    Attributes:
        place: (u) or (u, v), or None of a square.
        side: of a square; None of a single picture.
    """

    sources: list[Source]
    edit: EditRecipe
    path: str
    place: tuple[float, ...] | None
    side: int | None
    scale: int

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> Mixed:
        place = None
        if "mix" in record:
            place = record.numbers("mix", len(record.items("mix", 2)), 0, 1)
        found = cls(
            *cls.common(record),
            [Source.read(source) for source in record.records("points", CORNERS)],
            EditRecipe.read(record),
            record.text("path", choices=PATHS),
            place,
            record.whole("square", 2, MAX_STEPS) if place is None else None,
            record.whole("scale", 1, MAX_SCALE) if place is None else 1,
        )
        corners = CORNERS if place is None else 2 ** len(place)
        if place == () or len(found.sources) != corners:
            raise record.fail("points", "the faces of a mix, two or four")
        return found

    def grid(self, side: int) -> Grid | None:
        if self.side is None:
            return None
        return Grid(self.side**2, self.side, side * self.scale, side * self.scale)

    def narrowed(self, cell: Cell) -> tuple[Recipe, Cell]:
        assert self.side is not None
        v, u = (number / (self.side - 1) for number in cell)
        return replace(self, place=(u, v), side=None), (0, 0)


def read_morph(record: Record, most: int, columns: int | None) -> Morphed | Mixed:
    """A picture of `morph`."""
    kind = Mixed if "mix" in record or "square" in record else Morphed
    return kind.read(record, most, columns)
