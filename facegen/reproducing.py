"""reproduce: an output made again from what it says about itself, and compared with itself.

It is made by the function that made it the first time (`facegen.remaking`), from the same weights
and input files (`facegen.materials`).
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from facegen import faces, latents
from facegen.command_lines import command_line
from facegen.comparing import animation_difference, picture_difference, same_bytes, store_difference
from facegen.describing import info
from facegen.document_info import ANIMATION, PICTURE, VIDEO
from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.files import check_output
from facegen.images import decoding_errors, open_photo
from facegen.materials import Materials
from facegen.paths import Paths, path_list
from facegen.photos import read_file
from facegen.remaking import REMAKERS, read_sharpening
from facegen.retouching import sharpen_image
from facegen.sheets import Grid, read_grid, save_png

PIXEL_ROUNDING = 1  # of 255: what another processor's float arithmetic may change
NUMBER_ROUNDING = 1e-3  # of coordinates, most of which lie in -5..5


@dataclass(frozen=True)
class Reproduced:
    """An output made again.

    Attributes:
        path: what was written.
        kind: of output, as `facegen.describing.info` names it.
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
        return " of 255" if self.kind in (PICTURE, ANIMATION, faces.FORMAT) else ""

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
    """Makes an output again from its own provenance; `facegen.remaking.REMAKERS` has all kinds.

    Args:
        original: a PNG (sharpened by `facegen sharpen` or not), an animation, a video, a sampler,
            directions, a store, or a generated face set.
        output: the file to write, of the same format.
        cell: row and column of a PNG's sheet, from 1; by default the whole sheet.
        size: height of a PNG in pixels, enlarged or reduced (LANCZOS); by default as it was.
        weights: a folder of weights; by default the model that comes with facegen.
        folders: where its input files are, besides the current folder and the original's.

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
    kind, provenance = _read(original)
    places = [Path(), original.parent, *map(Path, path_list(folders))]
    materials = Materials(provenance, places, weights, threads)
    changed: float | None
    try:
        if kind == PICTURE:
            changed = _reproduce_picture(original, output, materials, cell, size, force)
        elif cell is not None or size is not None:
            raise InputError(f"{original} is no PNG; --cell and --size are for one")
        else:
            changed = _reproduce_file(kind, original, output, materials)
    except FacegenError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{original}: the provenance is damaged: {error!r}") from error
    return Reproduced(output, kind, changed, provenance)


def _read(original: Path) -> tuple[str, dict[str, Any]]:
    """The kind of an output, and what it says of how it was made.

    Raises:
        InputError: it can't be reproduced; the message says what the user can run instead.
    """
    found = info(original)
    kind, provenance = str(found["kind"]), found.get("provenance") or {}
    covered = kind != PICTURE or found["format"] == "PNG"
    if kind == latents.FORMAT:
        weights = {"name": found["weights"], "encoder_sha256": found["encoder_sha256"]}
        provenance = {**found, "command": "encode", "weights": weights}
        of_faces = found["source"].lower().endswith((".h5", ".hdf5"))  # photos may be anywhere
        covered = found["complete"] and of_faces
    if not covered or (kind, str(provenance.get("command"))) not in REMAKERS:
        command = command_line(found)
        made = f"; by what it records, '{command}' made it" if command else ""
        raise InputError(f"{original} ({kind}) can't be reproduced{made}")
    return kind, provenance


def _reproduce_file(kind: str, original: Path, output: Path, materials: Materials) -> float | None:
    """Makes a file again and returns how far it differs from the original."""
    suffix = original.suffix.lower()
    if kind in (ANIMATION, VIDEO) and output.suffix.lower() != suffix:
        raise OutputError(f"{output} must end in {suffix}, as {original}")
    REMAKERS[kind, materials.provenance["command"]](materials, output)
    if same_bytes(original, output):
        return 0
    if kind == VIDEO:
        return None
    differ = animation_difference if kind == ANIMATION else store_difference
    return differ(original, output)


def _reproduce_picture(
    original: Path,
    output: Path,
    materials: Materials,
    cell: tuple[int, int] | None,
    size: int | None,
    force: bool,
) -> int:
    """Makes a PNG again, or a part of it, and returns how far all of it differs."""
    picture = open_photo(read_file(original))
    try:
        grid = read_grid(materials.provenance, picture.size)
        with decoding_errors():
            picture.load()
    except InputError as error:
        raise InputError(f"{original}: {error}") from error
    again = _remake_picture(materials, grid)
    shown = again if cell is None else _cut(again, grid, cell)
    if size is not None:
        width = round(shown.width * size / shown.height)
        shown = shown.resize((width, size), Image.Resampling.LANCZOS)
    record = dict(materials.provenance)
    if cell is not None or size is not None:
        record.pop("grid", None)
        record |= {"reproduced": {"cell": list(cell) if cell else None, "size": size}}
    save_png(shown, output, record, force=force)
    return picture_difference(picture, again)


def _remake_picture(materials: Materials, grid: Grid | None) -> Image.Image:
    """The picture that a provenance describes, with what `facegen sharpen` did to it later."""
    with tempfile.TemporaryDirectory(prefix="facegen-") as folder:
        path = Path(folder) / "picture.png"
        REMAKERS[PICTURE, materials.provenance["command"]](materials, path)
        picture = Image.open(path).copy()
    for recorded in materials.provenance.get("sharpened", []):
        picture = sharpen_image(picture, read_sharpening(recorded), grid)
    return picture


def _cut(picture: Image.Image, grid: Grid | None, cell: tuple[int, int]) -> Image.Image:
    """One tile of a sheet; row and column count from 1."""
    rows, columns = (grid.rows, grid.columns) if grid else (1, 1)
    row, column = cell
    if not (1 <= row <= rows and 1 <= column <= columns):
        raise InputError(f"the picture has {rows} rows of {columns} faces; there is no cell {cell}")
    if grid is None:
        return picture
    left = grid.margin + (column - 1) * (grid.width + grid.gap)
    upper = grid.margin + (row - 1) * (grid.height + grid.gap)
    return picture.crop((left, upper, left + grid.width, upper + grid.height))
