"""facegen analyze: a subcommand for each thing to know about a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facegen.cli import summaries
from facegen.cli.analyze_options import (
    ROWS,
    finish,
    latents_argument,
    means_option,
    output_option,
    points_option,
    seed_option,
    threads_option,
)
from facegen.cli.analyze_report import command as report_command
from facegen.cli.options import PATH, FiniteFloat, NumberList, console_options, force_option
from facegen.cli.terminal import Console

POSITIVE = FiniteFloat(0, 1e6, min_open=True)


@click.group("analyze")
def command() -> None:
    """Measure and plot the points of an encoded store.

    The numbers go to standard output, with --json as one object on one line; docs/analysis.md
    explains them. Rows that are not finite are left out, with exit code 3. An incomplete store
    is analysed as far as it goes.

    \b
    Examples:
        facegen analyze radius ae.h5 vae.h5 -o radius.png
        facegen analyze report latents.h5 -o report.html
    """


@command.command("radius")
@click.argument("latents", type=PATH, nargs=-1, required=True, metavar="LATENTS.h5...")
@points_option
@click.option(
    "--bin-width", type=POSITIVE, default=0.5, show_default=True, help="Of the histogram."
)
@click.option(
    "--max-radius", type=POSITIVE, default=35, show_default=True, help="End of the histogram."
)
@click.option(
    "--interval",
    "intervals",
    type=NumberList(FiniteFloat(0), length=2),
    multiple=True,
    metavar="FROM,TO",
    help="Tell the share of the points between; repeat it for more.  [default: 12,24 and 14,19]",
)
@output_option
@force_option
@console_options
def radius(
    console: Console,
    latents: tuple[Path, ...],
    intervals: tuple[tuple[float, float], ...],
    **rest: Any,
) -> None:
    """How far points lie from the origin, against a unit normal.

    Several stores come into one plot.

    \b
    Examples:
        facegen analyze radius latents.h5
        facegen analyze radius ae.h5 vae.h5 --points mu -o radius.png
    """
    from facegen.analysis.statistics import INTERVALS, check_intervals, histogram_bins
    from facegen.api.analyze import analyze_radius
    from facegen.errors import InputError

    try:
        histogram_bins(rest["bin_width"], rest["max_radius"])
        check_intervals(intervals)
    except InputError as error:
        raise click.UsageError(str(error)) from error
    with console.progress(None, "row") as progress:
        result = analyze_radius(
            latents, intervals=intervals or INTERVALS, **rest, progress=progress
        )
    finish(console, result, summaries.radius_text)


@command.command("coordinates")
@latents_argument
@click.option(
    "--axes",
    type=NumberList(click.IntRange(0)),
    help="Coordinates whose distribution is counted, against N(0, 1).  [default: the first three]",
)
@points_option
@click.option(
    "--active-kl",
    type=FiniteFloat(0),
    default=0.01,
    show_default=True,
    help="Nats above which a coordinate counts as active.",
)
@output_option
@force_option
@console_options
def coordinates(console: Console, latents: Path, **rest: Any) -> None:
    """Mean, deviation and KL divergence of every coordinate.

    And how many of them are active.

    \b
    Examples:
        facegen analyze coordinates latents.h5 --axes 0,3,7 -o coordinates.png
        facegen analyze coordinates latents.h5 --json
    """
    from facegen.api.analyze import analyze_coordinates

    with console.progress(None, "row") as progress:
        result = analyze_coordinates(latents, **rest, progress=progress)
    finish(console, result, summaries.coordinates_text)


@command.command("logvar")
@latents_argument
@click.option(
    "--noise-limit",
    type=FiniteFloat(0),
    default=0.05,
    show_default=True,
    help="Count components with a larger |z - mu|.",
)
@output_option
@force_option
@console_options
def logvar(console: Console, latents: Path, **rest: Any) -> None:
    """How much noise a VAE's encoder adds.

    The range of logvar, |z - mu|, and |z| against |mu|.

    \b
    Examples:
        facegen analyze logvar latents.h5 -o noise.png
        facegen analyze logvar tiny.h5 --noise-limit 0.1 --json
    """
    from facegen.api.analyze import analyze_logvar

    with console.progress(None, "row") as progress:
        result = analyze_logvar(latents, **rest, progress=progress)
    finish(console, result, summaries.logvar_text)


@command.command("clusters")
@latents_argument
@click.option(
    "--clusters",
    "counts",
    type=NumberList(click.IntRange(1, 100_000)),
    metavar="N,N,...",
    help="Numbers of clusters.  [default: 2,4,...,80]",
)
@means_option
@click.option(
    "-n",
    "--n",
    "count",
    type=ROWS,
    default=200_000,
    show_default=True,
    help="At most so many rows, chosen by seed; they are held in memory.",
)
@seed_option
@output_option
@force_option
@console_options
def clusters(console: Console, latents: Path, counts: tuple[int, ...] | None, **rest: Any) -> None:
    """Inertia of 2, 4, ..., 80 clusters: is there an elbow?

    By MiniBatchKMeans.

    \b
    Examples:
        facegen analyze clusters latents.h5 -o clusters.png
        facegen analyze clusters latents.h5 --clusters 10,20,40 --n 50000 --json
    """
    from facegen.analysis.embedding import CLUSTERS
    from facegen.api.analyze_clusters import analyze_clusters

    counts = counts or CLUSTERS
    with console.progress(len(counts), "fit") as progress:
        result = analyze_clusters(latents, counts=counts, **rest, progress=progress)
    finish(console, result, summaries.clusters_text)


@command.command("tsne")
@latents_argument
@click.option(
    "-n",
    "--n",
    "count",
    type=ROWS,
    default=20_000,
    show_default=True,
    help="At most so many points, chosen by seed.",
)
@click.option(
    "--perplexity",
    type=FiniteFloat(1, 1000),
    default=30,
    show_default=True,
    help="About how many neighbours count.",
)
@click.option(
    "--early-exaggeration",
    type=FiniteFloat(1, 1000),
    default=12,
    show_default=True,
    help="How tightly groups are drawn together at first.",
)
@click.option("--colour", metavar="NAME", help="Colour the points by this attribute.")
@means_option
@click.option(
    "--engine",
    type=click.Choice(["opentsne", "sklearn"]),
    help="What computes it.  [default: openTSNE if it is installed, pip install facegen[tsne]]",
)
@click.option("--csv", "places_csv", type=PATH, help="Also write row, x and y into this file.")
@threads_option
@seed_option
@output_option
@force_option
@console_options
def tsne(console: Console, latents: Path, **rest: Any) -> None:
    """Points in a plane by t-SNE.

    Neighbours stay neighbours. It takes minutes.

    \b
    Examples:
        facegen analyze tsne latents.h5 --n 5000 -o tsne.png
        facegen analyze tsne latents.h5 --perplexity 10 --early-exaggeration 16 --csv places.csv
    """
    from facegen.analysis.embedding import ENGINES, choose_engine
    from facegen.api.analyze_tsne import analyze_tsne

    engine = choose_engine(rest.pop("engine"))
    console.say(f"t-SNE with {ENGINES[engine]} ...")
    result = analyze_tsne(latents, engine=engine, **rest)
    finish(console, result, summaries.tsne_text)


command.add_command(report_command)
