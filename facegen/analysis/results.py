"""What the analyses share: a store read in batches, a stamp on every result, its picture."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen.analysis.scan import Batch
from facegen.errors import InputError
from facegen.images.sheets import save_png
from facegen.io.files import check_distinct, check_output
from facegen.io.hdf5 import read_errors
from facegen.io.latent_store import Latents, check_array
from facegen.prefetch import prefetch
from facegen.version import __version__

FORMAT = "facegen-analysis"
DEFINITIONS = 1  # the version of the numbers' definitions: raise it whenever one changes
BATCH = 1024  # rows at a time: what is read ahead stays in the processor's cache
PACKAGES = {"sklearn": "scikit-learn", "opentsne": "openTSNE"}

Progress = Callable[[int], object]


def no_progress(done: int) -> None:
    """Tells nobody."""


@contextmanager
def open_store(path: str | os.PathLike) -> Iterator[Latents]:
    """Opens a store that has rows, and names it in what goes wrong with its numbers."""
    with Latents.open(path) as store:
        if len(store) == 0:
            raise InputError(f"{path} has no rows yet ('facegen encode' goes on)")
        try:
            yield store
        except InputError as error:
            if str(path) in str(error):
                raise
            raise InputError(f"{path}: {error}") from error


def package_version(package: str) -> dict[str, str]:
    """Name and version of one of PACKAGES."""
    return {PACKAGES[package]: importlib.metadata.version(PACKAGES[package])}


def stamp(
    store: Latents,
    *,
    points: str | None = None,
    seed: int | None = None,
    package: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """What a result is about and all that is needed to find it again, as JSON.

    Args:
        points: "z" or "mu".
        seed: of what is random in the method.
        package: one of PACKAGES, that has computed it.
        options: of the method.
    """
    versions: dict[str, Any] = {"facegen": __version__, "definitions": DEFINITIONS}
    versions["numpy"] = np.__version__
    if package is not None:
        versions |= package_version(package)
    chosen = {"points": points, "seed": seed, **options}
    return {
        "latents": store.path.name,
        "rows": store.rows,
        "rows_done": len(store),
        "latent_dim": store.latent_dim,
        "origin": asdict(store.origin),
        **({} if store.part is None else {"part": store.part.record}),
        "options": {name: value for name, value in chosen.items() if value is not None},
        "versions": versions,
    }


def iterate_points(store: Latents, points: str, progress: Progress) -> Iterator[np.ndarray]:
    """Yields batches of "z", "mu" or "logvar", float32 (n, latent_dim)."""
    check_array(points)
    with read_errors(store.path):
        for _, batch in store.iterate(points, batch_size=BATCH):
            yield batch
            progress(len(batch))


def iterate_rows(store: Latents, progress: Progress = no_progress) -> Iterator[Batch]:
    """Yields batches of (mu, logvar, z), read ahead while the one before is used."""
    mu, logvar = (iterate_points(store, name, no_progress) for name in ("mu", "logvar"))
    return prefetch(zip(mu, logvar, iterate_points(store, "z", progress), strict=True))


def make_result(analysis_name: str, about: dict[str, Any], left_out: int, **numbers: Any) -> dict:
    """A result as JSON: format, analysis, stamp, non_finite_rows, then the numbers."""
    head = {"format": FORMAT, "analysis": analysis_name, "stamp": about}
    return {**head, "non_finite_rows": left_out, **numbers}


def provenance(result: dict[str, Any]) -> dict[str, Any]:
    """What a picture of a result records: the command and the stamps."""
    parts = result.get("files", [result])
    return {
        "command": f"analyze {result['analysis']}",
        "stamps": [part["stamp"] for part in parts],
    }


def save_plot(
    result: dict[str, Any], draw: Callable[[], Image.Image], output: Path | None, force: bool
) -> dict[str, Any]:
    """Draws a result and adds "plot", the path, to it, if there is an output."""
    if output is not None:
        save_png(draw(), output, provenance(result), force=force)
        result["plot"] = str(output)
    return result


def check_plot(output: str | os.PathLike | None, force: bool) -> Path | None:
    """Says before the work begins whether a plot can be written, if one is asked for."""
    return None if output is None else check_output(output, force=force)


def check_plots(*outputs: str | os.PathLike | None, force: bool) -> list[Path | None]:
    """As `check_plot`, of several that are not one and the same."""
    check_distinct(*outputs)
    return [check_plot(output, force) for output in outputs]


def plot_names(paths: Sequence[str | os.PathLike]) -> list[str]:
    """What to call stores in a plot: their file names, or the paths where two are the same."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]
