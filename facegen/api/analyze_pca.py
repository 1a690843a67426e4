"""analyze pca: the principal directions of an encoded store, and its points along them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from facegen.analysis import principal, scan
from facegen.analysis.principal_plots import plot_pca
from facegen.analysis.results import (
    Progress,
    check_plots,
    iterate_points,
    make_result,
    no_progress,
    open_store,
    save_plot,
    stamp,
)
from facegen.api.analyze_tsne import count_values, read_attribute, write_places
from facegen.errors import InputError
from facegen.io.latent_store import Latents
from facegen.latent.gaussians import JointMoments


def _sound(
    store: Latents, points: str, progress: Progress = no_progress
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (row numbers, points) of the rows that are finite, a batch at a time."""
    start = 0
    for batch in iterate_points(store, points, progress):
        sound = scan.radii(batch) < scan.LARGEST
        yield np.flatnonzero(sound) + start, batch[sound]
        start += len(batch)


def find_moments(
    store: Latents, points: str, progress: Progress
) -> tuple[JointMoments, JointMoments]:
    """Moments of the finite training rows and of those held out, by one pass.

    Raises:
        InputError: no row is finite, or no two training rows differ.
    """
    training, held_out = JointMoments(), JointMoments()
    for rows, batch in _sound(store, points, progress):
        is_test = store.is_test[rows]
        for moments, some in ((training, batch[~is_test]), (held_out, batch[is_test])):
            if len(some):
                moments.add(some)
    scan.check_rows(training.rows + held_out.rows)
    if training.rows < 2 or not training.scatter.any():
        raise InputError("there are no two training faces that differ")
    return training, held_out


def analyze_pca(
    path: str | os.PathLike,
    *,
    points: str = "mu",
    colour: str | None = None,
    places_csv: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """The principal directions of a store, how much they hold, and the points along them.

    Two passes in flat memory, but for 20 bytes a row. The directions are those of the training
    rows, as `facegen.components` finds them; held-out rows show whether they hold for others.

    Args:
        path: latents.h5, complete or not.
        points: "mu" or "z", to which a VAE has added noise.
        colour: the attribute that colours the map.
        places_csv: also write the places of all rows along the first two directions, as CSV: row,
            x, y and the attribute's value, as `facegen.analyze_tsne` does.
        output: also draw it, into this PNG.
        force: overwrite what exists.
        progress: called with the rows read since the last call.

    Returns:
        JSON values: format, analysis, stamp, non_finite_rows, the numbers of
        `facegen.analysis.principal.pca_numbers`; with a colour, colour with name, yes, no and
        unknown; csv and plot if there are such.

    Raises:
        MissingFileError, InputError: no store, no two training rows of finite numbers that differ,
            one coordinate alone, no such attribute.
        OutputError: an output exists (without `force`) or can't be written.
    """
    plot, table = check_plots(output, places_csv, force=force)
    with open_store(path) as store:
        if store.latent_dim < 2:
            raise InputError("principal directions need points of at least 2 coordinates, not 1")
        values = None if colour is None else read_attribute(store, colour, np.arange(len(store)))
        training, held_out = find_moments(store, points, progress)
        rotation = principal.Rotation.of(training)
        before = principal.Shapes(np.sqrt(np.diag(training.covariance)))
        after = principal.Shapes(np.sqrt(rotation.variances))
        row_parts, place_parts = [], []
        for rows, batch in _sound(store, points):
            turned, own = rotation.turn(batch), ~store.is_test[rows]
            before.add(batch[own] - rotation.mean)
            after.add(turned[own])
            row_parts.append(rows.astype(np.int32))
            place_parts.append(_plane(turned))
        about = stamp(store, points=points, colour=colour)
    rows, places = np.concatenate(row_parts), np.concatenate(place_parts)
    numbers = principal.pca_numbers(training, held_out, rotation, before, after)
    result = make_result("pca", about, store.rows_done - len(rows), **numbers)
    if values is not None:
        values = values[rows]
        result["colour"] = {"name": colour, **count_values(values)}
    if table is not None:
        write_places(table, rows, places, values, force=force)
        result["csv"] = str(table)
    found = principal.correlations(training.covariance)

    def draw() -> Image.Image:
        return plot_pca(numbers, found, places, colour=colour, values=values)

    return save_plot(result, draw, plot, force)


def _plane(turned: np.ndarray) -> np.ndarray:
    """The places along the first two directions, float32 (n, 2); 0 where there is only one."""
    places = np.zeros((len(turned), 2), np.float32)
    places[:, : turned.shape[1]] = turned[:, :2]
    return places
