"""reconstruct: originals over their reconstructions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facegen import sampling
from facegen.codec import Codec
from facegen.errors import InputError
from facegen.faces import FaceSet
from facegen.files import check_output
from facegen.images import load_face
from facegen.photos import find_photos
from facegen.sharpening import Sharpening
from facegen.sheets import make_sheet, save_png


@dataclass(frozen=True)
class Originals:
    """Faces to reconstruct.

    Attributes:
        pixels: uint8 (N, size, size, 3).
        names: N names.
        rows: N row numbers, which choose the noise where z is sampled.
        source: what they come from.
        skipped: (name, reason) of photos that can't be used.
    """

    pixels: np.ndarray
    names: list[str]
    rows: list[int]
    source: str
    skipped: list[tuple[str, str]]


def choose_from_face_set(
    path: str | os.PathLike, count: int, *, seed: int, split: str = "test"
) -> Originals:
    """Chooses faces of a split by seed: the same ones whenever the face set is the same.

    Raises:
        InputError: the split is empty, or the file is no face set.
    """
    with FaceSet.open(path) as faces:
        rows = sampling.select(faces.rows(split), count, seed=seed)
        if not len(rows):
            raise InputError(f"{path} has no {split} images; choose the other --split")
        source = f"{Path(path).name}, {split}, fingerprint {faces.fingerprint}"
        names = faces.read_names(rows)
        return Originals(faces.read(rows), names, [int(row) for row in rows], source, [])


def load_photos(
    sources: Sequence[str | os.PathLike], *, size: int, box: tuple[int, int, int, int] | None = None
) -> Originals:
    """Loads and crops photos (`facegen.photos.find_photos`, `facegen.images.load_face`).

    Raises:
        InputError: not one of them can be used.
    """
    pixels, names, skipped = [], [], []
    for photo in find_photos(sources):
        try:
            pixels.append(load_face(photo.read(), size=size, box=box))
            names.append(photo.name)
        except InputError as error:
            skipped.append((photo.name, str(error)))
    if not pixels:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
        raise InputError(f"no photo could be used ({reasons or 'none found'})")
    return Originals(np.stack(pixels), names, list(range(len(pixels))), "photos", skipped)


def reconstruct(
    codec: Codec, originals: np.ndarray, *, rows: Sequence[int] = (), seed: int | None = None
) -> np.ndarray:
    """Encodes and decodes faces.

    Args:
        originals: uint8 (N, image_size, image_size, 3).
        rows: N row numbers that choose the noise, used with a seed.
        seed: sample z = mu + exp(logvar / 2) * epsilon; by default decode mu itself.

    Returns:
        uint8 of the same shape.
    """
    mu, logvar = codec.encode(originals)
    if seed is None:
        return codec.decode(mu)
    limit = codec.weights.model.epsilon_limit
    epsilon = sampling.epsilon(rows, codec.latent_dim, seed=seed, limit=limit)
    return codec.decode(mu + np.exp(logvar / 2) * epsilon)


def reconstruct_sheet(
    codec: Codec,
    originals: Originals,
    output: str | os.PathLike,
    *,
    seed: int,
    sample: bool = False,
    columns: int = 7,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
) -> Path:
    """Writes a sheet: a row of originals over the row of their reconstructions, and so on.

    Raises:
        InputError: the faces don't have the model's size.
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    check_output(output, force=force)
    noise_seed = seed if sample else None
    pixels = reconstruct(codec, originals.pixels, rows=originals.rows, seed=noise_seed)
    pixels = sharpening.apply_to_faces(pixels)
    columns = min(columns, len(pixels))
    tiles = np.full((2 * -(-len(pixels) // columns), columns, *pixels.shape[1:]), 255, np.uint8)
    for i, (original, reconstruction) in enumerate(zip(originals.pixels, pixels, strict=True)):
        row, column = divmod(i, columns)
        tiles[2 * row, column] = original
        tiles[2 * row + 1, column] = reconstruction
    sheet, grid = make_sheet(tiles.reshape(-1, *pixels.shape[1:]), columns=columns)
    provenance = {
        "command": "reconstruct",
        "weights": {
            **codec.weights.provenance("encoder"),
            **codec.weights.provenance(codec.decoder),
        },
        "source": originals.source,
        "names": originals.names,
        "rows": originals.rows,
        "seed": seed,
        "sample": sample,
        "sharpening": sharpening.provenance,
    }
    save_png(sheet, output, provenance, grid=grid, force=force)
    return Path(output)
