"""facegen analyze pca."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli import summaries
from facegen.cli.analyze_options import (
    colour_option,
    csv_option,
    finish,
    latents_argument,
    means_option,
    output_option,
)
from facegen.cli.options import console_options, force_option
from facegen.cli.terminal import Console


@click.command("pca")
@latents_argument
@colour_option
@means_option
@csv_option
@output_option
@force_option
@console_options
def command(
    console: Console,
    latents: Path,
    colour: str | None,
    points: str,
    places_csv: Path | None,
    output: Path | None,
    force: bool,
) -> None:
    """Principal directions: how many hold 90 % of the variance?

    And what turning the points to them does to correlations and distributions. 'facegen
    attributes --unsupervised' writes the directions, to move faces along.

    \b
    Examples:
        facegen analyze pca latents.h5 -o pca.png
        facegen analyze pca latents.h5 --colour Smiling --csv places.csv --json
    """
    from facegen.api.analyze_pca import analyze_pca

    with console.progress(None, "row") as progress:
        result = analyze_pca(
            latents,
            points=points,
            colour=colour,
            places_csv=places_csv,
            output=output,
            force=force,
            progress=progress,
        )
    finish(console, result, summaries.pca_text)
