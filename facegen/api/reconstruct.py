"""reconstruct: originals over what one model or several make of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.api.originals import Originals, choose_from_face_set, load_photos
from facegen.errors import InputError
from facegen.images.photos import Box
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import make_stack_sheet, save_png, stack_grid
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.edits import radii_of
from facegen.model.codec import Codec
from facegen.paths import AnyPath, Paths, is_hdf5_name, path_list
from facegen.seeds import seed_or_draw

COUNT = 28
POINTS = ("mu", "z")  # of a face: the encoder's mean, and one drawn around it


@dataclass(frozen=True)
class Layer:
    """What one model makes of some faces, from one of their two points.

    Attributes:
        codec: the model.
        points: "mu", or "z" = mu + exp(logvar / 2) * epsilon, which is mu of an AE.
        z: float32 (N, latent_dim), these points.
    """

    codec: Codec
    points: str
    z: np.ndarray

    @property
    def description(self) -> dict[str, Any]:
        """Whose points they are, and how far each is from the origin, as JSON."""
        name = self.codec.weights.name
        return {"weights": name, "points": self.points, "radii": radii_of(self.z)}


def reconstruct_layers(
    codecs: Sequence[Codec],
    originals: np.ndarray,
    *,
    points: Sequence[str] = POINTS[:1],
    rows: Sequence[int] = (),
    seeds: Sequence[int] = (),
) -> list[Layer]:
    """Encodes faces.

    Args:
        codecs: the models.
        originals: uint8 (N, image_size, image_size, 3).
        points: "mu", "z" or both.
        rows, seeds: N row numbers and one seed or more choose the noise of z: the first N / K
            rows have the first of K seeds.

    Returns:
        A layer for each model and each of the points; `codec.decode(layer.z)` are its faces.

    Raises:
        InputError: the faces don't have a model's size.
    """
    layers = []
    for codec in codecs:
        mu, logvar = codec.encode(originals)
        for name in points:
            z = mu
            if name == "z":
                z = _drawn(codec, mu, logvar, rows, seeds)
            layers.append(Layer(codec, name, z))
    return layers


def _drawn(
    codec: Codec, mu: np.ndarray, logvar: np.ndarray, rows: Sequence[int], seeds: Sequence[int]
) -> np.ndarray:
    """The points z of some rows, of which each seed has as many."""
    limit, count = codec.weights.model.epsilon_limit, len(mu) // len(seeds)
    parts = [slice(i * count, (i + 1) * count) for i in range(len(seeds))]
    drawn = [
        random_points.reparameterize(mu[own], logvar[own], rows[own], seed=seed, limit=limit)
        for own, seed in zip(parts, seeds, strict=True)
    ]
    return np.concatenate(drawn)


def reconstruct_sheet(
    codecs: Sequence[Codec],
    originals: Originals,
    output: str | os.PathLike,
    *,
    seeds: Sequence[int],
    points: Sequence[str] = POINTS[:1],
    columns: int = 7,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
) -> list[Layer]:
    """Writes a sheet: a row of originals over one of what each layer makes of them, and so on.

    Raises:
        InputError: the faces don't have a model's size, or are too many for one sheet.
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    check_output(output, force=force)
    height, width = originals.pixels.shape[1:3]
    count = 1 + len(codecs) * len(points)
    stack_grid(len(originals.pixels), count, columns, height, width)  # before the work
    layers = reconstruct_layers(
        codecs, originals.pixels, points=points, rows=originals.rows, seeds=seeds
    )
    made = [sharpening.apply_to_faces(layer.codec.decode(layer.z)) for layer in layers]
    sheet, grid = make_stack_sheet([originals.pixels, *made], columns=columns)
    models = [codec.weights.provenance("encoder", codec.decoder) for codec in codecs]
    provenance = {
        "command": "reconstruct",
        "weights": models[0],
        **({"more_weights": models[1:]} if models[1:] else {}),
        "points": originals.sources,
        "names": originals.names,
        "rows": originals.rows,
        "seed": seeds[0],
        **({"seeds": list(seeds)} if seeds[1:] else {}),
        "sample": "z" in points,
        **({"with_mu": True} if points[1:] else {}),
        "sharpening": sharpening.provenance,
    }
    save_png(sheet, output, provenance, grid=grid, force=force)
    return layers


@dataclass(frozen=True)
class ReconstructedFaces:
    """What `reconstruct` did.

    Attributes:
        path: the sheet.
        seeds: of the choice and of the noise; 0 where there is neither.
        originals: the faces.
        layers: what each row below the originals is.
    """

    path: Path
    seeds: list[int]
    originals: Originals
    layers: list[Layer]

    @property
    def seed(self) -> int:
        """The first seed."""
        return self.seeds[0]


@keep_inputs()
def reconstruct(
    sources: Paths,
    output: str | os.PathLike,
    *,
    count: int | None = None,
    split: str = "test",
    seed: int | Sequence[int] | None = None,
    points: Sequence[str] = POINTS[:1],
    sample: bool = False,
    columns: int = 7,
    align: str = "auto",
    box: Box | None = None,
    sharpening: Sharpening = Sharpening(),
    force: bool = False,
    decoder: str | None = None,
    weights: Paths | None = None,
    threads: int | None = None,
    on_seed: Callable[[int], object] = lambda seed: None,
) -> ReconstructedFaces:
    """Writes a sheet of faces over what the model makes of them.

    `reconstruct_layers` and `Codec.decode` give the reconstructions of pictures as arrays.

    Args:
        sources: one face set, of which faces are chosen by seed; or photos, folders and archives,
            of which all are taken.
        output: the sheet, a PNG.
        count, split: how many of a face set's faces, of "train" or "test"; by default 28.
        seed: of the choice and of the noise; by default a fresh one. Several choose a row of a face
            set's faces each.
        points: which point of each face is decoded: "mu", or "z" = mu + exp(logvar / 2) * epsilon,
            or both, one below the other.
        sample: the same as ("z",).
        columns: faces a row.
        align, box: how photos are cropped, as for `facegen.images.alignment.load_photo`.
        sharpening: of the reconstructions.
        force: overwrite what exists.
        decoder: "plain" or "crisp"; by default crisp where the weights have one.
        weights: a folder of weights; by default the model that comes with facegen. Of several,
            reconstructions stand one below the other.
        threads: threads that compute; by default one per processor.
        on_seed: called with the seed that was drawn, where none was given and one is needed.

    Raises:
        MissingFileError, InputError: the weights or a source are missing, damaged, or don't fit
            each other; not one face is left; they are too many for one sheet.
        OutputError: the sheet exists (without `force`) or can't be written.
    """
    codecs = _open([None] if weights is None else path_list(weights), decoder, threads)
    sources, points = path_list(sources), POINTS[1:] if sample else points
    if not points or not set(points) <= set(POINTS):
        raise InputError(f"points must be {', '.join(POINTS)} or both, not {', '.join(points)}")
    points = [name for name in POINTS if name in points]
    from_face_set = len(sources) == 1 and is_hdf5_name(sources[0])
    several = isinstance(seed, Sequence) and len(seed) > 1
    if several and (count is not None or not from_face_set):
        raise InputError(
            "several seeds choose a row of a face set's faces each: leave out the number of faces, "
            "or for photos all seeds but one"
        )
    # All photos are taken, and decoding mu draws nothing: only the rest needs a seed.
    seeds = _seeds(seed, on_seed) if from_face_set or "z" in points else [0]
    if from_face_set:
        count = columns if several else COUNT if count is None else count
        originals = choose_from_face_set(sources[0], count, seeds=seeds, split=split)
        columns = min(columns, len(originals.rows) // len(seeds))
    else:
        originals = load_photos(sources, size=codecs[0].image_size, box=box, align=align)
    layers = reconstruct_sheet(
        codecs,
        originals,
        output,
        seeds=seeds,
        points=points,
        columns=columns,
        sharpening=sharpening,
        force=force,
    )
    return ReconstructedFaces(Path(output), seeds, originals, layers)


def _seeds(seed: int | Sequence[int] | None, on_seed: Callable[[int], object]) -> list[int]:
    """The seeds given, or a fresh one."""
    given: Sequence[int | None] = seed or [None] if isinstance(seed, Sequence) else [seed]
    return [seed_or_draw(one, on_seed) for one in given]


def _open(paths: Sequence[AnyPath | None], decoder: str | None, threads: int | None) -> list[Codec]:
    """The models of some weights, which make faces of one size."""
    codecs = [Codec(Weights.load(path), decoder=decoder, threads=threads) for path in paths]
    if not codecs:
        raise InputError("no weights given: the list is empty")
    first = codecs[0]
    for other in codecs[1:]:
        if other.image_size != first.image_size:
            raise InputError(
                f"{first.weights.path} makes faces of {first.image_size} pixels, "
                f"{other.weights.path} of {other.image_size}; choose weights of one size"
            )
    return codecs
