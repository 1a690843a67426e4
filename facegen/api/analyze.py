"""analyze radius, coordinates, logvar: numbers that one pass over an encoded store gives.

An incomplete store is analysed as far as it goes: the stamp has `rows_done`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from PIL import Image

from facegen.analysis import plots, scan, statistics
from facegen.analysis.results import (
    FORMAT,
    Progress,
    check_plot,
    iterate_points,
    iterate_rows,
    make_result,
    no_progress,
    open_store,
    plot_names,
    save_plot,
    stamp,
)
from facegen.paths import Paths, path_list


def default_axes(latent_dim: int) -> Sequence[int]:
    """The coordinates whose distribution is shown by default: the first three."""
    return range(min(3, latent_dim))


def analyze_radius(
    paths: Paths,
    *,
    points: str = "z",
    bin_width: float = statistics.BIN_WIDTH,
    max_radius: float | None = None,
    intervals: Sequence[tuple[float, float]] = statistics.INTERVALS,
    output: str | os.PathLike | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """How far the points of stores lie from the origin, side by side.

    Args:
        paths: one or more latents.h5, complete or not.
        points: "z" or "mu".
        bin_width, intervals: as `facegen.analysis.statistics.radius_numbers`.
        max_radius: end of the histograms; by default that of
            `facegen.analysis.statistics.histogram_end`.
        output: also draw the histograms over each other, into this PNG.
        force: overwrite what exists.
        progress: called with the rows read since the last call.

    Returns:
        JSON values: format, analysis, files (for each store stamp, non_finite_rows and the
        numbers of `facegen.analysis.statistics.radius_numbers`), plot if there is one.

    Raises:
        MissingFileError, InputError: no store, or one without rows of finite numbers.
        OutputError: the plot exists (without `force`) or can't be written.
    """
    paths, plot = path_list(paths), check_plot(output, force)
    found = []
    for path in paths:
        with open_store(path) as store:
            radii, left_out = scan.finite_radii(iterate_points(store, points, progress))
            found.append((stamp(store, points=points), left_out, radii))
    if max_radius is None:
        max_radius = statistics.histogram_end([radii for _, _, radii in found])
    files = []
    for about, left_out, radii in found:
        numbers = statistics.radius_numbers(
            radii,
            about["latent_dim"],
            bin_width=bin_width,
            max_radius=max_radius,
            intervals=intervals,
        )
        files.append({"stamp": about, "non_finite_rows": left_out, **numbers})
    result: dict[str, Any] = {"format": FORMAT, "analysis": "radius", "files": files}

    def draw() -> Image.Image:
        latent_dims = [file["stamp"]["latent_dim"] for file in files]
        named = dict(zip(plot_names(paths), files, strict=True))
        return plots.plot_radius(named, latent_dims, f"|{points}|")

    return save_plot(result, draw, plot, force)


def analyze_coordinates(
    path: str | os.PathLike,
    *,
    axes: Sequence[int] | None = None,
    points: str = "z",
    active_kl: float = statistics.ACTIVE_KL,
    output: str | os.PathLike | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Means, deviations and KL divergences of a store's coordinates, and which are active.

    Args:
        path: latents.h5, complete or not.
        axes: coordinates whose distribution is counted; by default the first three.
        points: "z" or "mu", whose distribution that is.
        active_kl: nats above which a coordinate counts as active.
        output: also draw it, into this PNG.
        force: overwrite what exists.
        progress: called with the rows read since the last call.

    Returns:
        JSON values: format, analysis, stamp, non_finite_rows, the numbers of
        `facegen.analysis.statistics.coordinate_numbers`, plot if there is one.

    Raises:
        MissingFileError, InputError: no store, one without rows of finite numbers, no such axis.
        OutputError: the plot exists (without `force`) or can't be written.
    """
    plot = check_plot(output, force)
    with open_store(path) as store:
        axes = default_axes(store.latent_dim) if axes is None else axes
        found = scan.Coordinates(store.latent_dim, axes, points)
        left_out = scan.scan(iterate_rows(store, progress), found)
        numbers = statistics.coordinate_numbers(found, active_kl=active_kl)
        about = stamp(store, points=points, active_kl=active_kl)
    result = make_result("coordinates", about, left_out, **numbers)
    return save_plot(result, lambda: plots.plot_coordinates(numbers, points), plot, force)


def analyze_logvar(
    path: str | os.PathLike,
    *,
    noise_limit: float = scan.NOISE_LIMIT,
    output: str | os.PathLike | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """How much noise a VAE's encoder adds to mu, and what it does to the radius.

    Args:
        path: latents.h5 of a VAE, complete or not.
        noise_limit: components with a larger `|z - mu|` are counted.
        output: also draw it, into this PNG.
        force: overwrite what exists.
        progress: called with the rows read since the last call.

    Returns:
        JSON values: format, analysis, stamp, non_finite_rows, the numbers of
        `facegen.analysis.statistics.logvar_numbers`, plot if there is one.

    Raises:
        MissingFileError, InputError: no store, one without rows of finite numbers, or an AE's.
        OutputError: the plot exists (without `force`) or can't be written.
    """
    plot = check_plot(output, force)
    with open_store(path) as store:
        found = scan.Noise(store.latent_dim, noise_limit)
        left_out = scan.scan(iterate_rows(store, progress), found)
        numbers = statistics.logvar_numbers(found)
        about = stamp(store, noise_limit=noise_limit)
    result = make_result("logvar", about, left_out, **numbers)
    return save_plot(result, lambda: plots.plot_logvar(numbers, found), plot, force)
