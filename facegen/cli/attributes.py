"""facegen attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facegen.cli.attribute_options import NameList
from facegen.cli.options import PATH, WEIGHTS, console_options, force_option
from facegen.cli.terminal import Console, printable


def _label_table(summary: list[dict[str, Any]]) -> list[str]:
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


def _component_table(summary: list[dict[str, Any]]) -> list[str]:
    """The components in columns, for people."""
    width = max(len("direction"), *(len(row["name"]) for row in summary))
    lines = [f"{'direction':{width}} {'step':>6} {'share':>6}  goes along most with"]
    for row in summary:
        label = f"{row['label']} {row['correlation']:+.2f}" if row["label"] else "-"
        numbers = f"{row['deviation']:6.3f} {row['share']:6.1%}"
        lines.append(f"{row['name']:{width}} {numbers}  {printable(label)}")
    return lines


@click.command("attributes")
@click.argument("latents", type=PATH, metavar="LATENTS.h5", required=False)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="The directions. In a folder of weights, 'edit' and 'generate' find them by these names."
    "  [default: attributes.h5, with --unsupervised components.h5]",
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
@click.option(
    "--unsupervised",
    is_flag=True,
    help="Find directions without labels instead: pc-1, pc-2 ... of the points, layer-1 ... of the "
    "decoder's first layer. These need the weights alone.",
)
@click.option(
    "-n",
    "--n",
    "count",
    type=click.IntRange(1, 65536),
    help="With --unsupervised: directions of each kind.  [default: 30]",
)
@click.option(
    "--weights",
    type=WEIGHTS,
    help="With --unsupervised: the weights that made the store; by default $FACEGEN_WEIGHTS, else "
    "the model that comes with facegen.",
)
@force_option
@console_options
def command(
    console: Console,
    latents: Path | None,
    output: Path | None,
    without: tuple[str, ...],
    min_count: int,
    unsupervised: bool,
    count: int | None,
    weights: Path | None,
    force: bool,
) -> None:
    """Find directions: those of labels, or without labels.

    A label's direction is the mean of mu of the training faces with it, less the mean of those
    without. The table says how many faces there are of each, how far the two groups lie apart
    along the direction (Cohen's d, in standard deviations), and which other label's direction is
    the most alike, with the cosine between them.

    With --unsupervised the table has each direction's step, one standard deviation of mu; its
    share of the variance (pc) or of the squared weights (layer); and where there are labels, the
    one that goes along with it most, with the correlation.

    \b
    Examples:
        facegen attributes latents.h5 -o attributes.h5
        facegen attributes latents.h5 --without Male -o not-male.h5
        facegen attributes latents.h5 --json | jq '.labels[0]'
        facegen attributes latents.h5 --unsupervised -o components.h5
    """
    if unsupervised:
        if without:
            raise click.UsageError("--without goes with labels; 'edit' has it for all directions.")
        _find_components(console, latents, output, count, min_count, weights, force)
        return
    if count is not None or weights is not None:
        raise click.UsageError("--n and --weights go with --unsupervised.")
    if latents is None:
        raise click.UsageError("Missing argument 'LATENTS.h5'.")
    _find_labels(console, latents, output or Path("attributes.h5"), without, min_count, force)


def _rows(latents: Path) -> int:
    """How many rows of a store there are."""
    from facegen.io.latent_store import Latents

    with Latents.open(latents) as store:
        return len(store)


def _find_labels(
    console: Console,
    latents: Path,
    output: Path,
    without: tuple[str, ...],
    min_count: int,
    force: bool,
) -> None:
    from facegen.api.attributes import attributes

    with console.progress(_rows(latents), "face") as progress:
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
        console.say(*_label_table(summary))
    console.result(output, rows=directions.source.rows, labels=summary)


def _find_components(
    console: Console,
    latents: Path | None,
    output: Path | None,
    count: int | None,
    min_count: int,
    weights: Path | None,
    force: bool,
) -> None:
    from facegen.api.components import COUNT, components

    output = output or Path("components.h5")
    total = None if latents is None else _rows(latents)
    with console.progress(total, "face") as progress:
        found = components(
            latents,
            output,
            count=count or COUNT,
            min_count=min_count,
            weights=weights,
            force=force,
            progress=progress,
        )
    summary = found.summary()
    if not console.as_json:
        console.say(*_component_table(summary))
    console.result(output, rows=found.source.rows, components=summary)
