"""facegen edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facegen.cli.attribute_options import attribute_options
from facegen.cli.options import (
    PATH,
    align_option,
    box_option,
    console_options,
    decoder_option,
    expand_sources,
    finish_skipped,
    force_option,
    null_option,
    sharpening_options,
    strict_option,
    warn_about,
    weights_options,
)
from facegen.cli.terminal import Console

if TYPE_CHECKING:
    from facegen.images.sharpening import Sharpening
    from facegen.latent.move_choice import MoveChoice

DEFAULT_OUTPUT = Path("edit.png")


@click.command("edit")
@click.argument("sources", nargs=-1, required=True, metavar="FACE...")
@attribute_options
@click.option(
    "--steps",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Pictures from weak to strong.",
)
@align_option
@box_option
@sharpening_options
@click.option("-o", "--output", type=PATH, help="The sheet.  [default: edit.png, overwritten]")
@null_option
@strict_option
@force_option
@decoder_option
@weights_options
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    move: MoveChoice | None,
    steps: int,
    align: str,
    box: tuple[int, int, int, int] | None,
    sharpening: Sharpening,
    output: Path | None,
    null: bool,
    strict: bool,
    force: bool,
    decoder: str | None,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Give faces more of a label, or less.

    A row of the sheet for each face, from weak to strong. FACE is a photo, a folder of photos, or
    rows of a file or a seed: latents.h5:17, faces.h5:3-5, seed:5:3 (face 3 of 'facegen generate
    --seed 5'). A row shows the photo, what the model makes of it, and the steps to the amounts
    given.

    \b
    Examples:
        facegen edit photo.jpg --attribute Smiling=1.5,Eyeglasses=-1
        facegen edit seed:5:0-6 --attribute Smiling=2 --without Male -o smiles.png
    """
    from facegen.api.edit import edit

    if move is None:
        raise click.UsageError("Say what to change with --attribute, such as Smiling=1.5.")
    done = edit(
        expand_sources(sources, null=null),
        output or DEFAULT_OUTPUT,
        move,
        steps=steps,
        align=align,
        box=box,
        sharpening=sharpening,
        force=force or output is None,
        decoder=decoder,
        weights=weights,
        threads=threads,
        on_skip=lambda name, reason: console.warn(f"skipped {name}: {reason}"),
    )
    warn_about(console, done.notes)
    console.result(done.path, points=done.points, steps=steps)
    finish_skipped(console, len(done.skipped), strict)
