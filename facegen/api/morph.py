"""morph: the way from one face to the next through the latent space, and places between faces."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.api.morph_mix import mix_to_file
from facegen.errors import OutputError
from facegen.images.animation import WRITERS, enlarge, save_animation, there_and_back
from facegen.images.photos import Box
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import make_sheet, save_png
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.weights import Weights
from facegen.latent.edits import Edit, radii_of
from facegen.latent.interpolation import path_between
from facegen.latent.move_choice import MoveChoice
from facegen.latent.radius_quantiles import warn_of_far
from facegen.latent.sampler_choice import SamplerChoice, choose_sampler
from facegen.latent.samplers import PointSampler
from facegen.model.codec import Codec
from facegen.model.named_points import Point, PointReader
from facegen.paths import Paths

STRIP_STEPS, ANIMATION_STEPS = 6, 24
ANIMATION_SIDE = 288  # pixels, about, of an animation without a scale
FPS = 20.0


def morph_points(
    codec: Codec, z: np.ndarray, *, steps: int = STRIP_STEPS, path: str = "spherical"
) -> np.ndarray:
    """Decodes the way through some points (`path_between`).

    Args:
        z: float32 (N, latent_dim), at least two.
        steps: from a point to the next.
        path: "spherical", an arc around the origin, or "linear".

    Returns:
        uint8 ((N - 1) * steps + 1, image_size, image_size, 3).
    """
    return codec.decode(path_between(z, steps=steps, path=path))


def morph_to_file(
    codec: Codec,
    points: Sequence[Point],
    output: str | os.PathLike,
    *,
    steps: int = STRIP_STEPS,
    path: str = "spherical",
    fps: float = FPS,
    scale: int = 1,
    one_way: bool = False,
    edit: Edit = Edit(),
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
) -> Path:
    """Writes a morph as its name's suffix says: .png a strip, .gif, .webp or .mp4 an animation.

    A strip has a row for each step from face to face, both ends in it.

    Args:
        fps: pictures a second of an animation.
        scale: times larger than the model's faces.
        one_way: an animation begins again at the end, instead of going back.
        edit: what is done to each face before.

    Raises:
        InputError: fewer than two points.
        OutputError: the suffix is another, the file exists (without `force`) or can't be written.
        FacegenError: no ffmpeg for .mp4.
    """
    check_output(output, force=force)
    suffix = Path(output).suffix.lower()
    if suffix != ".png" and suffix not in WRITERS:
        raise OutputError(f"{output}: the name must end in .png, {', '.join(WRITERS)}")
    z = np.stack([point.z for point in points]) if points else np.empty((0, 0), np.float32)
    faces = sharpening.apply_to_faces(morph_points(codec, edit.apply(z), steps=steps, path=path))
    provenance = {
        "command": "morph",
        "weights": codec.weights.provenance("encoder", codec.decoder),
        "points": [point.source for point in points],
        **edit.provenance,
        "steps": steps,
        "path": path,
        "scale": scale,
        "sharpening": sharpening.provenance,
    }
    if suffix == ".png":
        rows = [faces[i * steps : (i + 1) * steps + 1] for i in range(len(points) - 1)]
        sheet, grid = make_sheet(enlarge(np.concatenate(rows), scale), columns=steps + 1)
        save_png(sheet, output, provenance, grid=grid, force=force)
        return Path(output)
    frames = faces if one_way else there_and_back(faces)
    provenance |= {"fps": fps, "one_way": one_way}
    save_animation(frames, output, provenance, fps=fps, scale=scale, force=force)
    return Path(output)


@dataclass(frozen=True)
class MorphedFaces:
    """What `morph` did.

    Attributes:
        path: the strip, the animation or the picture.
        points: where each face comes from, as JSON (`facegen.model.named_points.Point`).
        radii: distances from the origin of the faces as they are morphed.
        notes: (name, reason) of photos whose face was not sought, or not found.
    """

    path: Path
    points: list[dict[str, Any]]
    radii: list[float]
    notes: list[tuple[str, str]]


@keep_inputs()
def morph(
    sources: Paths,
    output: str | os.PathLike,
    *,
    steps: int | None = None,
    path: str = "spherical",
    fps: float = FPS,
    scale: int | None = None,
    one_way: bool = False,
    mix: Sequence[float] | None = None,
    square: int | None = None,
    move: MoveChoice | None = None,
    radius: float | None = None,
    sampler: SamplerChoice | PointSampler = SamplerChoice(),
    align: str = "auto",
    box: Box | None = None,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
    decoder: str | None = None,
    weights: str | os.PathLike | None = None,
    threads: int | None = None,
    on_warning: Callable[[str], object] = lambda message: None,
) -> MorphedFaces:
    """Turns one face into the next, as a strip or as an animation, or mixes two or four.

    `morph_points` and `facegen.api.morph_mix.mix_points` give the pictures as an array.

    Args:
        sources: two faces or more, as `facegen.model.named_points` names them: photos,
            "latents.h5:17", "faces.h5:3-5", "seed:5:0-3".
        output: a strip (.png) or an animation (.gif, .webp, .mp4).
        steps: from a face to the next; by default 6 in a strip, 24 in an animation.
        path: "spherical", an arc around the origin, which keeps the radius, or "linear".
        fps: pictures a second of an animation.
        scale: times larger than the model's faces; by default 1 in a strip, in an animation to
            about 288 pixels.
        one_way: an animation begins again at the end, instead of going back.
        mix: instead of a strip the one picture at a place: (u) between two faces, or (u, v) within
            the square of four (`facegen.latent.interpolation.mix`).
        square: instead of a strip a sheet of so many pictures squared, four faces in its corners.
        move, radius: what is done to each face before, as for `facegen.edit`.
        sampler: where faces of a seed come from, as for `facegen.generate`.
        align, box: how photos are cropped, as for `facegen.images.alignment.load_photo`.
        sharpening: of each picture.
        force: overwrite what exists.
        decoder: "plain" or "crisp"; by default crisp where the weights have one.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: threads that compute; by default one per processor.
        on_warning: called with a line where a face is led further out than all training faces.

    Raises:
        MissingFileError, InputError: the weights, the sampler, the directions or a source are
            missing, damaged, or don't fit each other; a photo can't be used; there are fewer than
            two faces, or not as many as a mix takes.
        OutputError: the suffix is another, the file exists (without `force`) or can't be written.
        FacegenError: no ffmpeg for .mp4.
    """
    codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
    notes: list[tuple[str, str]] = []
    edit = Edit(None if move is None else move.find(codec.weights), radius)
    reader = PointReader(
        codec,
        align,
        box,
        on_note=lambda *note: notes.append(note),
        sampler=choose_sampler(sampler, codec.weights),
    )
    points = list(reader.read(sources))
    done: Any = {"path": path, "edit": edit, "sharpening": sharpening, "force": force}
    if mix is not None or square is not None:
        done |= {"place": mix, "side": square, "scale": scale or 1}
        written = mix_to_file(codec, points, output, **done)
    else:
        is_strip = Path(output).suffix.lower() == ".png"
        written = morph_to_file(
            codec,
            points,
            output,
            steps=steps or (STRIP_STEPS if is_strip else ANIMATION_STEPS),
            fps=fps,
            scale=scale or (1 if is_strip else max(1, round(ANIMATION_SIDE / codec.image_size))),
            one_way=one_way,
            **done,
        )
    ends = edit.apply(np.stack([point.z for point in points]))  # nothing between is further out
    warn_of_far(codec.weights, ends, on_warning)
    return MorphedFaces(written, [point.source for point in points], radii_of(ends), notes)
