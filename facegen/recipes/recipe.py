"""Recipes: what an output says of how it was made, read into checked values.

Provenance may be a stranger's. It is read here and in the modules of recipes beside it alone: every
value has its type and range, and every list at most as many values as the output can need. How much
there is to make is then compared with the output (`grid`, `frames`), before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from facegen.errors import InputError
from facegen.images.sheets import ROWS_PER_PAGE, Grid, stack_grid
from facegen.io import attribute_file, component_file, face_set, latent_store, sampler_file
from facegen.io.parts import Part
from facegen.io.records import Record
from facegen.recipes import store_recipes
from facegen.recipes.document_info import ANIMATION, PICTURE, VIDEO
from facegen.recipes.edit_recipes import Edited, Morphed, read_morph
from facegen.recipes.export_recipes import EXPORTS, AnyExport
from facegen.recipes.ingredients import (
    Model,
    Nearest,
    SamplerRecipe,
    Source,
    read_part,
)
from facegen.recipes.picture_recipe import Cell, Recipe, in_stack
from facegen.row_ranges import MAX_ROW, parse_rows
from facegen.seeds import MAX_SEED


def _read_rows(record: Record, most: int) -> Sequence[int]:
    text = record.text("rows", longest=22 * most)  # a number of 19 digits, a comma
    try:
        return cast(Sequence[int], parse_rows(text, most=most))
    except InputError as error:
        asked = "it asks for" if str(error).startswith("more than") else "its rows:"
        reason = str(error).removesuffix(" given")
        raise InputError(f"the provenance is damaged: {asked} {reason}") from error


@dataclass(frozen=True)
class Generated(Recipe):
    """Of `generate`; without columns it is a single face."""

    sampler: SamplerRecipe
    seed: int
    rows: Sequence[int]
    columns: int | None
    nearest: Nearest | None

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> Generated:
        rows = _read_rows(record, most)
        nearest = Nearest.read(record.record("nearest")) if "nearest" in record else None
        found = cls(
            *cls.common(record),
            SamplerRecipe.read(record.record("sampler")),
            record.whole("seed", 0, MAX_SEED),
            rows,
            columns,
            nearest,
        )
        per_page = ROWS_PER_PAGE * (columns or 1) // (2 if nearest else 1)
        if columns and len(found.rows) > per_page:
            raise InputError("the provenance is damaged: a page has no more than 20 rows of faces")
        return found

    def grid(self, side: int) -> Grid | None:
        if self.columns is None:
            return None
        if self.nearest:
            return stack_grid(len(self.rows), 2, self.columns, side, side)
        return Grid(len(self.rows), min(self.columns, len(self.rows)), side, side)

    def narrowed(self, cell: Cell) -> tuple[Recipe, Cell]:
        assert self.columns is not None
        if self.nearest:
            index, cell = in_stack(cell, 2, self.columns, len(self.rows))
            return replace(self, rows=self.rows[index : index + 1], columns=1), cell
        index = cell[0] * self.columns + cell[1]
        if index >= len(self.rows):
            raise InputError("there is no face in that cell")
        return replace(self, rows=self.rows[index : index + 1], columns=None), (0, 0)


@dataclass(frozen=True)
class GeneratedFaces(Generated):
    """Of `generate`, as a face set; `part` is None of a whole."""

    part: Part | None = None

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> GeneratedFaces:
        made = cast(GeneratedFaces, super().read(record, most, columns))
        return replace(made, part=read_part(record))


@dataclass(frozen=True)
class Reconstructed(Recipe):
    """Of `reconstruct`: a row of originals over one of each layer, and so on.

    Attributes:
        others: models besides the first.
        seeds: of as many of the faces each.
        points: "mu", "z" or both.
    """

    sources: list[Source]
    names: list[str]
    rows: list[int]
    others: list[Model]
    seeds: list[int]
    points: tuple[str, ...]
    columns: int

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> Reconstructed:
        sources = [Source.read(source) for source in record.records("points", most)]
        count, rows = len(sources), record.items("rows", most)
        own = Record(dict(enumerate(rows)), "rows")
        found = cls(
            *cls.common(record),
            sources,
            record.texts("names", most),
            [own.whole(i, 0, MAX_ROW) for i in range(len(rows))],
            _read_others(record, most),
            _read_seeds(record, most),
            _read_points(record),
            columns or 1,
        )
        if count % len(found.seeds):
            raise record.fail("seeds", "as many as have the same number of faces")
        if not sources or not count == len(found.names) == len(rows):
            raise InputError("the provenance is damaged: its points, names and rows differ")
        if not all(source.has_original for source in sources):
            raise InputError("the provenance is damaged: a point has no original")
        return found

    def grid(self, side: int) -> Grid:
        return stack_grid(len(self.sources), self._layers, self.columns, side, side)

    @property
    def _layers(self) -> int:
        return 1 + (1 + len(self.others)) * len(self.points)

    def narrowed(self, cell: Cell) -> tuple[Recipe, Cell]:
        i, cell = in_stack(cell, self._layers, self.columns, len(self.sources))
        one = slice(i, i + 1)
        some = replace(
            self,
            sources=self.sources[one],
            names=self.names[one],
            rows=self.rows[one],
            seeds=[self.seeds[i * len(self.seeds) // len(self.sources)]],
            columns=1,
        )
        return some, cell


def _read_others(record: Record, most: int) -> list[Model]:
    """The models besides the first."""
    if "more_weights" not in record:
        return []
    return [Model.read(model) for model in record.records("more_weights", most)]


def _read_seeds(record: Record, most: int) -> list[int]:
    """The seed, or all of them where there are several."""
    if "seeds" not in record:
        return [record.whole("seed", 0, MAX_SEED)]
    given = record.items("seeds", most)
    own = Record(dict(enumerate(given)), "seeds")
    return [own.whole(i, 0, MAX_SEED) for i in range(len(given))] or [0]


def _read_points(record: Record) -> tuple[str, ...]:
    """Which points of the faces are decoded."""
    if not record.flag("sample"):
        return ("mu",)
    return ("mu", "z") if "with_mu" in record and record.flag("with_mu") else ("z",)


AnyRecipe = Recipe | store_recipes.FileRecipe | AnyExport
READERS: dict[tuple[str, str], Callable[[Record, int, int | None], AnyRecipe]] = {
    (PICTURE, "generate"): Generated.read,
    (PICTURE, "reconstruct"): Reconstructed.read,
    (PICTURE, "edit"): Edited.read,
    (PICTURE, "morph"): read_morph,
    (ANIMATION, "morph"): Morphed.read_animation,
    (VIDEO, "morph"): Morphed.read_animation,
    (face_set.FORMAT, "generate"): GeneratedFaces.read,
    (latent_store.FORMAT, "encode"): store_recipes.EncodeRecipe.read,
    (sampler_file.FORMAT, "fit"): store_recipes.FitRecipe.read,
    (attribute_file.FORMAT, "attributes"): store_recipes.AttributesRecipe.read,
    (component_file.FORMAT, "attributes"): store_recipes.ComponentsRecipe.read,
    **EXPORTS,
}


def read_recipe(
    kind: str, provenance: dict[str, Any], *, most: int, columns: int | None = None
) -> AnyRecipe:
    """Reads what an output says of how it was made.

    Args:
        kind: of output, as `facegen.api.info.info` names it.
        most: faces, frames or components that the output has room for.
        columns: of a sheet.

    Raises:
        InputError: a value is missing, has another type, or is out of its range.
    """
    record = Record(provenance)
    return READERS[kind, provenance["command"]](record, most, columns)
