"""facegen analyze: a subcommand for each thing to know about a store."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from facegen.cli import summaries
from facegen.cli.analyze_clusters import command as clusters_command
from facegen.cli.analyze_neighbours import command as neighbours_command
from facegen.cli.analyze_options import (
    finish,
    latents_argument,
    output_option,
    points_option,
)
from facegen.cli.analyze_pca import command as pca_command
from facegen.cli.analyze_report import command as report_command
from facegen.cli.analyze_tsne import command as tsne_command
from facegen.cli.options import (
    PATH,
    FiniteFloat,
    NumberList,
    console_options,
    force_option,
    usage_errors,
)
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
    "--max-radius",
    type=POSITIVE,
    help="End of the histogram.  [default: 35, or further where more lies there]",
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
    points: str,
    bin_width: float,
    max_radius: float | None,
    intervals: tuple[tuple[float, float], ...],
    output: Path | None,
    force: bool,
) -> None:
    """How far points lie from the origin, against a unit normal.

    Several stores come into one plot.

    \b
    Examples:
        facegen analyze radius latents.h5
        facegen analyze radius ae.h5 vae.h5 --points mu -o radius.png
    """
    from facegen.analysis.results import plot_names
    from facegen.analysis.statistics import (
        INTERVALS,
        MAX_RADIUS,
        check_intervals,
        histogram_bins,
    )
    from facegen.api.analyze import analyze_radius

    with usage_errors():
        histogram_bins(bin_width, max_radius or MAX_RADIUS)
        check_intervals(intervals)
    with console.progress(None, "row") as progress:
        result = analyze_radius(
            latents,
            points=points,
            bin_width=bin_width,
            max_radius=max_radius,
            intervals=intervals or INTERVALS,
            output=output,
            force=force,
            progress=progress,
        )
    finish(console, result, partial(summaries.radius_text, names=plot_names(latents)))


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
def coordinates(
    console: Console,
    latents: Path,
    axes: tuple[int, ...] | None,
    points: str,
    active_kl: float,
    output: Path | None,
    force: bool,
) -> None:
    """Mean, deviation and KL divergence of every coordinate.

    And how many of them are active.

    \b
    Examples:
        facegen analyze coordinates latents.h5 --axes 0,3,7 -o coordinates.png
        facegen analyze coordinates latents.h5 --json
    """
    from facegen.api.analyze import analyze_coordinates

    with console.progress(None, "row") as progress:
        result = analyze_coordinates(
            latents,
            axes=axes,
            points=points,
            active_kl=active_kl,
            output=output,
            force=force,
            progress=progress,
        )
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
def logvar(
    console: Console, latents: Path, noise_limit: float, output: Path | None, force: bool
) -> None:
    """How much noise a VAE's encoder adds.

    The range of logvar, |z - mu|, and |z| against |mu|.

    \b
    Examples:
        facegen analyze logvar latents.h5 -o noise.png
        facegen analyze logvar tiny.h5 --noise-limit 0.1 --json
    """
    from facegen.api.analyze import analyze_logvar

    with console.progress(None, "row") as progress:
        result = analyze_logvar(
            latents, noise_limit=noise_limit, output=output, force=force, progress=progress
        )
    finish(console, result, summaries.logvar_text)


command.add_command(pca_command)
command.add_command(neighbours_command)
command.add_command(clusters_command)
command.add_command(tsne_command)
command.add_command(report_command)
