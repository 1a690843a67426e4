"""morph's pictures from between two faces, or from within the square of four."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen.errors import InputError, OutputError
from facegen.images.animation import enlarge
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import make_sheet, save_png
from facegen.io.files import check_output
from facegen.latent.edits import Edit
from facegen.latent.interpolation import mix, square
from facegen.model.codec import Codec
from facegen.model.named_points import Point


def mix_points(
    codec: Codec,
    corners: np.ndarray,
    places: Sequence[Sequence[float]],
    *,
    path: str = "spherical",
    edit: Edit = Edit(),
) -> np.ndarray:
    """Decodes points between two others, or within the square of four (`interpolation.mix`).

    Args:
        corners: float32 (2, latent_dim) or (4, latent_dim).
        places: n times (u), or (u, v) of four corners.
        path: "spherical" or "linear".
        edit: what is done to each corner before.

    Returns:
        uint8 (n, image_size, image_size, 3).
    """
    return codec.decode(mix(edit.apply(corners), places, path=path))


def mix_provenance(
    codec: Codec,
    points: Sequence[Point],
    *,
    place: Sequence[float] | None = None,
    side: int | None = None,
    path: str = "spherical",
    scale: int = 1,
    edit: Edit = Edit(),
    sharpening: Sharpening = Sharpening(),
) -> dict[str, Any]:
    """All that is needed to make one picture of a mix again, or the sheet of a square."""
    return {
        "command": "morph",
        "weights": codec.weights.provenance("encoder", codec.decoder),
        "points": [point.source for point in points],
        **edit.provenance,
        **({"square": side, "scale": scale} if place is None else {"mix": list(place)}),
        "path": path,
        "sharpening": sharpening.provenance,
    }


def mix_to_file(
    codec: Codec,
    points: Sequence[Point],
    output: str | os.PathLike,
    *,
    place: Sequence[float] | None = None,
    side: int | None = None,
    path: str = "spherical",
    scale: int = 1,
    edit: Edit = Edit(),
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
) -> Path:
    """Writes the picture at a place, or a sheet of side x side with the faces in its corners.

    Args:
        place: (u) between two faces, (u, v) within the square of four; a picture without a grid.
        side: of the square, where there is no place.
        scale: times larger than the model's faces.

    Raises:
        InputError: the faces are not as many as it takes.
        OutputError: the name doesn't end in .png, the file exists (without `force`) or can't be
            written.
    """
    check_output(output, force=force)
    if Path(output).suffix.lower() != ".png":
        raise OutputError(f"{output}: the name of a mix must end in .png")
    if (place is None) == (side is None):
        raise InputError("a mix is of a place or a square: choose one of the two")
    if side is not None and len(points) != 4:
        raise InputError(f"a square has four faces in its corners, not {len(points)}")
    places = square(side) if side is not None else [place or ()]
    z = np.stack([point.z for point in points]) if points else np.empty((0, 0), np.float32)
    made = mix_points(codec, z, places, path=path, edit=edit)
    faces = enlarge(sharpening.apply_to_faces(made), scale)
    chosen: dict[str, Any] = {"place": place, "side": side, "path": path, "scale": scale}
    provenance = mix_provenance(codec, points, **chosen, edit=edit, sharpening=sharpening)
    if side is None:
        save_png(Image.fromarray(faces[0]), output, provenance, force=force)
    else:
        sheet, grid = make_sheet(faces, columns=side)
        save_png(sheet, output, provenance, grid=grid, force=force)
    return Path(output)
