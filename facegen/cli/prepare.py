"""facegen prepare."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli.options import (
    BOX,
    PATH,
    SEED,
    FiniteFloat,
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


def count_shard(names: list[str], shard: Shard | None) -> int | None:
    """How many photos there are to read; None if that is not known before."""
    from facegen.images.photo_sources import count_photos

    total = count_photos(names)
    return total if shard is None or total is None else len(shard.rows(total, "photos"))


@click.command("prepare")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "-o", "--output", type=PATH, default=Path("faces.h5"), show_default=True, help="The face set."
)
@click.option(
    "--size",
    type=click.IntRange(8, 1024),
    default=96,
    show_default=True,
    help="Height and width of the faces in pixels.",
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
    default=0.1,
    show_default=True,
    help="Share of the photos to hold out, by person where identities are known.",
)
@click.option("--test-count", type=click.IntRange(0), help="Number of photos to hold out instead.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Chooses who is held out.")
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
@null_option
@strict_option
@force_option
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    output: Path,
    size: int,
    box: tuple[int, int, int, int] | None,
    align: bool,
    identities: Path | None,
    attributes: Path | None,
    test_fraction: float,
    test_count: int | None,
    seed: int,
    max_pixels: int,
    workers: int | None,
    shard: Shard | None,
    null: bool,
    strict: bool,
    force: bool,
) -> None:
    """Read photos, crop and resize them, and write a face set.

    SOURCE is a folder (with its subfolders), a zip or tar archive, which is not unpacked, a photo,
    or - for file names on standard input, one a line. A photo that can't be used is skipped with
    its name and the reason on stderr; the exit code is then 3.

    \b
    Examples:
        facegen prepare photos/ -o faces.h5
        facegen prepare img_align_celeba.zip --identities identity_CelebA.txt -o faces.h5
        facegen prepare photos/ --shard 3/16 -o part-3.h5
        find ~/Pictures -name '*.jpg' -print0 | facegen prepare -0 - --align -o faces.h5
    """
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
            align=align,
            identities=identities,
            attributes=attributes,
            test_fraction=test_fraction,
            test_count=test_count,
            seed=seed,
            shard=shard,
            max_pixels=max_pixels,
            workers=workers,
            force=force,
            progress=progress,
            on_skip=lambda name, reason: console.warn(f"skipped {name}: {reason}"),
        )
    if shard is None:
        console.say(f"{result.count} faces, {result.test_count} of them held out for tests")
    console.result(
        output,
        faces=result.count,
        test_faces=result.test_count,
        skipped=[{"name": name, "reason": reason} for name, reason in result.skipped],
    )
    finish_skipped(console, len(result.skipped), strict)
