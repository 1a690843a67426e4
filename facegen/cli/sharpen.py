"""facegen sharpen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facegen.cli.options import (
    PATH,
    console_options,
    expand_sources,
    finish_skipped,
    force_option,
    null_option,
    sharpening_options,
    strict_option,
)
from facegen.cli.terminal import Console

if TYPE_CHECKING:
    from facegen.images.sharpening import Sharpening

DEFAULT_FACTOR = 3.0


@click.command("sharpen")
@click.argument("sources", nargs=-1, required=True, metavar="IN...")
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    help="A file for a single picture, a folder for several.",
)
@sharpening_options
@null_option
@strict_option
@force_option
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    output: Path,
    sharpening: Sharpening,
    null: bool,
    strict: bool,
    force: bool,
) -> None:
    """Sharpen pictures, or all that are in folders.

    The default is --sharpen 3. A sheet made by facegen is sharpened tile by tile, so that its
    gaps stay clean. EXIF, XMP, colour profile and transparency are kept, and what facegen
    generated is marked as synthetic, a photo never. In a folder each picture keeps its name and
    its format; with -o FILE its suffix chooses the format. A picture that can't be used, such as
    one of 16 bits a channel, is skipped with its name and the reason on stderr; the exit code is
    then 3, or 1 if none is left.

    \b
    Examples:
        facegen sharpen faces.png --sharpen 6 -o sharp.png
        facegen sharpen photos/ --unsharp 2,150,3 -o sharp/
    """
    from facegen.api.sharpen import sharpen
    from facegen.images.sharpening import Sharpening

    if sharpening.provenance is None:
        sharpening = Sharpening(DEFAULT_FACTOR)
    skipped = 0

    def on_skip(name: str, reason: str) -> None:
        nonlocal skipped
        skipped += 1
        console.warn(f"skipped {name}: {reason}")

    sharpen(
        expand_sources(sources, null=null),
        output,
        sharpening,
        force=force,
        on_written=console.result,
        on_skip=on_skip,
    )
    finish_skipped(console, skipped, strict)
