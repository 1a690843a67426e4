"""facegen merge."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli.options import PATH, console_options, force_option
from facegen.cli.terminal import Bars, Console


@click.command("merge")
@click.argument("parts", nargs=-1, required=True, type=PATH, metavar="PART.h5...")
@click.option("-o", "--output", type=PATH, required=True, metavar="WHOLE.h5", help="The file.")
@force_option
@console_options
def command(console: Console, parts: tuple[Path, ...], output: Path, force: bool) -> None:
    """Put parts that --shard made together.

    The file is the one that a single run gives. All parts of a store or of a face set are needed,
    in any order. docs/scaling.md tells how many machines share the work.

    \b
    Examples:
        facegen encode faces.h5 --shard 1/2 --seed 5 -o part-1.h5
        facegen encode faces.h5 --shard 2/2 --seed 5 -o part-2.h5
        facegen merge part-1.h5 part-2.h5 -o latents.h5
    """
    from facegen.api.merge import merge

    with Bars(console) as bars:
        done = merge(
            parts,
            output,
            force=force,
            started=lambda rows: bars.start(rows, "row"),
            progress=bars.count,
        )
    console.result(output, rows=done.rows, parts=done.parts)
