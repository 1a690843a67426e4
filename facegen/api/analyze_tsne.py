"""analyze tsne: the points of an encoded store in a plane."""

from __future__ import annotations

import csv
import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen.analysis import embedding, plots
from facegen.analysis.results import (
    check_plots,
    make_result,
    open_store,
    save_plot,
    stamp,
)
from facegen.api.analyze_clusters import sample_rows
from facegen.api.query import Conditions
from facegen.io.files import atomic_output
from facegen.io.hdf5 import read_errors
from facegen.io.latent_store import Latents

TSNE_ROWS = 20_000  # article XIII; also 80,000 and 140,000


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
        perplexity, early_exaggeration, engine, threads: as `facegen.analysis.embedding.tsne`.
        colour: the attribute that colours the points.
        points: "mu" or "z", which a VAE has hidden in noise.
        seed: of the choice and of the method.
        places_csv: also write the rows' places, as CSV: row, x, y and the attribute's value.
        output: also draw it, into this PNG.
        force: overwrite what exists.

    Returns:
        JSON values: format, analysis, stamp (with engine and its version), non_finite_rows, rows,
        engine, kl_divergence, seconds; with a colour, colour with name, yes, no and unknown;
        csv and plot if there are such.

    Raises:
        MissingFileError, InputError: no store, too few rows of finite numbers, no such attribute.
        FacegenError: the engine is not installed.
        OutputError: an output exists (without `force`) or can't be written.
    """
    plot, table = check_plots(output, places_csv, force=force)
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
        write_places(table, rows, placed.places, values, force=force)
        result["csv"] = str(table)
    title = f"t-SNE of {len(rows):,} points, perplexity {perplexity:g}"

    def draw() -> Image.Image:
        return plots.plot_tsne(placed.places, title, colour=colour, values=values)

    return save_plot(result, draw, plot, force)


def write_places(
    path: Path, rows: np.ndarray, places: np.ndarray, values: np.ndarray | None, *, force: bool
) -> None:
    """Writes a map: where rows lie in a plane, and the value of an attribute, if there is one.

    Args:
        rows: int (n).
        places: float32 (n, 2).
        values: int (n).

    Raises:
        OutputError: the file exists (without `force`) or can't be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["row", "x", "y"] + ["value"] * (values is not None))
    columns = [rows.tolist(), *places.T.tolist()]
    table.writerows(zip(*columns, *([] if values is None else [values.tolist()]), strict=True))
    with atomic_output(path, force=force) as temporary:
        temporary.write_text(text.getvalue())
