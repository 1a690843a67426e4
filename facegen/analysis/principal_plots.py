"""The plot of `facegen analyze pca`. matplotlib is imported late, as in `plots`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facegen.analysis.plots import REFERENCE, no_notices, panels, picture, scatter_places
from facegen.latent import random_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_ROWS = 20_000  # shown, chosen at random; more hide each other
KINDS = {"coordinates": "#1b6ca8", "directions": "#d95f02"}


@no_notices()
def plot_pca(
    numbers: dict[str, Any],
    correlations: np.ndarray,
    places: np.ndarray,
    *,
    colour: str | None = None,
    values: np.ndarray | None = None,
) -> Image.Image:
    """Draws what principal directions hold, and the points along them.

    Args:
        numbers: of `facegen.analysis.principal.pca_numbers`.
        correlations: of all pairs of coordinates, float64 (pairs).
        places: of all rows along the first two directions, float32 (n, 2).
        colour, values: as `facegen.analysis.plots.plot_tsne`.
    """
    figure, (spectrum, held, pairs, along, shapes, plane) = panels(
        "Principal directions of the points", rows=2, columns=3
    )
    _draw_spectrum(spectrum, held, numbers)
    _draw_correlations(pairs, correlations)
    _draw_distributions(along, numbers)
    for kind, shade in KINDS.items():
        own = numbers[kind]
        label = f"{kind}: {len(own['skewness'])}"
        shapes.scatter(
            own["skewness"], own["excess_kurtosis"], s=12, c=shade, alpha=0.7, label=label
        )
    shapes.plot(0, 0, "+", color="black", markersize=14, label="normal distribution")
    shapes.set_xlabel("skewness")
    shapes.set_ylabel("excess kurtosis")
    shapes.legend(fontsize="small")
    shown = np.sort(random_points.select(np.arange(len(places)), MAP_ROWS, seed=0))
    values = None if values is None else values[shown]
    scatter_places(plane, places[shown], colour=colour, values=values)
    plane.set_xlabel("place along pc-1")
    plane.set_ylabel("place along pc-2")
    return picture(figure)


def _draw_spectrum(spectrum: Axes, held: Axes, numbers: dict[str, Any]) -> None:
    for kind, shade in KINDS.items():
        variances = np.array(numbers[kind]["variances"])
        label = f"{kind}: {numbers[kind]['holding']['0.9']} hold 90 %"
        ranks = np.arange(1, len(variances) + 1)
        floor = np.maximum(variances, 1e-6 * variances[0])
        spectrum.semilogy(ranks, floor, color=shade, label=kind)
        held.plot(ranks, np.cumsum(variances) / variances.sum(), color=shade, label=label)
    held.axhline(0.9, **REFERENCE)
    held.set_ylim(0, 1.02)
    spectrum.set_ylabel("variance")
    held.set_ylabel("share of the variance")
    for axes in (spectrum, held):
        axes.set_xlabel("the largest first")
        axes.legend(fontsize="small", loc="upper right" if axes is spectrum else "lower right")


def _draw_correlations(axes: Axes, correlations: np.ndarray) -> None:
    """How large the correlations of coordinates are; those of directions are 0."""
    edges = np.linspace(-1, 1, 81)
    share = np.histogram(correlations, edges)[0] / max(1, len(correlations))
    largest = np.abs(correlations).max(initial=0)
    label = f"pairs of coordinates: at most {largest:.2f}"
    axes.stairs(share, edges, fill=True, color=KINDS["coordinates"], alpha=0.7, label=label)
    axes.set_yscale("log")
    axes.axvline(0, color=KINDS["directions"], linestyle="--", label="pairs of directions: 0")
    axes.set_xlabel("correlation")
    axes.set_ylabel("share of the pairs")
    axes.legend(fontsize="small", loc="upper right")


def _draw_distributions(axes: Axes, numbers: dict[str, Any]) -> None:
    """How the points are distributed along the first directions."""
    for one in numbers["axes"]:
        counts, width = np.array(one["counts"]), one["bin_width"]
        edges = one["from"] + np.arange(len(counts) + 1) * width
        label = f"pc-{one['direction']}"
        axes.stairs(counts / (counts.sum() * width), edges, label=label, linewidth=1.3)
    places = np.linspace(-5, 5, 500)
    normal = np.exp(-(places**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(places, normal, label="N(0, 1)", **REFERENCE)
    axes.set_xlim(-5, 5)
    axes.set_xlabel("place along a direction (standard deviations)")
    axes.set_ylabel("density")
    axes.legend(fontsize="small")
