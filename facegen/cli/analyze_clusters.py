"""facegen analyze clusters."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli import summaries
from facegen.cli.analyze_options import (
    ROWS,
    finish,
    latents_argument,
    means_option,
    output_option,
    seed_option,
)
from facegen.cli.options import NumberList, console_options, force_option
from facegen.cli.terminal import Console


@click.command("clusters")
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
def command(
    console: Console,
    latents: Path,
    counts: tuple[int, ...] | None,
    points: str,
    count: int,
    seed: int,
    output: Path | None,
    force: bool,
) -> None:
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
        result = analyze_clusters(
            latents,
            counts=counts,
            points=points,
            count=count,
            seed=seed,
            output=output,
            force=force,
            progress=progress,
        )
    finish(console, result, summaries.clusters_text)
