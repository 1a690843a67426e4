"""facegen reproduce."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli.options import PATH, NumberList, console_options, force_option, weights_options
from facegen.cli.terminal import Console


@click.command("reproduce")
@click.argument("original", type=PATH, metavar="FILE")
@click.option(
    "--cell",
    type=NumberList(click.IntRange(1), length=2),
    metavar="ROW,COLUMN",
    help="Only this face of a sheet; both count from 1.",
)
@click.option(
    "--size", type=click.IntRange(8, 4096), help="Enlarge a picture to this height in pixels."
)
@click.option(
    "--from",
    "folders",
    type=PATH,
    multiple=True,
    metavar="DIR",
    help="Where the files are that it was made from; the current folder and FILE's own are "
    "searched anyway. Photos are found in its subfolders and archives, too; it may be an archive "
    "itself. Repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="The file to write.  [default: FILE's name with -reproduced, overwritten]",
)
@force_option
@weights_options
@console_options
def command(
    console: Console,
    original: Path,
    cell: tuple[int, int] | None,
    size: int | None,
    folders: tuple[Path, ...],
    output: Path | None,
    force: bool,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Make a file again, and compare the two.

    It is made from what FILE says about itself: a PNG of generate, reconstruct, edit or morph, a
    GIF, WebP or MP4 of morph (of an MP4 all bytes are compared, which takes the same ffmpeg),
    generated faces (new.h5), latents.h5, sampler.h5 or attributes.h5. The same weights and input
    files are needed, and recognised by their digests. Exit code 1 says that the result differs.

    \b
    Examples:
        facegen reproduce faces.png
        facegen reproduce faces.png --cell 3,5 --size 384 -o favourite.png
        facegen reproduce sampler.h5 --from ~/celeba
    """
    from facegen.api.reproduce import reproduce
    from facegen.errors import FacegenError

    default = original.with_name(f"{original.stem}-reproduced{original.suffix}")
    done = reproduce(
        original,
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
        return
    difference = ""
    if done.largest_difference is not None:
        difference = f" by up to {done.largest_difference:g}{done.unit}"
    if not done.is_same:
        raise FacegenError(
            f"{done.path} differs from {original}{difference}; was that edited, or made by another "
            f"facegen ({done.provenance.get('facegen_version')}) or with other packages?"
        )
    console.say(f"the same but for rounding: some numbers differ{difference}")
