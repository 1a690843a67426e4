"""edit: faces moved to a radius and along the directions of labels, from weak to strong."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen.errors import InputError
from facegen.images.photos import Box
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import BACKGROUND, make_sheet, save_png
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.weights import Weights
from facegen.latent.edits import Edit, radii_of
from facegen.latent.move_choice import MoveChoice
from facegen.latent.radius_quantiles import warn_of_far
from facegen.latent.sampler_choice import SamplerChoice, choose_sampler
from facegen.latent.samplers import PointSampler
from facegen.model.codec import Codec
from facegen.model.named_points import Point, PointReader
from facegen.paths import Paths

STEPS = 5


def edit_points(codec: Codec, z: np.ndarray, edit: Edit, *, steps: int = STEPS) -> np.ndarray:
    """Decodes points on their way to an edit (`facegen.latent.edits.Edit`).

    Args:
        z: float32 (N, latent_dim), such as the mu of faces.
        edit: what is done to them; `edit.apply(z)` is the last of the way alone.
        steps: pictures from weak to strong, the unmoved one not counted.

    Returns:
        uint8 (N, steps + 1, image_size, image_size, 3).
    """
    points = edit.way(z, steps)
    faces = codec.decode(points.reshape(-1, z.shape[1]))
    return faces.reshape(*points.shape[:2], *faces.shape[1:])


def edit_provenance(
    codec: Codec,
    points: Sequence[Point],
    edit: Edit,
    *,
    steps: int | None = None,
    sharpening: Sharpening = Sharpening(),
) -> dict[str, Any]:
    """All that is needed to make a sheet of edited faces again, or without steps a single one."""
    return {
        "command": "edit",
        "weights": codec.weights.provenance("encoder", codec.decoder),
        "points": [point.source for point in points],
        **edit.provenance,
        **({} if steps is None else {"steps": steps}),
        "sharpening": sharpening.provenance,
    }


def edit_sheet(
    codec: Codec,
    points: Sequence[Point],
    edit: Edit,
    output: str | os.PathLike,
    *,
    steps: int = STEPS,
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
    if not edit:
        raise InputError("there is nothing to change: give a move, a radius, or ask for one face")
    faces = edit_points(codec, np.stack([point.z for point in points]), edit, steps=steps)
    tiles = [sharpening.apply_to_faces(row) for row in faces]
    if any(point.original is not None for point in points):
        blank = np.full_like(faces[0, 0], BACKGROUND)
        firsts = [blank if point.original is None else point.original for point in points]
        tiles = [np.stack([first, *row]) for first, row in zip(firsts, tiles, strict=True)]
    sheet, grid = make_sheet(np.concatenate(tiles), columns=len(tiles[0]))
    provenance = edit_provenance(codec, points, edit, steps=steps, sharpening=sharpening)
    save_png(sheet, output, provenance, grid=grid, force=force)
    return Path(output)


def edit_single(
    codec: Codec,
    points: Sequence[Point],
    edit: Edit,
    output: str | os.PathLike,
    *,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
) -> Path:
    """Writes one face once it is edited, as a PNG of the model's size.

    Raises:
        InputError: there is no point, or more than one.
        OutputError: the picture exists (without `force`) or can't be written.
    """
    check_output(output, force=force)
    if not points:
        raise InputError("there is no face to edit")
    if len(points) > 1:
        raise InputError(f"a single picture is of one face, and there are {len(points)}")
    faces = sharpening.apply_to_faces(codec.decode(edit.apply(points[0].z[None])))
    provenance = edit_provenance(codec, points, edit, sharpening=sharpening)
    save_png(Image.fromarray(faces[0]), output, provenance, force=force)
    return Path(output)


@dataclass(frozen=True)
class EditedFaces:
    """What `edit` did.

    Attributes:
        path: the sheet or the picture.
        points: where each row's face comes from, as JSON (`facegen.model.named_points.Point`).
        radii: distances of the faces from the origin, before they are edited.
        edited_radii: the same once they are.
        skipped: (name, reason) of photos that can't be used.
        notes: (name, reason) of photos whose face was not sought, or not found.
    """

    path: Path
    points: list[dict[str, Any]]
    radii: list[float]
    edited_radii: list[float]
    skipped: list[tuple[str, str]]
    notes: list[tuple[str, str]]


@keep_inputs()
def edit(
    sources: Paths,
    output: str | os.PathLike,
    move: MoveChoice | None = None,
    *,
    radius: float | None = None,
    steps: int = STEPS,
    single: bool = False,
    sampler: SamplerChoice | PointSampler = SamplerChoice(),
    align: str = "auto",
    box: Box | None = None,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
    decoder: str | None = None,
    weights: str | os.PathLike | None = None,
    threads: int | None = None,
    on_skip: Callable[[str, str], object] = lambda name, reason: None,
    on_warning: Callable[[str], object] = lambda message: None,
) -> EditedFaces:
    """Gives faces more of a label, or less, and writes a sheet: a row for each, weak to strong.

    `edit_points` gives the faces of points as an array.

    Args:
        sources: one face or several, as `facegen.model.named_points` names them: photos, folders,
            "latents.h5:17", "faces.h5:3-5", "seed:5:3".
        output: the sheet, a PNG.
        move: along which labels' directions, and how far.
        radius: the distance from the origin that faces go to, before they are moved.
        steps: pictures from weak to strong, the unmoved one not counted.
        single: no sheet, but one picture of one face, with all of its edit.
        sampler: where faces of a seed come from, as for `facegen.generate`.
        align, box: how photos are cropped, as for `facegen.images.alignment.load_photo`.
        sharpening: of each face that the model makes.
        force: overwrite what exists.
        decoder: "plain" or "crisp"; by default crisp where the weights have one.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: threads that compute; by default one per processor.
        on_skip: called with the name and the reason of each photo that can't be used.
        on_warning: called with a line where a face is led further out than all training faces.

    Raises:
        MissingFileError, InputError: the weights, the sampler, the directions or a source are
            missing, damaged, or don't fit each other; no face is left; there is nothing to change.
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
    done = Edit(None if move is None else move.find(codec.weights), radius)
    skipped: list[tuple[str, str]] = []
    notes: list[tuple[str, str]] = []

    def skip(name: str, reason: str) -> None:
        skipped.append((name, reason))
        on_skip(name, reason)

    chosen = choose_sampler(sampler, codec.weights)
    reader = PointReader(codec, align, box, skip, lambda *note: notes.append(note), chosen)
    points = list(reader.read(sources))
    where: Any = {"sharpening": sharpening, "force": force}
    if single:
        path = edit_single(codec, points, done, output, **where)
    else:
        path = edit_sheet(codec, points, done, output, steps=steps, **where)
    z = np.stack([point.z for point in points])
    edited, found = done.apply(z), [point.source for point in points]
    warn_of_far(codec.weights, edited, on_warning)
    return EditedFaces(path, found, radii_of(z), radii_of(edited), skipped, notes)
