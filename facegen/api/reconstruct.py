"""reconstruct: originals over their reconstructions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.images.face_photos import load_faces
from facegen.images.photos import Box
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import make_pair_sheet, pair_grid, save_png
from facegen.io.face_set import FaceSet
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.model.codec import Codec
from facegen.paths import Paths, is_hdf5_name, path_list
from facegen.seeds import seed_or_draw


@dataclass(frozen=True)
class Originals:
    """Faces to reconstruct.

    Attributes:
        pixels: uint8 (N, size, size, 3).
        names: N names.
        rows: N row numbers, which choose the noise where z is sampled.
        sources: what each comes from, as `facegen.model.named_points.Point`.
        skipped: (name, reason) of photos that can't be used.
        notes: (name, reason) of photos whose face was not sought, or not found.
    """

    pixels: np.ndarray
    names: list[str]
    rows: list[int]
    sources: list[dict[str, Any]]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def choose_from_face_set(
    path: str | os.PathLike, count: int, *, seed: int, split: str = "test"
) -> Originals:
    """Chooses faces of a split by seed: the same ones whenever the face set is the same.

    Raises:
        InputError: the split is empty, or the file is no face set.
    """
    with FaceSet.open(path) as faces:
        rows = random_points.select(faces.rows(split), count, seed=seed)
        if not len(rows):
            raise InputError(f"{path} has no {split} images; choose the other --split")
        origin = {"faces": Path(path).name, "fingerprint": faces.fingerprint}
        sources = [{**origin, "row": row} for row in rows.tolist()]
        return Originals(faces.read(rows), faces.read_names(rows), rows.tolist(), sources)


def load_photos(
    sources: Paths,
    *,
    size: int,
    box: Box | None = None,
    align: str = "auto",
    count: int | None = None,
) -> Originals:
    """Loads and crops photos (`facegen.images.face_photos.load_faces`).

    Args:
        count: the first so many that can be used; none is read beyond them. By default all.

    Raises:
        InputError: not one of them can be used.
    """
    skipped: list[tuple[str, str]] = []

    def skip(name: str, reason: str) -> None:
        skipped.append((name, reason))

    usable = load_faces(sources, size=size, box=box, align=align, on_skip=skip)
    photos = list(islice(usable, count))
    if not photos:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
        raise InputError(f"no photo could be used ({reasons or 'none found'})")
    return Originals(
        np.stack([photo.face for photo in photos]),
        [photo.name for photo in photos],
        list(range(len(photos))),
        [photo.source for photo in photos],
        skipped,
        [(photo.name, photo.note) for photo in photos if photo.note],
    )


def reconstruct_faces(
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
    return codec.decode(random_points.reparameterize(mu, logvar, rows, seed=seed, limit=limit))


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
        InputError: the faces don't have the model's size, or are too many for one sheet.
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    check_output(output, force=force)
    pair_grid(len(originals.pixels), columns, *originals.pixels.shape[1:3])  # before the work
    noise_seed = seed if sample else None
    pixels = reconstruct_faces(codec, originals.pixels, rows=originals.rows, seed=noise_seed)
    pixels = sharpening.apply_to_faces(pixels)
    sheet, grid = make_pair_sheet(originals.pixels, pixels, columns=columns)
    provenance = {
        "command": "reconstruct",
        "weights": codec.weights.provenance("encoder", codec.decoder),
        "points": originals.sources,
        "names": originals.names,
        "rows": originals.rows,
        "seed": seed,
        "sample": sample,
        "sharpening": sharpening.provenance,
    }
    save_png(sheet, output, provenance, grid=grid, force=force)
    return Path(output)


@dataclass(frozen=True)
class ReconstructedFaces:
    """What `reconstruct` did.

    Attributes:
        path: the sheet.
        seed: of the choice and of the noise; 0 where there is neither.
        originals: the faces.
    """

    path: Path
    seed: int
    originals: Originals


@keep_inputs()
def reconstruct(
    sources: Paths,
    output: str | os.PathLike,
    *,
    count: int = 28,
    split: str = "test",
    seed: int | None = None,
    sample: bool = False,
    columns: int = 7,
    align: str = "auto",
    box: Box | None = None,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
    decoder: str | None = None,
    weights: str | os.PathLike | None = None,
    threads: int | None = None,
    on_seed: Callable[[int], object] = lambda seed: None,
) -> ReconstructedFaces:
    """Shows faces above what the model makes of them, on a sheet.

    `reconstruct_faces` gives the reconstructions of pictures as an array.

    Args:
        sources: one face set, of which faces are chosen by seed; or photos, folders and archives,
            of which all are taken.
        output: the sheet, a PNG.
        count, split: how many of a face set's faces, of "train" or "test".
        seed: of the choice and of the noise; by default a fresh one.
        sample: decode z = mu + exp(logvar / 2) * epsilon instead of mu.
        columns: faces a row.
        align, box: how photos are cropped, as for `facegen.images.alignment.load_photo`.
        sharpening: of the reconstructions.
        force: overwrite what exists.
        decoder: "plain" or "crisp"; by default crisp where the weights have one.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: threads that compute; by default one per processor.
        on_seed: called with the seed that was drawn, where none was given and one is needed.

    Raises:
        MissingFileError, InputError: the weights or a source are missing, damaged, or don't fit
            each other; not one face is left; they are too many for one sheet.
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
    sources = path_list(sources)
    from_face_set = len(sources) == 1 and is_hdf5_name(sources[0])
    # All photos are taken, and decoding mu draws nothing: only the rest needs a seed.
    seed = seed_or_draw(seed, on_seed) if from_face_set or sample else 0
    if from_face_set:
        originals = choose_from_face_set(sources[0], count, seed=seed, split=split)
    else:
        originals = load_photos(sources, size=codec.image_size, box=box, align=align)
    path = reconstruct_sheet(
        codec,
        originals,
        output,
        seed=seed,
        sample=sample,
        columns=columns,
        sharpening=sharpening,
        force=force,
    )
    return ReconstructedFaces(path, seed, originals)
