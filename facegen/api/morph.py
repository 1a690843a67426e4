"""morph: the way from one face to the next through the latent space."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facegen.errors import OutputError
from facegen.images.animation import WRITERS, enlarge, save_animation, there_and_back
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import make_sheet, save_png
from facegen.io.files import check_output
from facegen.latent.interpolation import path_between
from facegen.model.codec import Codec
from facegen.model.named_points import Point


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
        "weights": codec.weights.provenance("encoder", codec.decoder),
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
