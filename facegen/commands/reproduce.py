"""facegen reproduce."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.console import (
    PATH,
    Console,
    NumberList,
    console_options,
    force_option,
    weights_options,
)

ROUNDING = 1  # of 255: what another processor's float arithmetic may change


@click.command("reproduce")
@click.argument("picture", type=PATH)
@click.option(
    "--cell",
    type=NumberList(click.IntRange(1), length=2),
    metavar="ROW,COLUMN",
    help="Only this face of a sheet; both count from 1.",
)
@click.option(
    "--size", type=click.IntRange(8, 4096), help="Enlarge the result to this height in pixels."
)
@click.option(
    "--from",
    "folders",
    type=PATH,
    multiple=True,
    metavar="DIR",
    help="Where the files are that it was made from; the current folder and the picture's own "
    "are searched anyway. Repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="The PNG to write.  [default: the picture's name with -reproduced, overwritten]",
)
@force_option
@weights_options
@console_options
def command(
    console: Console,
    picture: Path,
    cell: tuple[int, int] | None,
    size: int | None,
    folders: tuple[Path, ...],
    output: Path | None,
    force: bool,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Make a picture again from what it says about itself, and compare the two.

    PICTURE is a PNG that generate, reconstruct, edit or morph wrote. The same weights and input
    files are needed, and recognised by their digests. Exit code 1 says that the result differs.

    \b
    Examples:
        facegen reproduce faces.png
        facegen reproduce faces.png --cell 3,5 --size 384 -o favourite.png
    """
    from facegen.errors import FacegenError
    from facegen.reproducing import reproduce

    default = picture.with_name(f"{picture.stem}-reproduced.png")
    done = reproduce(
        picture,
        output or default,
        cell=cell,
        size=size,
        weights=weights,
        folders=folders,
        threads=threads,
        force=force or output is None,
    )
    console.result(
        done.path,
        identical=done.largest_difference == 0,
        largest_difference=done.largest_difference,
        provenance=done.provenance,
    )
    if done.largest_difference == 0:
        console.say("identical")
    elif done.largest_difference <= ROUNDING:
        console.say("the same but for rounding: some pixels differ by 1 of 255")
    else:
        raise FacegenError(
            f"{done.path} differs from {picture} by up to {done.largest_difference} of 255; was "
            f"the picture edited, or made by another facegen "
            f"({done.provenance.get('facegen_version')})?"
        )
