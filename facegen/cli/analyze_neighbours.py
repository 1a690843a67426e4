"""facegen analyze neighbours."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from facegen.cli import summaries
from facegen.cli.analyze_options import finish, output_option, seed_option, stores_argument
from facegen.cli.options import (
    PATH,
    WEIGHTS,
    FiniteFloat,
    NumberList,
    console_options,
    force_option,
    threads_option,
    usage_errors,
)
from facegen.cli.terminal import Console


@click.command("neighbours")
@stores_argument
@click.option(
    "--weights",
    type=WEIGHTS,
    multiple=True,
    help="Folder of weights that made a store; repeat it for several. Each store finds its own. "
    "By default $FACEGEN_WEIGHTS, else the model that comes with facegen.",
)
@click.option(
    "--decoder",
    type=click.Choice(["plain", "crisp"]),
    default="plain",
    show_default=True,
    help="Decoder of the weights; the plain one was trained with the encoder.",
)
@click.option(
    "-n",
    "--n",
    "count",
    type=click.IntRange(1, 5000),
    default=64,
    show_default=True,
    help="Faces, chosen by seed, held-out ones where there are two; at most half of them, since "
    "the others are where the ways lead.",
)
@click.option(
    "--distances",
    type=NumberList(FiniteFloat(0, 1000, min_open=True)),
    metavar="D,D,...",
    help="From a face, rising; 1 is the distance between two faces.  [default: "
    "0.05,0.1,0.2,0.3,0.5,0.75,1,1.5,2]",
)
@click.option("--sheet", type=PATH, help="Also write pictures around two faces, into this PNG.")
@threads_option
@seed_option
@output_option
@force_option
@console_options
def command(
    console: Console,
    latents: tuple[Path, ...],
    weights: tuple[Path, ...],
    decoder: str,
    count: int,
    distances: tuple[float, ...] | None,
    sheet: Path | None,
    threads: int | None,
    seed: int,
    output: Path | None,
    force: bool,
) -> None:
    """What lies around faces, and between two of them?

    How pictures change on the way from a face: along a random direction, along a principal one
    and towards the nearest training face; and in how many pictures, there and on the straight
    line to another face, there is a face at all (needs facegen[photos]). Several stores come into
    one plot and one sheet.

    \b
    Examples:
        facegen analyze neighbours latents.h5 --n 8 -o neighbours.png --sheet around.png
        facegen analyze neighbours vae.h5 ae.h5 --weights weights/mine --weights ae --n 8 --json
    """
    from facegen.analysis.neighbourhood import DISTANCES, check_distances
    from facegen.analysis.results import plot_names
    from facegen.api.analyze_neighbours import analyze_neighbours

    distances = distances or DISTANCES
    with usage_errors():
        check_distances(distances)
    with console.progress(None, "face") as progress:
        result = analyze_neighbours(
            latents,
            weights=weights,
            decoder=decoder,
            count=count,
            distances=distances,
            seed=seed,
            threads=threads,
            sheet=sheet,
            output=output,
            force=force,
            progress=progress,
        )
    if result["files"][0]["between"]["found"] is None:
        console.say("whether there are faces is not measured: pip install 'facegen[photos]'")
    finish(console, result, partial(summaries.neighbours_text, names=plot_names(latents)))
