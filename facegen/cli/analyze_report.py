"""facegen analyze report."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli.analyze_options import ROWS, latents_argument, say_incomplete, seed_option
from facegen.cli.options import (
    PATH,
    SKIPPED,
    FiniteFloat,
    console_options,
    decoder_option,
    force_option,
    weights_options,
)
from facegen.cli.terminal import Console


@click.command("report")
@latents_argument
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("report.html"),
    show_default=True,
    help="The page; its numbers go to a .json beside it.",
)
@click.option(
    "--skip",
    type=click.Choice(["clusters", "tsne", "faces"]),
    multiple=True,
    help="Leave out a slow part; repeat it for more.",
)
@click.option(
    "--cluster-rows",
    type=ROWS,
    default=10_000,
    show_default=True,
    help="At most so many rows for the clusters.",
)
@click.option(
    "--tsne-rows",
    type=ROWS,
    default=2_000,
    show_default=True,
    help="At most so many points for t-SNE.",
)
@click.option("--colour", metavar="NAME", help="Colour the points of t-SNE by this attribute.")
@click.option(
    "--radius-factor",
    type=FiniteFloat(1),
    default=1.5,
    show_default=True,
    help="How far the median radius may be from that of a unit normal, up or down.",
)
@seed_option
@force_option
@decoder_option
@weights_options
@console_options
def command(
    console: Console,
    latents: Path,
    output: Path,
    skip: tuple[str, ...],
    cluster_rows: int,
    tsne_rows: int,
    colour: str | None,
    radius_factor: float,
    seed: int,
    force: bool,
    decoder: str | None,
    weights: Path | None,
    threads: int | None,
) -> None:
    """All of it on one HTML page that needs nothing else.

    The numbers stand as JSON beside it. Ends with exit code 3, and names them on stderr, when
    health rules are broken: all rows are finite, a coordinate is active, and the radii are those
    of the prior.

    \b
    Examples:
        facegen analyze report latents.h5 -o report.html
        facegen analyze report latents.h5 -o nightly.html --skip tsne --quiet --force
    """
    from facegen.api.analyze_report import analyze_report

    with console.progress(None, "row") as progress:
        result = analyze_report(
            latents,
            output,
            weights=weights,
            decoder=decoder,
            skip=skip,
            cluster_rows=cluster_rows,
            tsne_rows=tsne_rows,
            colour=colour,
            radius_factor=radius_factor,
            seed=seed,
            threads=threads,
            force=force,
            started=lambda part: console.say(f"{part} ..."),
            progress=progress,
        )
    say_incomplete(console, result["stamp"])
    console.result(output, **result)
    for rule in result["broken_rules"]:
        console.warn(f"{latents}: {rule}")
    if result["broken_rules"]:
        raise click.exceptions.Exit(SKIPPED)
