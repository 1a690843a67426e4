"""Pictures of numbers. matplotlib is imported when one is drawn: it costs half a second.

The numbers are JSON values of `facegen.api.evaluate`, `facegen.analysis.statistics` and
`facegen.analysis.embedding`; `facegen.images.sheets.save_png` writes the pictures.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from facegen.analysis.scan import Noise

WIDTH, HEIGHT = 6.4, 4.4  # inches of a panel, 100 pixels each
REFERENCE: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.2}
YES, NO, UNKNOWN = "#d95f02", "#1b6ca8", "#d0d0d0"  # the colour-blind tell them apart too


@contextmanager
def no_notices() -> Iterator[None]:
    """Keeps to itself what matplotlib says of fonts and of folders for its cache."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)


def literal(name: str) -> str:
    """A name as matplotlib shows it as it is: no formula between two $, no label hidden by _."""
    return "\u200b" + name.replace("$", r"\$")


@no_notices()
def plot_evaluation(result: dict[str, Any]) -> Image.Image:
    """Draws a result of `facegen.api.evaluate.evaluate`: patches, texture, nearest faces."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), dpi=100, layout="constrained")
    patches, texture, nearest = figure.subplots(1, 3)
    parts = {"generated": result["figures"], "real": result["real"]}
    for i, (name, part) in enumerate(parts.items()):
        distances = part["patch_distance"]
        places = [level + 0.4 * i for level in range(len(distances))]
        patches.bar(places, list(distances.values()), 0.4, label=name)
        power = part["spectrum"][1:]
        texture.loglog(range(1, len(power) + 1), power, label=name)
    sizes = list(result["figures"]["patch_distance"])
    patches.set_xticks([i + 0.2 for i in range(len(sizes))], [f"{size} px" for size in sizes])
    patches.set_ylabel("patch distance (x 1000)")
    texture.set_xlabel("cycles a picture")
    texture.set_ylabel("power of the luminance")
    for name, quantiles in (
        ("generated", result["nearest"]["pixels"]["subject"]),
        ("real, held out", result["nearest"]["pixels"]["real"]),
    ):
        nearest.plot(list(quantiles.values()), [float(q) for q in quantiles], label=name)
    nearest.set_xlabel("distance to the nearest training face")
    nearest.set_ylabel("share of faces")
    for axes in (patches, texture, nearest):
        axes.legend()
    return picture(figure)


def panels(title: str, *, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * WIDTH, rows * HEIGHT), dpi=100, layout="constrained")
    figure.suptitle(title)
    return figure, list(np.ravel(figure.subplots(rows, columns)))


def picture(figure: Figure) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


@no_notices()
def plot_radius(
    results: Mapping[str, dict[str, Any]], latent_dims: Sequence[int], what: str = "L2 norm"
) -> Image.Image:
    """Draws histograms of the radius over each other, and what unit normals would give.

    Args:
        results: of `facegen.analysis.statistics.radius_numbers`, all with the same bins, by the
        name to show.
        latent_dims: coordinates of the points of each.
        what: the radius of which points it is.
    """
    from scipy.stats import chi

    figure, (axes,) = panels("Distance of the points from the origin")
    figure.set_size_inches(8, 5)
    histogram = next(iter(results.values()))["histogram"]
    width = histogram["bin_width"]
    edges = np.arange(len(histogram["counts"]) + 1) * width
    for i, (name, result) in enumerate(results.items()):
        share = np.array(result["histogram"]["counts"]) / result["rows"]
        axes.stairs(share, edges, fill=True, alpha=0.3, color=f"C{i}")
        label = f"{literal(name)}: median {result['quantiles']['0.5']:.2f}"
        if beyond := result["histogram"]["beyond"]:
            label += f", {beyond:,} beyond {edges[-1]:g}"
        axes.stairs(share, edges, color=f"C{i}", linewidth=1.5, label=label)
    for latent_dim in dict.fromkeys(latent_dims):
        expected = np.diff(chi(latent_dim).cdf(edges))
        label = f"unit normal, {latent_dim} dimensions"
        axes.plot(edges[:-1] + width / 2, expected, label=label, **REFERENCE)
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(0, (1.15 + 0.08 * len(results)) * axes.get_ylim()[1])
    axes.set_xlabel(f"radius ({what})")
    axes.set_ylabel(f"share of the points, bins {width:g} wide")
    axes.legend(loc="upper left", fontsize="small")
    return picture(figure)


@no_notices()
def plot_coordinates(result: dict[str, Any], points: str) -> Image.Image:
    """Draws `facegen.analysis.statistics.coordinate_numbers`: KL, deviations, means, and chosen
    axes.

    Args:
        points: "z" or "mu", whose distribution along the axes was counted.
    """
    figure, (kl, deviations, means, along) = panels(
        "The coordinates of the latent space", rows=2, columns=2
    )
    coordinates = {name: np.array(values) for name, values in result["coordinates"].items()}
    most = coordinates.get("kl", coordinates["mu_deviation"])
    order = np.argsort(-most, kind="stable")
    if "kl" in coordinates:
        kl.semilogy(np.maximum(coordinates["kl"][order], 1e-6), label="KL divergence")
        threshold = f"active above {result['active_kl']:g}: {result['active']} of {len(order)}"
        kl.axhline(result["active_kl"], label=threshold, **REFERENCE)
        kl.legend()
    else:
        kl.text(0.5, 0.5, "an AE has no KL divergence", ha="center", transform=kl.transAxes)
    kl.set_ylabel("KL divergence from N(0, 1) (nats)")
    for name in ("mu", "z"):
        deviations.plot(coordinates[f"{name}_deviation"][order], label=f"of {name}")
        means.plot(coordinates[f"{name}_mean"][order], label=f"of {name}", linewidth=1)
    deviations.axhline(1, label="N(0, 1)", **REFERENCE)
    deviations.set_ylim(0, 1.15 * max(1, deviations.get_ylim()[1]))
    deviations.set_ylabel("standard deviation")
    means.axhline(0, label="N(0, 1)", **REFERENCE)
    means.set_ylabel("mean")
    for axes in (kl, deviations, means):
        axes.set_xlabel(f"coordinates, by {'KL divergence' if 'kl' in coordinates else 'mu'}")
    for axes in (deviations, means):
        axes.legend(ncols=3, loc="upper right", fontsize="small")
    _draw_axes(along, result["axes"], points)
    return picture(figure)


def _draw_axes(axes: Axes, histograms: Sequence[dict[str, Any]], points: str) -> None:
    """The distribution of the points along some coordinates, against N(0, 1)."""
    reach = 4.0
    for histogram in histograms:
        counts, width = np.array(histogram["counts"]), histogram["bin_width"]
        edges = histogram["from"] + np.arange(len(counts) + 1) * width
        density = counts / (counts.sum() * width)
        axes.stairs(density, edges, label=f"axis {histogram['axis']}", linewidth=1.3)
        filled = np.flatnonzero(counts)
        reach = max(reach, -edges[filled[0]], edges[filled[-1] + 1])
    places = np.linspace(-reach, reach, 500)
    normal = np.exp(-(places**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(places, normal, label="N(0, 1)", **REFERENCE)
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(f"value of {points}")
    axes.set_ylabel("density")
    axes.legend(fontsize="small")


@no_notices()
def plot_logvar(result: dict[str, Any], found: Noise) -> Image.Image:
    """Draws how much noise a VAE adds, and what it does to the radius.

    Args:
        result: of `facegen.analysis.statistics.logvar_numbers`, made of
        found: the same noise.
    """
    logvar = found.logvar_sum / found.rows
    radii_mu, radii_z = found.radii("mu"), found.radii("z")
    figure, (noise, radii) = panels("The noise of the encoder", columns=2)
    noise.plot(np.sort(logvar), label="mean of a coordinate")
    numbers = result["logvar"]
    noise.axhline(numbers["max"], color="C3", label=f"largest of all: {numbers['max']:.2f}")
    noise.axhline(numbers["mean"], label=f"mean of all: {numbers['mean']:.2f}", **REFERENCE)
    noise.axhline(numbers["min"], color="C2", label=f"least of all: {numbers['min']:.2f}")
    span = numbers["max"] - numbers["min"] + 1e-3
    noise.set_ylim(numbers["min"] - 0.05 * span, numbers["max"] + 0.5 * span)
    noise.set_xlabel("coordinates, from little noise to much")
    noise.set_ylabel("logvar")
    noise.legend(fontsize="small", loc="upper left")
    edges = np.linspace(0, max(radii_mu.max(), radii_z.max()) * 1.1 + 1e-6, 80)
    for name, values in (("mu", radii_mu), ("z", radii_z)):
        label = f"|{name}|: mean {result['radius'][f'mean_{name}']:.3f}"
        share = np.histogram(values, edges)[0] / len(values)
        radii.stairs(share, edges, label=label, fill=name == "mu", alpha=1 if name == "z" else 0.4)
    radii.set_xlim(0, edges[-1])
    radii.set_ylim(0, 1.25 * radii.get_ylim()[1])
    radii.set_xlabel("radius (L2 norm)")
    radii.set_ylabel(f"share of the points, bins {edges[1]:.2g} wide")
    radii.legend(fontsize="small", loc="upper left")
    return picture(figure)


@no_notices()
def plot_clusters(result: dict[str, Any]) -> Image.Image:
    """Draws `facegen.analysis.embedding.cluster_inertia`."""
    figure, (axes,) = panels(f"Clusters of {result['rows']:,} points (MiniBatchKMeans)")
    axes.plot(result["clusters"], result["share"], marker="o", markersize=4)
    axes.set_xlabel("clusters")
    axes.set_ylabel("inertia (one cluster: 1)")
    axes.grid(alpha=0.3)
    return picture(figure)


@no_notices()
def plot_tsne(
    places: np.ndarray, title: str, *, colour: str | None = None, values: np.ndarray | None = None
) -> Image.Image:
    """Draws points that t-SNE has put in a plane.

    Args:
        places: float (n, 2).
        colour: the attribute that colours them.
        values: its values, int (n): 1 yes, -1 no, 0 unknown; the unknown lie under the others.
    """
    figure, (axes,) = panels(title)
    figure.set_size_inches(8, 8)
    scatter_places(axes, places, colour=colour, values=values)
    axes.set_xlabel("t-SNE 1 (no unit)")
    axes.set_ylabel("t-SNE 2 (no unit)")
    return picture(figure)


def scatter_places(
    axes: Axes, places: np.ndarray, *, colour: str | None, values: np.ndarray | None
) -> None:
    """Draws points in a plane, as `plot_tsne`."""
    size = float(np.clip(40_000 / len(places), 1, 25))
    label = literal(colour or "")
    if values is None:
        axes.scatter(places[:, 0], places[:, 1], s=size, c=NO, alpha=0.5, linewidths=0)
    else:
        for value, name, shade in ((0, "unknown", UNKNOWN), (-1, "no", NO), (1, "yes", YES)):
            x, y = places[values == value].T
            known = 2.5 if value and (values == 0).any() else 1
            axes.scatter(x, y, s=size * known, c=shade, alpha=0.7, linewidths=0)
            axes.scatter([], [], s=30, c=shade, label=f"{label}: {name} ({len(x):,})")
        axes.legend(loc="upper right", fontsize="small", framealpha=0.9)
    axes.set_aspect("equal", adjustable="datalim")
