"""facegen reconstruct."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facegen.cli.options import (
    PATH,
    align_option,
    box_option,
    columns_option,
    console_options,
    decoder_option,
    finish_skipped,
    force_option,
    seed_option,
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
    default=28,
    show_default=True,
    help="Faces to choose from a face set. Of photos, all are taken.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    default="test",
    show_default=True,
    help="Part of the face set to choose from.",
)
@seed_option
@click.option("--sample", is_flag=True, help="Decode a sampled z instead of mu.")
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
@weights_options
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    count: int,
    split: str,
    seed: int | None,
    sample: bool,
    columns: int,
    align: str,
    box: tuple[int, int, int, int] | None,
    sharpening: Sharpening,
    output: Path | None,
    strict: bool,
    force: bool,
    decoder: str | None,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Show faces above what the model makes of them.

    The faces come from a face set, chosen by seed, or are your own photos (docs/photos.md
    tells how their faces are found).

    \b
    Examples:
        facegen reconstruct faces.h5 --split test --seed 1
        facegen reconstruct me.jpg you.jpg -o us.png
    """
    from facegen.api.reconstruct import reconstruct

    done = reconstruct(
        sources,
        output or DEFAULT_OUTPUT,
        count=count,
        split=split,
        seed=seed,
        sample=sample,
        columns=columns,
        align=align,
        box=box,
        sharpening=sharpening,
        force=force or output is None,
        decoder=decoder,
        weights=weights,
        threads=threads,
        on_seed=console.seed,
    )
    warn_about(console, done.originals.notes)
    for name, reason in done.originals.skipped:
        console.warn(f"skipped {name}: {reason}")
    console.result(done.path, seed=done.seed, names=done.originals.names)
    finish_skipped(console, len(done.originals.skipped), strict)
