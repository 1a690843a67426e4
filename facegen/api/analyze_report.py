"""analyze report: all that `facegen analyze` knows of a store, on one page."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen.analysis import embedding, plots, scan, statistics
from facegen.analysis.report_page import Section, make_page
from facegen.analysis.results import (
    FORMAT,
    iterate_rows,
    open_store,
    package_version,
    provenance,
    stamp,
)
from facegen.api.analyze import default_axes
from facegen.api.analyze_clusters import sample_rows
from facegen.api.analyze_tsne import count_values, read_attribute
from facegen.errors import FacegenError, InputError
from facegen.images.sheets import make_sheet
from facegen.io.files import atomic_output, check_output
from facegen.io.latent_store import Latents
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.model.codec import Codec
from facegen.row_ranges import format_rows
from facegen.strict_json import to_json

CLUSTER_ROWS, TSNE_ROWS = 10_000, 2_000  # fewer than by default elsewhere: a report is quick
FACES = 14  # of each kind, two rows of seven
TEXTS = {  # the heading of each part, and what to see there
    "radius": (
        "Radius",
        "How far the points lie from the origin. The z of a VAE that follows its prior lie in the "
        "thin shell of a unit normal; the less mu says of a face, the further in it lies.",
    ),
    "coordinates": (
        "Coordinates",
        "What each coordinate says of a face. Where the KL divergence is almost 0, it says "
        "nothing: mu is 0 and z is noise.",
    ),
    "logvar": (
        "Noise",
        "How uncertain the encoder is. A VAE with a tiny KL loss behaves like an AE: logvar is "
        "far below 0, and z is mu.",
    ),
    "faces": (
        "Faces",
        "Above, points of the store, decoded; below, as many from a unit normal. Where the points "
        "follow the prior, both are faces.",
    ),
    "clusters": (
        "Clusters",
        "The points are mu. Inertia is the sum of the squared distances to the middle of the "
        "cluster. A sharp bend would show that there are so many groups.",
    ),
    "tsne": (
        "t-SNE",
        "The points, mu, in a plane, so that neighbours stay neighbours. The sizes of islands and "
        "the distances between them mean nothing.",
    ),
}


@dataclass
class _Report:
    """A report in the making.

    Attributes:
        result: what becomes the JSON.
        sections: what becomes the page.
    """

    store: Latents
    seed: int
    result: dict[str, Any]
    sections: list[Section] = field(default_factory=list)

    def add(
        self,
        part: str,
        numbers: dict[str, Any],
        image: Image.Image,
        *,
        shown: dict[str, Any] | None = None,
        package: str | None = None,
    ) -> None:
        """Adds a part; `shown` is its table if not the numbers, `package` has computed it."""
        self.result[part] = numbers
        if package is not None:
            self.result["stamp"]["versions"] |= package_version(package)
        made = {**provenance(self.result), "part": part}
        self.sections.append(Section(*TEXTS[part], shown or numbers, image, made))

    def leave_out(self, part: str, reason: str) -> None:
        self.result[part] = {"left_out": reason}
        self.sections.append(Section(TEXTS[part][0], f"Left out: {reason}."))


def analyze_report(
    path: str | os.PathLike,
    output: str | os.PathLike,
    *,
    weights: str | os.PathLike | None = None,
    decoder: str | None = None,
    skip: Collection[str] = (),
    cluster_rows: int = CLUSTER_ROWS,
    tsne_rows: int = TSNE_ROWS,
    colour: str | None = None,
    radius_factor: float = statistics.RADIUS_FACTOR,
    seed: int = 0,
    threads: int | None = None,
    force: bool = False,
    started: Callable[[str], object] = lambda part: None,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Any]:
    """Writes a page about a store, report.html, and its numbers beside it, report.json.

    Args:
        path: latents.h5, complete or not.
        output: a name that ends in .html.
        weights, decoder: the model whose encoder made the store; by default the one that comes
            with facegen. If that is another, there are no faces on the page.
        skip: some of "clusters", "tsne" and "faces".
        cluster_rows, tsne_rows: at most so many rows for these, chosen by seed.
        colour: the attribute that colours the points of t-SNE.
        radius_factor: of the health rule, as `facegen.analysis.statistics.broken_rules`.
        seed: of all that is random.
        threads: threads that compute; by default one per processor.
        force: overwrite what exists.
        started: called with the name of each part when it begins.
        progress: called with the rows read since the last call.

    Returns:
        What report.json has: format, analysis, stamp, broken_rules, non_finite_rows, radius (of z
        and of mu), coordinates, logvar, clusters, tsne, faces. What was left out says why.

    Raises:
        MissingFileError, InputError: no store, or one without rows of finite numbers; the weights
            given are not those that made it.
        OutputError: an output exists (without `force`) or can't be written.
    """
    page, numbers = check_report(output, force=force)
    with open_store(path) as store:
        result = {"format": FORMAT, "analysis": "report", "stamp": stamp(store, seed=seed)}
        report = _Report(store, seed, {**result, "broken_rules": []})
        if colour is not None:
            read_attribute(store, colour, np.arange(0))  # is there one?
        codec = None if "faces" in skip else _find_codec(store, weights, decoder, threads)
        started("radius, coordinates and logvar")
        _add_scan(report, radius_factor, progress)
        parts: dict[str, Callable[[], None]] = {
            "faces": lambda: _add_faces(report, codec),
            "clusters": lambda: _add_clusters(report, cluster_rows),
            "tsne": lambda: _add_tsne(report, tsne_rows, colour, threads),
        }
        for part, add in parts.items():
            if part in skip:
                report.leave_out(part, "not asked for")
                continue
            started(part)
            add()
    title = f"The latent space of {store.path.name}"
    about = Section("The store", "What was analysed, with what.", report.result["stamp"])
    html = make_page(title, report.result["broken_rules"], [*report.sections, about])
    with atomic_output(page, force=force) as shown:
        shown.write_text(html, errors="replace")
        shown.sync()  # a full disk is found out before one of the two appears
        with atomic_output(numbers, force=force) as told:
            told.write_text(to_json(report.result) + "\n")
    return report.result


def check_report(output: str | os.PathLike, *, force: bool) -> tuple[Path, Path]:
    """The paths of the page and of its numbers, if they can be written.

    Raises:
        InputError: the page's name does not end in .html.
        OutputError: one exists (without `force`), or its folder is missing.
    """
    page = Path(output)
    if page.suffix.lower() != ".html":
        raise InputError(f"{page} must end in .html; its numbers go to a .json beside it")
    return check_output(page, force=force), check_output(page.with_suffix(".json"), force=force)


def _add_scan(report: _Report, radius_factor: float, progress: Callable[[int], object]) -> None:
    """Radius, coordinates and logvar, by one pass, and the health rules."""
    store, result = report.store, report.result
    axes = default_axes(store.latent_dim)
    found, noise = scan.Coordinates(store.latent_dim, axes), scan.Noise(store.latent_dim)
    left_out = scan.scan(iterate_rows(store, progress), found, noise)
    radii = {points: noise.radii(points) for points in ("z", "mu")}
    end = statistics.histogram_end(list(radii.values()))
    radius = {
        points: statistics.radius_numbers(of_points, store.latent_dim, max_radius=end)
        for points, of_points in radii.items()
    }
    coordinates = statistics.coordinate_numbers(found)
    has_prior = not noise.autoencoder and store.origin.epsilon_scale == 1
    result["non_finite_rows"] = left_out
    result["broken_rules"] = statistics.broken_rules(
        non_finite_rows=left_out,
        coordinates=coordinates,
        radius=radius["z"] if has_prior else None,
        radius_factor=radius_factor,
    )
    image = plots.plot_radius(radius, [store.latent_dim])
    report.add("radius", radius, image, shown=_radius_table(radius))
    report.add("coordinates", coordinates, plots.plot_coordinates(coordinates, "z"))
    if noise.autoencoder:
        report.leave_out("logvar", "the points are an AE's, which has no logvar")
        return
    logvar = statistics.logvar_numbers(noise)
    report.add("logvar", logvar, plots.plot_logvar(logvar, noise))


def _radius_table(radius: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A column each for z, mu and the unit normal."""
    columns = {**radius, "unit normal": radius["z"]["chi"]}
    names = ("peak", "mean", "deviation")
    return {
        title: {
            **{name: numbers[name] for name in names if name in numbers},
            **{f"{float(q):.0%} below": value for q, value in numbers["quantiles"].items()},
            **{f"share {s['from']:g} to {s['to']:g}": s["share"] for s in numbers["shares"]},
        }
        for title, numbers in columns.items()
    }


def _find_codec(
    store: Latents, path: str | os.PathLike | None, decoder: str | None, threads: int | None
) -> Codec | None:
    """The model that made the store; None where it is not named and not the one at hand."""
    try:
        weights = Weights.load(path)
        store.check(weights)
        return Codec(weights, decoder=decoder, threads=threads)
    except FacegenError:
        if path is not None:
            raise
        return None


def _add_faces(report: _Report, codec: Codec | None) -> None:
    if codec is None:
        made = report.store.origin.weights or "another model"
        report.leave_out("faces", f"the store was made by {made}; name it with --weights")
        return
    rows, points, _ = sample_rows(report.store, "z", FACES, seed=report.seed)
    normal = random_points.normal(range(FACES), codec.latent_dim, seed=report.seed)
    sheet, _ = make_sheet(codec.decode(np.concatenate([points, normal])), columns=7)
    half = codec.weights.provenance(codec.decoder)
    report.add("faces", {"weights": half, "rows": format_rows(rows), "normal": FACES}, sheet)


def _add_clusters(report: _Report, count: int) -> None:
    _, points, _ = sample_rows(report.store, "mu", count, seed=report.seed)
    counts = [clusters for clusters in embedding.CLUSTERS if clusters <= len(points)]
    if not counts:
        report.leave_out("clusters", "one point alone makes none")
        return
    numbers = embedding.cluster_inertia(points, counts, seed=report.seed)
    report.add("clusters", numbers, plots.plot_clusters(numbers), package="sklearn")


def _add_tsne(report: _Report, count: int, colour: str | None, threads: int | None) -> None:
    rows, points, _ = sample_rows(report.store, "mu", count, seed=report.seed)
    try:
        placed = embedding.tsne(points, seed=report.seed, threads=threads)
    except InputError as error:
        report.leave_out("tsne", str(error))
        return
    numbers = {
        "rows": len(rows),
        "engine": placed.engine,
        "perplexity": embedding.PERPLEXITY,
        "early_exaggeration": embedding.EARLY_EXAGGERATION,
        "kl_divergence": placed.divergence,
    }
    values = None
    if colour is not None:
        values = read_attribute(report.store, colour, rows)
        numbers["colour"] = {"name": colour, **count_values(values)}
    title = f"t-SNE of {len(rows):,} points"
    image = plots.plot_tsne(placed.places, title, colour=colour, values=values)
    report.add("tsne", numbers, image, package=placed.engine)
