"""analyze clusters: do the points of an encoded store lie in groups?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from facegen.analysis import embedding, plots, scan
from facegen.analysis.results import (
    Progress,
    check_plot,
    iterate_points,
    make_result,
    no_progress,
    open_store,
    save_plot,
    stamp,
)
from facegen.io.latent_store import Latents
from facegen.latent import random_points

CLUSTER_ROWS = 200_000  # read into memory: 200 MB for 256 coordinates


def sample_rows(
    store: Latents, points: str, count: int | None, *, seed: int, progress: Progress = no_progress
) -> tuple[np.ndarray, np.ndarray, int]:
    """Reads some rows, chosen by seed, all if there are no more; one pass over the store.

    Returns:
        Row numbers int64 (n), rising; their points, float32 (n, latent_dim); and how many rows
        were left out because they are not finite.

    Raises:
        InputError: no row is finite.
    """
    everything = np.arange(len(store))
    rows = everything if count is None else random_points.select(everything, count, seed=seed)
    wanted = np.zeros(len(store), bool)
    wanted[rows] = True
    found = np.empty((len(rows), store.latent_dim), np.float32)
    start, row = 0, 0
    for batch in iterate_points(store, points, progress):
        some = batch[wanted[row : row + len(batch)]]
        found[start : start + len(some)] = some
        start, row = start + len(some), row + len(batch)
    finite = scan.radii(found) < scan.LARGEST
    scan.check_rows(int(finite.sum()))
    left_out = int((~finite).sum())
    return np.flatnonzero(wanted)[finite], found[finite] if left_out else found, left_out


def analyze_clusters(
    path: str | os.PathLike,
    *,
    counts: Sequence[int] = embedding.CLUSTERS,
    points: str = "mu",
    count: int | None = CLUSTER_ROWS,
    seed: int = 0,
    output: str | os.PathLike | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """The inertia of so many clusters, to look for an elbow.

    Args:
        path: latents.h5, complete or not.
        counts: numbers of clusters.
        points: "mu" or "z", which a VAE has hidden in noise.
        count: at most so many rows, chosen by seed; None takes all. They are held in memory.
        seed: of the choice and of the clusters.
        output: also draw the curve, into this PNG.
        force: overwrite what exists.
        progress: called with 1 after each number of clusters.

    Returns:
        JSON values: format, analysis, stamp, non_finite_rows, the numbers of
        `facegen.analysis.embedding.cluster_inertia`, plot if there is one.

    Raises:
        MissingFileError, InputError: no store, or fewer rows of finite numbers than clusters.
        OutputError: the plot exists (without `force`) or can't be written.
    """
    plot = check_plot(output, force)
    with open_store(path) as store:
        _, found, left_out = sample_rows(store, points, count, seed=seed)
        numbers = embedding.cluster_inertia(found, counts, seed=seed, progress=progress)
        about = stamp(store, points=points, seed=seed, package="sklearn", n=count)
    result = make_result("clusters", about, left_out, **numbers)
    return save_plot(result, lambda: plots.plot_clusters(numbers), plot, force)
