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
from facegen.cli.sampler_options import face_options
from facegen.cli.terminal import Console

if TYPE_CHECKING:
    from facegen.images.sharpening import Sharpening
    from facegen.latent.move_choice import MoveChoice
    from facegen.latent.sampler_choice import SamplerChoice

DEFAULT_OUTPUT = Path("edit.png")


@click.command("edit")
@click.argument("sources", nargs=-1, required=True, metavar="FACE...")
@attribute_options
@face_options
@click.option(
    "--steps", type=click.IntRange(1, 100), help="Pictures from weak to strong.  [default: 5]"
)
@click.option(
    "--single",
    is_flag=True,
    help="No sheet: the picture of one face alone, with all of the edit, or without one.",
)
@align_option
@box_option
@sharpening_options
@click.option(
    "-o", "--output", type=PATH, help="The sheet, or the picture.  [default: edit.png, overwritten]"
)
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
    choice: SamplerChoice,
    radius: float | None,
    steps: int | None,
    single: bool,
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
    """Give faces more of a label, or less, or another radius.

    A row of the sheet for each face, from weak to strong. FACE is a photo, a folder of photos, or
    rows of a file or a seed: latents.h5:17, faces.h5:3-5, seed:5:3 (face 3 of 'facegen generate
    --seed 5'). A row shows the photo, what the model makes of it, and the steps to the amounts
    given.

    --sigma, --r-limit, --sampler, --radius-percentile and --truncation say where the faces of a
    seed come from, as in 'facegen generate'; a name may say it itself: seed:5:3:r-limit=2.5.
    --radius is for faces of every kind; as there, they are moved along --attribute after it.

    \b
    Examples:
        facegen edit photo.jpg --attribute Smiling=1.5,Eyeglasses=-1
        facegen edit seed:5:0-6 --attribute Smiling=2 --without Male -o smiles.png
        facegen edit photo.jpg --radius 10
        facegen edit seed:5:3 --r-limit 1.5 --attribute Smiling=2 --single -o face.png
    """
    if single and steps is not None:
        raise click.UsageError("--single is one picture; leave out --steps.")
    if move is None and radius is None and not single:
        raise click.UsageError(
            "Say what to change with --attribute, such as Smiling=1.5. --radius changes faces, "
            "too, and --single shows one as it is."
        )

    from facegen.api.edit import STEPS, edit

    steps = steps or STEPS
    done = edit(
        expand_sources(sources, null=null),
        output or DEFAULT_OUTPUT,
        move,
        radius=radius,
        steps=steps,
        single=single,
        sampler=choice,
        align=align,
        box=box,
        sharpening=sharpening,
        force=force or output is None,
        decoder=decoder,
        weights=weights,
        threads=threads,
        on_skip=console.skip,
        on_warning=console.advise,
    )
    warn_about(console, done.notes)
    more = {} if single else {"steps": steps}
    radii = {"radii": done.radii, "edited_radii": done.edited_radii}
    console.result(done.path, points=done.points, **more, **radii)
    finish_skipped(console, len(done.skipped), strict)
