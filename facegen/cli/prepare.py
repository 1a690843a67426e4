"""facegen prepare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facegen.cli.options import (
    BOX,
    PATH,
    SEED,
    FiniteFloat,
    check_update,
    console_options,
    expand_sources,
    finish_skipped,
    force_option,
    null_option,
    shard_option,
    strict_option,
)
from facegen.cli.terminal import Console
from facegen.shards import Shard

if TYPE_CHECKING:
    from facegen.api.prepare_changes import Prepared


def count_shard(names: list[str], shard: Shard | None) -> int | None:
    """How many photos there are to read; None if that is not known before."""
    from facegen.images.photo_sources import count_photos

    total = count_photos(names)
    return total if shard is None or total is None else len(shard.rows(total, "photos"))


def check_change(
    context: click.Context,
    sources: tuple[str, ...],
    *,
    update: bool,
    forget: bool,
    force: bool,
) -> None:
    """Refuses options that don't go together."""
    if not sources and not forget:
        argument = next(one for one in context.command.params if one.name == "sources")
        raise click.MissingParameter(ctx=context, param=argument)
    if forget and (sources or update or force):
        raise click.UsageError("--forget goes without SOURCE, --update and --force.")
    check_update(update, force)


def tell(
    console: Console,
    output: Path,
    result: Prepared,
    *,
    update: bool,
    forget: bool,
    shard: Shard | None,
) -> None:
    """Says what was done, and what was found on the way."""
    if result.middle_taken:
        console.say(
            "of photos that are not square the middle was taken, such as "
            f"{result.middle_taken}; --align finds the faces in them"
        )
    if result.removed:
        console.say(f"{len(result.removed)} faces removed: {', '.join(result.removed)}")
    if update and not result.added:
        console.say(f"{output}: nothing new")
    elif update:
        console.say(f"{result.added} new faces")
    for count, what in (
        (result.renamed, "are there under another name"),
        (result.forgotten, "were forgotten and are not added again"),
        (len(result.gone), f"of the face set are gone, such as {[*result.gone, ''][0]}; they stay"),
    ):
        if count:
            console.say(f"{count} photos {what}")
    if shard is None:
        console.say(f"{result.count} faces, {result.test_count} of them held out for tests")
    changes = {
        "added": result.added,
        "renamed": result.renamed,
        "forgotten": result.forgotten,
        "gone": len(result.gone),
        "removed": result.removed,
    }
    console.result(
        output,
        faces=result.count,
        test_faces=result.test_count,
        skipped=[{"name": name, "reason": reason} for name, reason in result.skipped],
        **(changes if update or forget else {}),
    )


@click.command("prepare")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "-o", "--output", type=PATH, default=Path("faces.h5"), show_default=True, help="The face set."
)
@click.option(
    "--size",
    type=click.IntRange(8, 1024),
    help="Height and width of the faces in pixels.  [default: 96]",
)
@click.option(
    "--box",
    type=BOX,
    metavar="LEFT,UPPER,RIGHT,LOWER",
    help="Crop of every photo in pixels.  [default: 19,40,159,180 for photos of 178x218, "
    "the size of CelebA's; else the centre square]",
)
@click.option(
    "--align",
    is_flag=True,
    help="For ordinary photos: find the face, turn it upright and crop it as CelebA's are. Photos "
    "without a face are skipped.",
)
@click.option("--identities", type=PATH, help="CelebA's identity_CelebA.txt.")
@click.option("--attributes", type=PATH, help="CelebA's list_attr_celeba.txt.")
@click.option(
    "--test-fraction",
    type=FiniteFloat(0, 1, max_open=True),
    help="Share of the photos to hold out, by person where identities are known.  [default: 0.1]",
)
@click.option("--test-count", type=click.IntRange(0), help="Number of photos to hold out instead.")
@click.option("--seed", type=SEED, help="Chooses who is held out.  [default: 0]")
@click.option(
    "--max-pixels",
    type=click.IntRange(1, 2**31),
    default=100_000_000,
    show_default=True,
    help="Skip larger photos without decoding them.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes.  [default: one per processor]"
)
@shard_option
@click.option(
    "--update",
    is_flag=True,
    help="Add the photos that the face set doesn't have yet, with the options that it was made "
    "with. What is there keeps its row.",
)
@click.option(
    "--forget",
    multiple=True,
    metavar="NAME",
    help="Leave a photo out of the face set that is there; again for more. No SOURCE then.",
)
@null_option
@strict_option
@force_option
@console_options
@click.pass_context
def command(
    context: click.Context,
    console: Console,
    sources: tuple[str, ...],
    output: Path,
    size: int | None,
    box: tuple[int, int, int, int] | None,
    align: bool,
    identities: Path | None,
    attributes: Path | None,
    test_fraction: float | None,
    test_count: int | None,
    seed: int | None,
    max_pixels: int,
    workers: int | None,
    shard: Shard | None,
    update: bool,
    forget: tuple[str, ...],
    null: bool,
    strict: bool,
    force: bool,
) -> None:
    """Read photos, crop and resize them, and write a face set.

    SOURCE is a folder (with its subfolders), a zip or tar archive, which is not unpacked, a photo,
    or - for file names on standard input, one a line. A photo that can't be used is skipped with
    its name and the reason on stderr; the exit code is then 3.

    With --update a face set grows: rows are added behind those that are there. What is gone from
    SOURCE stays in it, and a photo whose content has changed stays as it was.

    \b
    Examples:
        facegen prepare photos/ -o faces.h5
        facegen prepare img_align_celeba.zip --identities identity_CelebA.txt -o faces.h5
        facegen prepare photos/ --shard 3/16 -o part-3.h5
        find ~/Pictures -name '*.jpg' -print0 | facegen prepare -0 - --align -o faces.h5
        facegen prepare photos/ -o faces.h5 --update
        facegen prepare -o faces.h5 --forget anna/1.jpg
    """
    check_change(context, sources, update=update, forget=bool(forget), force=force)
    if box and not (box[0] < box[2] and box[1] < box[3]):
        raise click.UsageError("--box needs LEFT < RIGHT and UPPER < LOWER.")

    from PIL import Image

    from facegen.api.prepare import prepare
    from facegen.io.pictures import MAX_PIXELS

    if max_pixels > MAX_PIXELS:
        Image.MAX_IMAGE_PIXELS = None  # this process is ours, and max_pixels its limit
    names = expand_sources(sources, null=null)
    with console.progress(count_shard(names, shard), "photo") as progress:
        result = prepare(
            names,
            output,
            size=size,
            box=box,
            align=align or None,
            identities=identities,
            attributes=attributes,
            test_fraction=test_fraction,
            test_count=test_count,
            seed=seed,
            shard=shard,
            max_pixels=max_pixels,
            workers=workers,
            update=update,
            forget=forget,
            force=force,
            progress=progress,
            on_skip=console.skip,
        )
    tell(console, output, result, update=update, forget=bool(forget), shard=shard)
    finish_skipped(console, len(result.skipped), strict)
