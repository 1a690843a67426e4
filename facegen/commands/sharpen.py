"""facegen sharpen."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.commands.prepare import expand_sources, finish_skipped, strict_option
from facegen.console import (
    PATH,
    Console,
    console_options,
    force_option,
    sharpening_options,
)

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
@strict_option
@force_option
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    output: Path,
    sharpen: float | None,
    unsharp: tuple[float, float, float] | None,
    strict: bool,
    force: bool,
) -> None:
    """Sharpen pictures and whole folders of them; by default with --sharpen 3.

    A sheet made by facegen is sharpened tile by tile, so that its gaps stay clean. Metadata and
    transparency are kept.

    \b
    Examples:
        facegen sharpen faces.png --sharpen 6 -o sharp.png
        facegen sharpen photos/ --unsharp 2,150,3 -o sharp/
    """
    if sharpen is not None and unsharp is not None:
        raise click.UsageError("Choose one of --sharpen and --unsharp.")

    from facegen.retouching import sharpen as sharpen_files
    from facegen.sharpening import Sharpening

    if sharpen is None and unsharp is None:
        sharpen = DEFAULT_FACTOR
    skipped = 0

    def on_skip(name: str, reason: str) -> None:
        nonlocal skipped
        skipped += 1
        console.warn(f"skipped {name}: {reason}")

    sharpen_files(
        expand_sources(sources),
        output,
        Sharpening(sharpen, unsharp),
        force=force,
        on_written=console.result,
        on_skip=on_skip,
    )
    finish_skipped(console, skipped, strict)
