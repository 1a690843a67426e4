"""analyze clusters, tsne: how the points of an encoded store lie beside each other."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen import embedding, plots, sampling, scanning
from facegen.files import atomic_output
from facegen.hdf5 import read_errors
from facegen.latents import Latents
from facegen.querying import Conditions
from facegen.stamping import (
    Progress,
    check_plot,
    iterate_points,
    make_result,
    no_progress,
    open_store,
    save_plot,
    stamp,
)

CLUSTER_ROWS = 200_000  # read into memory: 200 MB for 256 coordinates
TSNE_ROWS = 20_000  # article XIII; also 80,000 and 140,000


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
    rows = everything if count is None else sampling.select(everything, count, seed=seed)
    wanted = np.zeros(len(store), bool)
    wanted[rows] = True
    found = np.empty((len(rows), store.latent_dim), np.float32)
    start, row = 0, 0
    for batch in iterate_points(store, points, progress):
        some = batch[wanted[row : row + len(batch)]]
        found[start : start + len(some)] = some
        start, row = start + len(some), row + len(batch)
    finite = scanning.radii(found) < scanning.LARGEST
    scanning.check_rows(int(finite.sum()))
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
        progress: called with 1 after each number of clusters.

    Returns:
        JSON values: format, analysis, stamp, non_finite_rows, the numbers of
        `facegen.embedding.cluster_inertia`, plot if there is one.

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


def read_attribute(store: Latents, name: str, rows: np.ndarray) -> np.ndarray:
    """An attribute of some rows: 1 yes, -1 no, 0 unknown; int8 (n).

    Raises:
        InputError: the store lacks it.
    """
    Conditions(attributes={name: 1}).check(store)
    with read_errors(store.path):
        values = store.file["attributes"][: len(store), store.attribute_names.index(name)]
    return values[rows]


def count_values(values: np.ndarray) -> dict[str, int]:
    """How many of an attribute's values, int8 (n), are yes, no and unknown."""
    kinds = {"yes": 1, "no": -1, "unknown": 0}
    return {kind: int((values == value).sum()) for kind, value in kinds.items()}


def analyze_tsne(
    path: str | os.PathLike,
    *,
    count: int = TSNE_ROWS,
    perplexity: float = embedding.PERPLEXITY,
    early_exaggeration: float = embedding.EARLY_EXAGGERATION,
    colour: str | None = None,
    points: str = "mu",
    seed: int = 0,
    engine: str | None = None,
    threads: int | None = None,
    places_csv: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Puts points of a store in a plane by t-SNE, to look for islands.

    Args:
        path: latents.h5, complete or not.
        count: at most so many rows, chosen by seed.
        perplexity, early_exaggeration, engine, threads: as `facegen.embedding.tsne`.
        colour: the attribute that colours the points.
        points: "mu" or "z", which a VAE has hidden in noise.
        seed: of the choice and of the method.
        places_csv: also write the rows' places, as CSV: row, x, y and the attribute's value.
        output: also draw it, into this PNG.

    Returns:
        JSON values: format, analysis, stamp (with engine and its version), non_finite_rows, rows,
        engine, kl_divergence, seconds; with a colour, colour with name, yes, no and unknown;
        csv and plot if there are such.

    Raises:
        MissingFileError, InputError: no store, too few rows of finite numbers, no such attribute.
        FacegenError: the engine is not installed.
        OutputError: an output exists (without `force`) or can't be written.
    """
    plot, table = check_plot(output, force), check_plot(places_csv, force)
    engine = embedding.choose_engine(engine)
    options = {"perplexity": perplexity, "early_exaggeration": early_exaggeration}
    with open_store(path) as store:
        rows = np.arange(len(store))
        values = None if colour is None else read_attribute(store, colour, rows)
        rows, found, left_out = sample_rows(store, points, count, seed=seed)
        start = time.monotonic()
        placed = embedding.tsne(found, seed=seed, engine=engine, threads=threads, **options)
        numbers = {
            "rows": len(rows),
            "engine": engine,
            "kl_divergence": placed.divergence,
            "seconds": round(time.monotonic() - start, 1),
        }
        about = stamp(
            store, points=points, seed=seed, package=engine, n=count, colour=colour, **options
        )
    result = make_result("tsne", about, left_out, **numbers)
    if values is not None:
        values = values[rows]
        result["colour"] = {"name": colour, **count_values(values)}
    if table is not None:
        _write_places(table, rows, placed.places, values, force=force)
        result["csv"] = str(table)
    title = f"t-SNE of {len(rows):,} points, perplexity {perplexity:g}"

    def draw() -> Image.Image:
        return plots.plot_tsne(placed.places, title, colour=colour, values=values)

    return save_plot(result, draw, plot, force)


def _write_places(
    path: Path, rows: np.ndarray, places: np.ndarray, values: np.ndarray | None, *, force: bool
) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["row", "x", "y"] + ["value"] * (values is not None))
    columns = [rows.tolist(), *places.T.tolist()]
    table.writerows(zip(*columns, *([] if values is None else [values.tolist()]), strict=True))
    with atomic_output(path, force=force) as temporary:
        temporary.write_text(text.getvalue())
