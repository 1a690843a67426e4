"""facegen attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facegen.cli.attribute_options import NameList
from facegen.cli.options import PATH, console_options, force_option
from facegen.cli.terminal import Console, printable


def _table(summary: list[dict[str, Any]]) -> list[str]:
    """The labels in columns, for people."""
    names = [printable(row["name"]) for row in summary]
    width = max(len("label"), *map(len, names))
    lines = [f"{'label':{width}} {'with':>7} {'without':>7} {'Cohen d':>7}  most entangled with"]
    for name, row in zip(names, summary, strict=True):
        other = f"{row['entangled_with']} {row['cosine']:+.2f}" if row["entangled_with"] else "-"
        strength = "-" if row["cohens_d"] is None else f"{row['cohens_d']:.2f}"
        lines.append(
            f"{name:{width}} {row['with']:7} {row['without']:7} {strength:>7}  {printable(other)}"
        )
    return lines


@click.command("attributes")
@click.argument("latents", type=PATH, metavar="LATENTS.h5")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("attributes.h5"),
    show_default=True,
    help="The directions. In a folder of weights, 'edit' and 'generate' find attributes.h5.",
)
@click.option(
    "--without",
    type=NameList(),
    default=(),
    metavar="NAME,...",
    help="Leave out of every other direction what lies along those of these labels. 'edit' and "
    "'generate' have the option too, and better there: a file holds one choice.",
)
@click.option(
    "--min-count",
    type=click.IntRange(2),
    default=20,
    show_default=True,
    help="Leave out labels with fewer faces with it, or without it.",
)
@force_option
@console_options
def command(
    console: Console,
    latents: Path,
    output: Path,
    without: tuple[str, ...],
    min_count: int,
    force: bool,
) -> None:
    """Find the direction of each label, such as Smiling.

    A direction is the mean of mu of the training faces with the label, less the mean of those
    without. The table says how many faces there are of each, how far the two groups lie apart
    along the direction (Cohen's d, in standard deviations), and which other label's direction is
    the most alike, with the cosine between them.

    \b
    Examples:
        facegen attributes latents.h5 -o attributes.h5
        facegen attributes latents.h5 --without Male -o not-male.h5
        facegen attributes latents.h5 --json | jq '.labels[0]'
    """
    from facegen.api.attributes import attributes
    from facegen.io.latent_store import Latents

    with Latents.open(latents) as store:
        total = len(store)
    with console.progress(total, "face") as progress:
        directions = attributes(
            latents,
            output,
            without=without,
            min_count=min_count,
            force=force,
            progress=progress,
            on_skip=lambda name, reason: console.say(f"left out {name}: {reason}"),
        )
    summary = directions.summary()
    if not console.as_json:
        console.say(*_table(summary))
    console.result(output, rows=directions.source.rows, labels=summary)
