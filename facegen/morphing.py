"""morph: the way from one face to the next through the latent space."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from facegen.animation import WRITERS, enlarge, save_animation, there_and_back
from facegen.codec import Codec
from facegen.errors import InputError, OutputError
from facegen.files import check_output
from facegen.points import Point
from facegen.sharpening import Sharpening
from facegen.sheets import make_sheet, save_png

PATHS = ("spherical", "linear")
SMALL_ANGLE = 1e-4  # below it, in radians, an arc is a line; as near to pi, it has no one plane


def linear(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points on the straight line: (1 - t) start + t end.

    Its middle lies nearer to the origin than its ends, where normal points are rare and faces
    are more average.

    Args:
        start, end: float (latent_dim).
        shares: the values of t, float (n).

    Returns:
        float32 (n, latent_dim).
    """
    t = shares[:, None]
    return ((1 - t) * start + t * end).astype(np.float32)


def spherical(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points on the arc around the origin, at even angles; the radius changes evenly, too.

    Between points of one radius the radius stays what it is, as that of normal points nearly is.
    Source: Shoemake 1985, "Animating rotation with quaternion curves" (slerp), for unit vectors:
    (sin((1 - t) w) start + sin(t w) end) / sin w, with the angle w between them.

    Raises:
        InputError: the points lie opposite each other: no arc is shorter than the others.
    """
    radii = [float(np.linalg.norm(point)) for point in (start, end)]
    if min(radii) == 0:
        return linear(start, end, shares)
    first, last = start.astype(np.float64) / radii[0], end.astype(np.float64) / radii[1]
    angle = 2 * np.arctan2(np.linalg.norm(first - last), np.linalg.norm(first + last))
    if angle < SMALL_ANGLE:
        return linear(start, end, shares)
    if np.pi - angle < SMALL_ANGLE:
        raise InputError("the two points lie opposite each other; choose --path linear")
    t = shares[:, None]
    unit = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    return (unit * ((1 - t) * radii[0] + t * radii[1])).astype(np.float32)


def path_between(z: np.ndarray, *, steps: int, path: str = "spherical") -> np.ndarray:
    """The way through some points, one after another.

    Args:
        z: float32 (N, latent_dim), N at least 2.
        steps: from each point to the next, at least 1.
        path: "spherical" or "linear".

    Returns:
        float32 ((N - 1) * steps + 1, latent_dim). Every row that is a multiple of steps is one of
        the given points, exactly.
    """
    if path not in PATHS:
        raise InputError(f"path must be one of {', '.join(PATHS)}, not {path!r}")
    if len(z) < 2 or steps < 1:
        raise InputError(
            f"a morph needs two points and a step, not {len(z)} points and {steps} steps"
        )
    between = spherical if path == "spherical" else linear
    shares = np.arange(1, steps) / steps
    parts = [z[:1]]
    for start, end in pairwise(z):
        parts += [between(start, end, shares), end[None]]
    return np.concatenate(parts)


def morph(codec: Codec, z: np.ndarray, *, steps: int = 6, path: str = "spherical") -> np.ndarray:
    """Decodes the way through some points (`path_between`).

    Returns:
        uint8 ((N - 1) * steps + 1, image_size, image_size, 3).
    """
    return codec.decode(path_between(z, steps=steps, path=path))


def morph_to_file(
    codec: Codec,
    points: Sequence[Point],
    output: str | os.PathLike,
    *,
    steps: int = 6,
    path: str = "spherical",
    fps: float = 20.0,
    scale: int = 1,
    one_way: bool = False,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
) -> Path:
    """Writes a morph as its name's suffix says: .png a strip, .gif, .webp or .mp4 an animation.

    A strip has a row for each step from face to face, both ends in it.

    Args:
        fps: pictures a second of an animation.
        scale: times larger than the model's faces.
        one_way: an animation begins again at the end, instead of going back.

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
    faces = sharpening.apply_to_faces(morph(codec, z, steps=steps, path=path))
    provenance = {
        "command": "morph",
        "weights": {
            **codec.weights.provenance("encoder"),
            **codec.weights.provenance(codec.decoder),
        },
        "points": [point.source for point in points],
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
