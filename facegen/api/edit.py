"""edit: faces moved along the directions of labels, from weak to strong."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facegen.errors import InputError
from facegen.images.photos import Box
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import BACKGROUND, make_sheet, save_png
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.weights import Weights
from facegen.latent.move_choice import MoveChoice
from facegen.model.codec import Codec
from facegen.model.named_points import Point, PointReader
from facegen.paths import Paths

if TYPE_CHECKING:
    from facegen.latent.directions import Move  # HDF5 costs 0.2 s, which photos don't need


def moved_points(z: np.ndarray, offset: np.ndarray, steps: int) -> np.ndarray:
    """Points moved by 0, 1/steps, 2/steps ... 1 times an offset.

    Args:
        z: float32 (N, latent_dim).
        offset: float32 (latent_dim).
        steps: at least 1.

    Returns:
        float32 (N, steps + 1, latent_dim); the first is z, the last z + offset.
    """
    if steps < 1:
        raise InputError(f"steps must be at least 1, not {steps}")
    shares = np.arange(steps + 1, dtype=np.float64) / steps
    return z[:, None] + (shares[:, None] * offset).astype(np.float32)


def edit_points(codec: Codec, z: np.ndarray, offset: np.ndarray, *, steps: int = 5) -> np.ndarray:
    """Decodes points on their way along an offset (`facegen.latent.directions.Move.offset`).

    Args:
        z: float32 (N, latent_dim), the mu of faces.
        offset: float32 (latent_dim).
        steps: pictures from weak to strong, the unmoved one not counted.

    Returns:
        uint8 (N, steps + 1, image_size, image_size, 3).
    """
    points = moved_points(z, offset, steps)
    faces = codec.decode(points.reshape(-1, z.shape[1]))
    return faces.reshape(*points.shape[:2], *faces.shape[1:])


def edit_sheet(
    codec: Codec,
    points: Sequence[Point],
    move: Move,
    output: str | os.PathLike,
    *,
    steps: int = 5,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
) -> Path:
    """Writes a row for each face: the original (if one has any), what the model makes of it, steps.

    Raises:
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    check_output(output, force=force)
    if not points:
        raise InputError("there is no face to edit")
    faces = edit_points(codec, np.stack([point.z for point in points]), move.offset(), steps=steps)
    tiles = [sharpening.apply_to_faces(row) for row in faces]
    if any(point.original is not None for point in points):
        blank = np.full_like(faces[0, 0], BACKGROUND)
        firsts = [blank if point.original is None else point.original for point in points]
        tiles = [np.stack([first, *row]) for first, row in zip(firsts, tiles, strict=True)]
    sheet, grid = make_sheet(np.concatenate(tiles), columns=len(tiles[0]))
    provenance = {
        "command": "edit",
        "weights": codec.weights.provenance("encoder", codec.decoder),
        "points": [point.source for point in points],
        "move": move.provenance,
        "steps": steps,
        "sharpening": sharpening.provenance,
    }
    save_png(sheet, output, provenance, grid=grid, force=force)
    return Path(output)


@dataclass(frozen=True)
class EditedFaces:
    """What `edit` did.

    Attributes:
        path: the sheet.
        points: where each row's face comes from, as JSON (`facegen.model.named_points.Point`).
        skipped: (name, reason) of photos that can't be used.
        notes: (name, reason) of photos whose face was not sought, or not found.
    """

    path: Path
    points: list[dict[str, Any]]
    skipped: list[tuple[str, str]]
    notes: list[tuple[str, str]]


@keep_inputs()
def edit(
    sources: Paths,
    output: str | os.PathLike,
    move: MoveChoice,
    *,
    steps: int = 5,
    align: str = "auto",
    box: Box | None = None,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
    decoder: str | None = None,
    weights: str | os.PathLike | None = None,
    threads: int | None = None,
    on_skip: Callable[[str, str], object] = lambda name, reason: None,
) -> EditedFaces:
    """Gives faces more of a label, or less, and writes a sheet: a row for each, weak to strong.

    `edit_points` gives the faces of points as an array.

    Args:
        sources: one face or several, as `facegen.model.named_points` names them: photos, folders,
            "latents.h5:17", "faces.h5:3-5", "seed:5:3".
        output: the sheet, a PNG.
        move: along which labels' directions, and how far.
        steps: pictures from weak to strong, the unmoved one not counted.
        align, box: how photos are cropped, as for `facegen.images.alignment.load_photo`.
        sharpening: of each face that the model makes.
        force: overwrite what exists.
        decoder: "plain" or "crisp"; by default crisp where the weights have one.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: threads that compute; by default one per processor.
        on_skip: called with the name and the reason of each photo that can't be used.

    Raises:
        MissingFileError, InputError: the weights, the directions or a source are missing, damaged,
            or don't fit each other; no face is left.
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
    found = move.find(codec.weights)
    skipped: list[tuple[str, str]] = []
    notes: list[tuple[str, str]] = []

    def skip(name: str, reason: str) -> None:
        skipped.append((name, reason))
        on_skip(name, reason)

    reader = PointReader(codec, align, box, skip, lambda *note: notes.append(note))
    points = list(reader.read(sources))
    path = edit_sheet(codec, points, found, output, steps=steps, sharpening=sharpening, force=force)
    return EditedFaces(path, [point.source for point in points], skipped, notes)
