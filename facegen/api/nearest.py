"""Nearest training faces: generated faces over those of a store that are most alike.

A generated face is encoded like a photo, and its mu compared with the mu of every training face:
both come from a picture, so a face that was copied is at a distance of 0. Held-out people, who
can't have been copied, show what distances are usual.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facegen.analysis.statistics import quantiles
from facegen.api.generation import Generation, split_pages
from facegen.errors import InputError
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import ROWS_PER_PAGE, make_stack_sheet, save_png
from facegen.io.face_set import FaceSet
from facegen.io.files import check_output
from facegen.io.latent_store import Latents
from facegen.latent import random_points
from facegen.model.codec import Codec
from facegen.row_ranges import format_rows

BATCH = 4096  # training faces compared at a time
HELD_OUT = 500  # held-out faces that show which distances are usual
SHARES = (0, 0.05, 0.5, 0.95)


def nearest_rows(
    store: Latents, points: np.ndarray, *, besides: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The training row whose mu is the nearest to each point, in one pass in flat memory.

    |a - b|^2 = |a|^2 - 2 a b + |b|^2 finds the row; the distance is then computed anew, for that
    formula loses digits where points are near to each other.

    Args:
        points: float32 (n, latent_dim).
        besides: int (n), a row for each that is not sought: its own, where it is a stored one.

    Returns:
        Rows, int64 (n), and L2 distances, float64 (n).

    Raises:
        InputError: the store has no training rows.
    """
    found = np.full(len(points), -1, np.int64)
    least = np.full(len(points), np.inf, np.float32)
    squares = (points**2).sum(axis=1)[:, None]
    for rows, mu in store.iterate("mu", batch_size=BATCH):
        with np.errstate(over="ignore", invalid="ignore"):
            distances = squares - 2 * (points @ mu.T) + (mu**2).sum(axis=1)
        distances[:, store.is_test[rows] | ~np.isfinite(mu).all(axis=1)] = np.inf
        if besides is not None:
            here = np.flatnonzero((besides >= rows.start) & (besides < rows.stop))
            distances[here, besides[here] - rows.start] = np.inf
        nearest = distances.argmin(axis=1)
        distance = distances[np.arange(len(points)), nearest]
        better = distance < least
        found[better], least[better] = rows.start + nearest[better], distance[better]
    if (found < 0).any():
        raise InputError(f"{store.path} has no training rows to search")
    difference = points.astype(np.float64) - store.read(found, "mu")
    return found, np.linalg.norm(difference, axis=1)


@dataclass(frozen=True)
class TrainingFaces:
    """The training faces of a store, to search and to show.

    Attributes:
        store: open for reading.
        codec: of the weights that made the store.
        faces: the face set that was encoded, open for reading; without it a face is shown as
            the codec decodes its mu.
    """

    store: Latents
    codec: Codec
    faces: FaceSet | None = None

    def check(self) -> None:
        """Raises InputError if store, weights and face set don't belong together."""
        self.store.check(self.codec.weights)
        if self.faces and self.faces.fingerprint != self.store.origin.fingerprint:
            raise InputError(
                f"{self.store.path} was not made from {self.faces.path}: their fingerprints differ"
            )

    def find(self, pixels: np.ndarray) -> list[dict[str, Any]]:
        """The nearest training face of each picture, uint8 (n, image_size, image_size, 3).

        Returns:
            n dicts of row (of the store), name and distance.
        """
        rows, distances = nearest_rows(self.store, self.codec.encode(pixels)[0])
        return [
            {
                "row": row,
                "name": self.store.read_names(slice(row, row + 1))[0],
                "distance": round(distance, 4),
            }
            for row, distance in zip(rows.tolist(), distances.tolist(), strict=True)
        ]

    def pictures(self, rows: Sequence[int]) -> np.ndarray:
        """The faces of some rows, uint8 (n, image_size, image_size, 3)."""
        if self.faces:
            return self.faces.read(np.array(rows))
        return self.codec.decode(self.store.read(rows, "mu"))

    def provenance(self, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What a sheet records of the faces that `find` has found."""
        return {
            "latents": self.store.path.name,
            "latents_fingerprint": self.store.origin.fingerprint,
            "shown": self.faces.path.name if self.faces else "reconstructions",
            "rows": format_rows([one["row"] for one in found]),
            "distances": [one["distance"] for one in found],
        }

    def usual_distances(self) -> dict[str, float] | None:
        """Quantiles of the distance from held-out photos to training faces; None without any."""
        held_out = np.flatnonzero(self.store.is_test)
        if not len(held_out):
            return None
        rows = np.sort(random_points.select(held_out, HELD_OUT, seed=0))
        points = self.store.read(rows, "mu")
        points = points[np.isfinite(points).all(axis=1)]  # as `nearest_rows` of training rows
        if not len(points):
            return None
        distances = nearest_rows(self.store, points)[1]
        return quantiles(distances, SHARES, digits=4)


def generate_nearest(
    generation: Generation,
    rows: Sequence[int],
    training: TrainingFaces,
    output: str | os.PathLike,
    *,
    columns: int = 7,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[Path, list[dict[str, Any]]]:
    """Writes sheets: a row of generated faces over the row of the nearest training faces.

    Returns:
        For each path written, what `TrainingFaces.find` says of each of its generated faces.

    Raises:
        InputError: the store, the weights and the face set don't belong together.
        OutputError: a sheet exists (without `force`) or can't be written; no page is written then.
    """
    training.check()
    pages = split_pages(Path(output), rows, ROWS_PER_PAGE // 2 * columns)
    for path in pages:
        check_output(path, force=force)
    written = {}
    for path, shown in pages.items():
        faces, below, written[path] = _pairs(generation, shown, training)
        sheet, grid = make_stack_sheet([faces, below], columns=columns)
        provenance = generation.provenance(shown)
        provenance["nearest"] = training.provenance(written[path])
        save_png(sheet, path, provenance, grid=grid, force=force)
        progress(len(shown))
    return written


def _pairs(
    generation: Generation, rows: Sequence[int], training: TrainingFaces
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Generated faces, their nearest training faces, and what is known of these.

    Sharpening is for the eye, so faces are compared without it; originals are left as they are.
    """
    faces = replace(generation, sharpening=Sharpening()).faces(rows)
    found = training.find(faces)
    below = training.pictures([one["row"] for one in found])
    if training.faces is None:
        below = generation.sharpening.apply_to_faces(below)
    return generation.sharpening.apply_to_faces(faces), below, found
