"""facegen analyze tsne."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli import summaries
from facegen.cli.analyze_options import (
    ROWS,
    colour_option,
    csv_option,
    finish,
    latents_argument,
    means_option,
    output_option,
    seed_option,
    threads_option,
)
from facegen.cli.options import FiniteFloat, console_options, force_option
from facegen.cli.terminal import Console


@click.command("tsne")
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
@colour_option
@means_option
@click.option(
    "--engine",
    type=click.Choice(["opentsne", "sklearn"]),
    help="What computes it.  [default: openTSNE if it is installed, pip install facegen[tsne]]",
)
@csv_option
@threads_option
@seed_option
@output_option
@force_option
@console_options
def command(
    console: Console,
    latents: Path,
    count: int,
    perplexity: float,
    early_exaggeration: float,
    colour: str | None,
    points: str,
    engine: str | None,
    places_csv: Path | None,
    threads: int | None,
    seed: int,
    output: Path | None,
    force: bool,
) -> None:
    """Points in a plane by t-SNE.

    Neighbours stay neighbours. It takes minutes.

    \b
    Examples:
        facegen analyze tsne latents.h5 --n 5000 -o tsne.png
        facegen analyze tsne latents.h5 --perplexity 10 --early-exaggeration 16 --csv places.csv
    """
    from facegen.analysis.embedding import ENGINES, choose_engine
    from facegen.api.analyze_tsne import analyze_tsne

    engine = choose_engine(engine)
    console.say(f"t-SNE with {ENGINES[engine]} ...")
    result = analyze_tsne(
        latents,
        count=count,
        perplexity=perplexity,
        early_exaggeration=early_exaggeration,
        colour=colour,
        points=points,
        seed=seed,
        engine=engine,
        threads=threads,
        places_csv=places_csv,
        output=output,
        force=force,
    )
    finish(console, result, summaries.tsne_text)
