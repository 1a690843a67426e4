"""reproduce: an output made again from what it says about itself, and compared with itself.

What it says is read into checked values and compared with its extent, before anything is made
(`facegen.recipes.recipe`, `facegen.recipes.extents`). It is made by the function that made it the
first time (`facegen.api.remake`), from the same weights and input files
(`facegen.recipes.materials`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from facegen.api.info import info
from facegen.api.remake import remake
from facegen.errors import InputError, MissingFileError, OutputError
from facegen.images.sheets import save_png
from facegen.io import face_set, hdf5, latent_store
from facegen.io.files import check_output
from facegen.io.pictures import decoding_errors
from facegen.io.records import Record
from facegen.paths import Paths, is_hdf5_name, path_list
from facegen.recipes.comparison import (
    animation_difference,
    picture_difference,
    same_but_for_mark,
    same_bytes,
    store_difference,
)
from facegen.recipes.cuts import Cut, Stage, read_stages
from facegen.recipes.document_info import ANIMATION, PICTURE, VIDEO, open_document
from facegen.recipes.export_recipes import EXPORTS
from facegen.recipes.extents import read_file_recipe, read_picture_recipe
from facegen.recipes.ingredients import Model
from facegen.recipes.materials import Materials
from facegen.recipes.picture_recipe import Recipe
from facegen.recipes.places import Places
from facegen.recipes.recipe import READERS

PIXEL_ROUNDING = 1  # of 255: what another processor's float arithmetic may change
LONGEST_COMMAND = 40  # letters that are told of one that can't be run here
NUMBER_ROUNDING = 1e-3  # of coordinates, most of which lie in -5..5


@dataclass(frozen=True)
class Reproduced:
    """An output made again.

    Attributes:
        path: what was written.
        kind: of output, as `facegen.api.info.info` names it.
        largest_difference: of any channel of any pixel of the whole output, of 255, or of any
            number of a store; 0 if all of them are the same; None if it differs in something that
            is no number.
        provenance: what the original says about itself.
    """

    path: Path
    kind: str
    largest_difference: float | None
    provenance: dict[str, Any]

    @property
    def unit(self) -> str:
        """What to write behind the largest difference."""
        return " of 255" if self.kind in (PICTURE, ANIMATION, face_set.FORMAT) else ""

    @property
    def is_same(self) -> bool:
        """Whether it is the same but for rounding."""
        rounding = PIXEL_ROUNDING if self.unit else NUMBER_ROUNDING
        return self.largest_difference is not None and self.largest_difference <= rounding


def reproduce(
    original: str | os.PathLike,
    output: str | os.PathLike,
    *,
    cell: tuple[int, int] | None = None,
    size: int | None = None,
    weights: str | os.PathLike | None = None,
    folders: Paths = (),
    threads: int | None = None,
    force: bool = False,
) -> Reproduced:
    """Makes an output again from its own provenance; `facegen.recipes.recipe.READERS` has all
    kinds.

    Args:
        original: a PNG (sharpened by `facegen sharpen` or not), an animation, a video, a sampler,
            directions, a store, a generated face set, or an export as Parquet, SQLite or ONNX.
        output: the file to write, of the same format.
        cell: row and column of a PNG's sheet, from 1; by default the whole sheet.
        size: height of a PNG in pixels, enlarged or reduced (LANCZOS); by default as it was.
        weights: a folder of weights; by default the model that comes with facegen.
        folders: where its input files are, besides the current folder and the original's.
        threads: threads that compute; by default one per processor.
        force: overwrite what exists.

    Raises:
        MissingFileError: the original, or something that it was made from, is missing.
        InputError: the original has no provenance or a damaged one, or can't be reproduced, or
            the weights or input files are others than it was made from.
        OutputError: the output exists (without `force`) or can't be written.
        FacegenError: no ffmpeg for .mp4.
    """
    original, output = Path(original), Path(output)
    check_output(output, force=force)
    if not original.is_file():
        what = "is no file" if original.exists() else "does not exist"
        raise MissingFileError(f"{original} {what}")
    if output.exists() and output.samefile(original):
        raise InputError(f"{output} is the original; choose another output")
    found = _describe(original)
    kind, provenance = str(found["kind"]), found["provenance"]
    if kind != PICTURE and (cell is not None or size is not None):
        raise InputError(f"{original} is no PNG; --cell and --size are for one")
    with _naming(original):
        record = Record(provenance)
        model = Model.read(record.record("weights")) if "weights" in record else None
    places = Places([Path(), original.parent], list(map(Path, path_list(folders))))
    materials = Materials(model, places, weights, threads)
    changed: float | None
    if kind == PICTURE:
        cut = Cut(cell, size)
        changed = _reproduce_picture(original, output, provenance, materials, cut, force)
    else:
        changed = _reproduce_file(original, output, found, materials)
    return Reproduced(output, kind, changed, provenance)


@contextmanager
def _naming(original: Path) -> Iterator[None]:
    """Names the original in what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{original}: {error}") from error


def _describe(original: Path) -> dict[str, Any]:
    """What `info` says of an output; its provenance is one that can be made again.

    Raises:
        InputError: it can't be reproduced; the message says which command made it.
    """
    found = info(original)
    kind, provenance = str(found["kind"]), found.get("provenance") or {}
    if "part" in found:
        provenance = {**provenance, "part": found["part"]}
    covered = kind != PICTURE or found["format"] == "PNG"
    if kind == latent_store.FORMAT:
        weights = {"name": found["weights"], "encoder_sha256": found["encoder_sha256"]}
        provenance = {**found, "command": "encode", "weights": weights}
        of_faces = is_hdf5_name(found["source"])  # photos may be anywhere
        covered = found["complete"] and of_faces
    if not covered or (kind, str(provenance.get("command"))) not in READERS:
        command = str(provenance.get("command", found.get("command", "")))[:LONGEST_COMMAND]
        maker = f"facegen {command}" if command else hdf5.MAKERS.get(kind)
        made = f"; '{maker}' made it, and 'facegen info' tells of what" if maker else ""
        raise InputError(f"{original} ({kind}) can't be reproduced{made}")
    return {**found, "provenance": provenance}


def _reproduce_file(
    original: Path, output: Path, found: dict[str, Any], materials: Materials
) -> float | None:
    """Makes a file again and returns how far it differs from the original."""
    kind, suffix = found["kind"], original.suffix.lower()
    if kind in (ANIMATION, VIDEO) and output.suffix.lower() != suffix:
        raise OutputError(f"{output} must end in {suffix}, as {original}")
    side = materials.codec.image_size if materials.model else 0
    with _naming(original):
        remake(read_file_recipe(original, found, side), materials, output)
    if same_bytes(original, output):
        return 0
    if kind == VIDEO:
        return 0 if same_but_for_mark(original, output) else None
    differ = animation_difference if kind == ANIMATION else store_difference
    return None if (kind, "export") in EXPORTS else differ(original, output)


def _reproduce_picture(
    original: Path,
    output: Path,
    provenance: dict[str, Any],
    materials: Materials,
    cut: Cut,
    force: bool,
) -> int:
    """Makes a PNG again, or a part of it, and returns how far all of it differs."""
    face = materials.codec.image_size
    with _naming(original), open_document(original) as picture:
        stages = read_stages(provenance, picture.size, face)
        recipe = read_picture_recipe(provenance, stages[0].grid, face)
        cut.result_size(picture.size, stages[-1].grid)
        _narrow(recipe, replace(stages[-1], cut=cut), face)
    again = _remake_picture(materials, recipe, stages)
    with _naming(original), open_document(original) as picture, decoding_errors():
        difference = picture_difference(picture, again)
    is_part = cut != Cut(None, None)
    record = cut.record(provenance) if is_part else provenance
    save_png(cut.apply(again, stages[-1].grid), output, record, force=force)
    return difference


def _narrow(recipe: Recipe, stage: Stage, face: int) -> tuple[Recipe, Stage]:
    """As little as has the cell that is cut out of a sheet, and the stage with that alone."""
    if stage.cut is None or stage.cut.cell is None or stage.grid is None:
        return recipe, stage
    row, column = stage.cut.cell
    recipe, cell = recipe.narrowed((row - 1, column - 1))
    cut = replace(stage.cut, cell=(cell[0] + 1, cell[1] + 1))
    return recipe, replace(stage, grid=recipe.grid(face), cut=cut)


def _remake_picture(materials: Materials, recipe: Recipe, stages: list[Stage]) -> Image.Image:
    """The picture that a provenance describes, with what was done to it later."""
    recipe, first = _narrow(recipe, stages[0], materials.codec.image_size)
    with tempfile.TemporaryDirectory(prefix="facegen-") as folder:
        path = Path(folder) / "picture.png"
        remake(recipe, materials, path)
        with open_document(path) as made:
            picture = made.copy()
    for stage in (first, *stages[1:]):
        picture = stage.sharpen(picture)
        if stage.cut is not None:
            picture = stage.cut.apply(picture, stage.grid)
    return picture
