"""Are generated faces copies of training faces? Distances to the nearest ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from facegen.analysis import quality, statistics
from facegen.io.face_set import FaceSet
from facegen.latent import random_points
from facegen.model.codec import Codec

if TYPE_CHECKING:
    from facegen.model.measure import Measure

BATCH = 1000
SIZE = 32  # pixels, at which faces are compared with training faces: detail varies anyway
SHARES = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1)


def nearest(
    pixels: np.ndarray,
    measure: Measure,
    faces: FaceSet,
    codec: Codec | None,
    seed: int,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Any]:
    """Distances to the nearest training face, beside those of held-out real faces.

    A model that repeats its training faces is nearer to them than strangers are. Training sees
    mirrored faces too, so a face's mirror image counts as the face. A blurred face is nearer to
    everything; so `nearer_to_training` asks for the share of faces that are nearer to one of some
    training faces than to one of as many held-out faces: one half, if nothing is memorised.

    Args:
        pixels: the pictures that are judged, uint8 (N, size, size, 3).
        codec: also compares the means that its encoder gives; judges also compare features.
        seed: of the choice of faces.
        progress: called with the number of training faces compared.

    Source of the idea: Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect
    data-copying in generative models".
    """
    spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {"pixels": _shrink}
    if codec is not None:
        spaces["latents"] = lambda pixels: codec.encode(pixels)[0]
    if measure.judges is not None:
        spaces["objects"] = measure.judges.object_features
    queries = {
        (space, who): [view(shown), view(np.ascontiguousarray(shown[:, :, ::-1]))]
        for space, view in spaces.items()
        for who, shown in (("subject", pixels), ("real", measure.real))
    }
    found = {key: np.full(len(views[0]), np.inf) for key, views in queries.items()}
    for rows, chunk in faces.iterate("train", BATCH):
        seen = {space: view(chunk) for space, view in spaces.items()}
        for key, views in queries.items():
            for query in views:
                near = quality.nearest_distances(query, seen[key[0]])
                np.minimum(found[key], near, out=found[key])
        progress(len(rows))
    result: dict[str, Any] = {space: {} for space in spaces}
    for (space, who), distances in found.items():
        result[space][who] = statistics.quantiles(distances, SHARES)
    for space, view in spaces.items():
        result[space]["nearer_to_training"] = _nearer_to_training(
            queries[space, "subject"][0], view, faces, seed=seed
        )
    return result


def _shrink(pixels: np.ndarray) -> np.ndarray:
    return quality.shrink(pixels, SIZE)


def _nearer_to_training(
    query: np.ndarray, view: Callable[[np.ndarray], np.ndarray], faces: FaceSet, *, seed: int
) -> float:
    held_out, training = faces.rows("test"), faces.rows("train")
    count = min(len(held_out), len(training))
    near = [
        quality.nearest_distances(
            query, view(faces.read(np.sort(random_points.select(rows, count, seed=seed))))
        )
        for rows in (training, held_out)
    ]
    return float((near[0] < near[1]).mean())
