"""facegen morph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facegen.cli.attribute_options import attribute_options
from facegen.cli.options import (
    PATH,
    FiniteFloat,
    NumberList,
    align_option,
    box_option,
    console_options,
    decoder_option,
    force_option,
    sharpening_options,
    warn_about,
    weights_options,
)
from facegen.cli.sampler_options import face_options
from facegen.cli.terminal import Console

if TYPE_CHECKING:
    from facegen.images.sharpening import Sharpening
    from facegen.latent.move_choice import MoveChoice
    from facegen.latent.sampler_choice import SamplerChoice

DEFAULT_OUTPUT = Path("morph.png")


def _check_usage(
    output: Path,
    animated: bool,
    mix: tuple[float, ...] | None,
    square: int | None,
    steps: int | None,
    scale: int | None,
) -> None:
    """Refuses options that don't go together."""
    suffix = output.suffix.lower()
    if suffix not in (".png", ".gif", ".webp", ".mp4"):
        raise click.UsageError(
            f"-o must end in .png (a strip), .gif, .webp or .mp4 (an animation), not {suffix!r}"
        )
    if suffix == ".png" and animated:
        raise click.UsageError("--fps and --one-way go with .gif, .webp and .mp4.")
    if mix is not None and square is not None:
        raise click.UsageError("Choose one of --mix and --square.")
    if (mix is not None or square is not None) and (steps is not None or suffix != ".png"):
        raise click.UsageError("--mix and --square make a .png without --steps.")
    if mix is not None and (len(mix) > 2 or scale is not None):
        raise click.UsageError(
            "--mix is U between two faces, or U,V within the square of four, without --scale."
        )


@click.command("morph")
@click.argument("sources", nargs=-1, required=True, metavar="FACE FACE...")
@click.option(
    "--steps",
    type=click.IntRange(1, 1000),
    help="Steps from a face to the next.  [default: 6 in a strip, 24 in an animation]",
)
@click.option(
    "--path",
    type=click.Choice(["spherical", "linear"]),
    default="spherical",
    show_default=True,
    help="An arc around the origin, which keeps the radius, or a straight line.",
)
@click.option(
    "--fps",
    type=FiniteFloat(0, 50, min_open=True),
    help="Pictures a second of an animation.  [default: 20]",
)
@click.option(
    "--scale",
    type=click.IntRange(1, 32),
    help="Enlarge faces so many times.  [default: 1 in a strip; in an animation to about 288 "
    "pixels]",
)
@click.option("--one-way", is_flag=True, help="An animation does not go back to its first face.")
@click.option(
    "--mix",
    type=NumberList(FiniteFloat(0, 1)),
    metavar="U[,V]",
    help="One picture: at U of the way between two faces, or at U,V of the square of four, upper "
    "left, upper right, lower left, lower right.",
)
@click.option(
    "--square",
    type=click.IntRange(2, 100),
    metavar="N",
    help="A sheet of N x N pictures, with four faces in its corners.",
)
@attribute_options
@face_options
@align_option
@box_option
@sharpening_options
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="A strip or a mix (.png) or an animation (.gif, .webp, .mp4).  [default: morph.png, "
    "overwritten]",
)
@force_option
@decoder_option
@weights_options
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    steps: int | None,
    path: str,
    fps: float | None,
    scale: int | None,
    one_way: bool,
    mix: tuple[float, ...] | None,
    square: int | None,
    move: MoveChoice | None,
    choice: SamplerChoice,
    radius: float | None,
    align: str,
    box: tuple[int, int, int, int] | None,
    sharpening: Sharpening,
    output: Path | None,
    force: bool,
    decoder: str | None,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Turn one face into the next, or mix two faces or four.

    As a strip of pictures or as an animation.

    FACE is a photo, or a row of a file or a seed: latents.h5:17, faces.h5:3, seed:5:3 (face 3 of
    'facegen generate --seed 5'); several rows are several faces, as in seed:5:0-3.

    --sigma, --r-limit, --sampler, --radius-percentile and --truncation say where the faces of a
    seed come from, as in 'facegen generate'; a name may say it itself: seed:5:3:r-limit=2.5.
    --radius and --attribute change each face before the morph, as in 'facegen edit'.

    \b
    Examples:
        facegen morph me.jpg you.jpg -o us.gif
        facegen morph seed:5:0-3 seed:5:0 --one-way --fps 25 -o round.webp
        facegen morph latents.h5:17 seed:5 --path linear --steps 9
        facegen morph seed:5:0-3 --square 7 -o square.png
        facegen morph seed:5:0-3 --mix 0.25,0.5 --attribute Smiling=1 -o face.png
    """
    output, force = output or DEFAULT_OUTPUT, force or output is None
    _check_usage(output, fps is not None or one_way, mix, square, steps, scale)

    from facegen.api.morph import FPS, morph

    done = morph(
        sources,
        output,
        steps=steps,
        path=path,
        fps=FPS if fps is None else fps,
        scale=scale,
        one_way=one_way,
        mix=mix,
        square=square,
        move=move,
        radius=radius,
        sampler=choice,
        align=align,
        box=box,
        sharpening=sharpening,
        force=force,
        decoder=decoder,
        weights=weights,
        threads=threads,
        on_warning=console.advise,
    )
    warn_about(console, done.notes)
    console.result(done.path, points=done.points, radii=done.radii)
