"""facegen reconstruct."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.cli.options import (
    PATH,
    SEED,
    align_option,
    box_option,
    columns_option,
    console_options,
    decoder_option,
    finish_skipped,
    force_option,
    sharpening_options,
    strict_option,
    warn_about,
    weights_options,
)
from facegen.cli.terminal import Console

if TYPE_CHECKING:
    from facegen.images.sharpening import Sharpening

DEFAULT_OUTPUT = Path("reconstructions.png")


@click.command("reconstruct")
@click.argument("sources", nargs=-1, required=True, metavar="FACES.h5|PHOTO...")
@click.option(
    "-n",
    "--n",
    "count",
    type=click.IntRange(1, 10_000),
    help="Faces to choose from a face set. Of photos, all are taken.  [default: 28]",
)
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    default="test",
    show_default=True,
    help="Part of the face set to choose from.",
)
@click.option(
    "--seed",
    "seeds",
    type=SEED,
    multiple=True,
    help="The same seed gives the same result; by default a fresh one. Repeatable: each chooses a "
    "row of faces.",
)
@click.option(
    "--points",
    type=click.Choice(["mu", "z", "mu,z"]),
    help="Decode each face's mu, a sampled z, or both, one below the other.  [default: mu]",
)
@click.option("--sample", is_flag=True, help="The same as --points z.")
@columns_option
@align_option
@box_option
@sharpening_options
@click.option(
    "-o", "--output", type=PATH, help="The sheet.  [default: reconstructions.png, overwritten]"
)
@strict_option
@force_option
@decoder_option
@functools.partial(weights_options, several=True)
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    count: int | None,
    split: str,
    seeds: tuple[int, ...],
    points: str | None,
    sample: bool,
    columns: int,
    align: str,
    box: tuple[int, int, int, int] | None,
    sharpening: Sharpening,
    output: Path | None,
    strict: bool,
    force: bool,
    decoder: str | None,
    weights: tuple[Path, ...],
    threads: int | None,
) -> None:
    """Show faces above what the model makes of them.

    The faces come from a face set, chosen by seed, or are your own photos (docs/photos.md
    tells how their faces are found). Below a row of them stands one of each of the --weights and
    --points. --json tells every face's radius there, its distance from the origin.

    \b
    Examples:
        facegen reconstruct faces.h5 --split test --seed 1
        facegen reconstruct faces.h5 --seed 1 --seed 2 --seed 3 --points mu,z
        facegen reconstruct me.jpg you.jpg -o us.png
        facegen reconstruct me.jpg --weights ae --weights vae
    """
    if sample and points is not None:
        raise click.UsageError("Choose one of --sample and --points.")

    from facegen.api.reconstruct import reconstruct

    done = reconstruct(
        sources,
        output or DEFAULT_OUTPUT,
        count=count,
        split=split,
        seed=seeds,
        points=(points or "mu").split(","),
        sample=sample,
        columns=columns,
        align=align,
        box=box,
        sharpening=sharpening,
        force=force or output is None,
        decoder=decoder,
        weights=weights or None,
        threads=threads,
        on_seed=console.seed,
    )
    warn_about(console, done.originals.notes)
    for name, reason in done.originals.skipped:
        console.warn(f"skipped {name}: {reason}")
    layers = [layer.description for layer in done.layers]
    if len(layers) > 1:
        below = ", ".join(f"{layer['points']} of {layer['weights']}" for layer in layers)
        console.say(f"below the originals: {below}")
    of_seeds: dict[str, Any] = {"seeds": done.seeds} if done.seeds[1:] else {"seed": done.seed}
    console.result(done.path, **of_seeds, names=done.originals.names, reconstructions=layers)
    finish_skipped(console, len(done.originals.skipped), strict)
