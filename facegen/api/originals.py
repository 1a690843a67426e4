"""Faces to reconstruct: rows of a face set, chosen by seed, or photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.images.photos import Box
from facegen.images.recorded_photos import load_recorded_photos
from facegen.io.face_set import FaceSet
from facegen.latent import random_points
from facegen.paths import Paths


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
    path: str | os.PathLike, count: int, *, seeds: Sequence[int], split: str = "test"
) -> Originals:
    """Chooses faces of a split by seed: the same ones whenever the face set is the same.

    Args:
        count: faces that each seed chooses, one seed's behind another's.

    Raises:
        InputError: the split is empty, or the file is no face set.
    """
    with FaceSet.open(path) as faces:
        own = faces.rows(split)
        rows = np.concatenate([random_points.select(own, count, seed=seed) for seed in seeds])
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
    """Loads and crops photos (`facegen.images.recorded_photos.load_recorded_photos`).

    Args:
        count: the first so many that can be used; none is read beyond them. By default all.

    Raises:
        InputError: not one of them can be used.
    """
    skipped: list[tuple[str, str]] = []

    def skip(name: str, reason: str) -> None:
        skipped.append((name, reason))

    usable = load_recorded_photos(sources, size=size, box=box, align=align, on_skip=skip)
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
