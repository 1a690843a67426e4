"""facegen generate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facegen.cli.attribute_options import attribute_options
from facegen.cli.options import (
    PATH,
    RADIUS,
    NumberList,
    columns_option,
    console_options,
    decoder_option,
    force_option,
    ray_option,
    seed_option,
    shard_option,
    sharpening_options,
    usage_errors,
    weights_options,
)
from facegen.cli.sampler_options import sampler_options
from facegen.cli.terminal import Bars, Console, read_stdin

if TYPE_CHECKING:
    from facegen.api.generate import GeneratedFile
    from facegen.api.generate_request import GenerateRequest
    from facegen.images.sharpening import Sharpening
    from facegen.latent.move_choice import MoveChoice
    from facegen.latent.sampler_choice import SamplerChoice
    from facegen.shards import Shard

DEFAULT_OUTPUT = Path("faces.png")


@click.command("generate")
@click.option("-n", "--n", "count", type=click.IntRange(1, 10**9), help="Faces.  [default: 28]")
@sampler_options
@attribute_options
@click.option(
    "--sweep",
    type=NumberList(RADIUS),
    metavar="R,R,...",
    help="A sheet for each r-limit, the same directions in each, for example "
    "0.5,1,1.5,2,2.5,3,3.5,5,8.",
)
@click.option(
    "--latents", type=PATH, metavar="LATENTS.h5", help="Decode points of this encoded store."
)
@click.option(
    "--rows",
    metavar="ROWS",
    help="Rows of the store, such as 3,17,20-40; - reads them from standard input.",
)
@click.option(
    "--points",
    type=click.Choice(["z", "mu"]),
    default="z",
    show_default=True,
    help="Points of the store to decode.",
)
@seed_option
@click.option(
    "--nearest",
    type=PATH,
    metavar="LATENTS.h5",
    help="Show under each face the training face of this store that is most alike, as the model "
    "reconstructs it, and print the distances.",
)
@click.option(
    "--faces",
    type=PATH,
    metavar="FACES.h5",
    help="The face set of that store, to show the training faces themselves.",
)
@columns_option
@sharpening_options
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="A sheet (.png; several pages where it is large) or a face set (.h5); the name may have "
    "{date}, {time}, {seed}, {r_limit} and {n} in it.  [default: faces.png, overwritten]",
)
@click.option("--individual", type=PATH, metavar="DIR", help="Single PNGs into this folder.")
@shard_option
@ray_option
@force_option
@decoder_option
@weights_options
@console_options
def command(
    console: Console,
    count: int | None,
    choice: SamplerChoice,
    move: MoveChoice | None,
    sweep: tuple[float, ...] | None,
    latents: Path | None,
    rows: str | None,
    points: str,
    seed: int | None,
    nearest: Path | None,
    faces: Path | None,
    columns: int,
    sharpening: Sharpening,
    output: Path | None,
    individual: Path | None,
    shard: Shard | None,
    ray: str | None,
    force: bool,
    decoder: str | None,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Make new faces.

    docs/samplers.md compares the ways to choose points.

    \b
    Examples:
        facegen generate --n 28 --seed 5 --sharpen 3 -o sheet.png
        facegen generate --radius-percentile 5-95
        facegen generate --sampler sampler.h5 --truncation 0.7
        facegen generate --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8 -o sweep.png
        facegen generate --attribute Smiling=2 --without Male --seed 5
        facegen generate --n 100000 -o new-faces.h5
        facegen generate --n 100000 --seed 5 --shard 3/16 -o part-3.h5
        facegen generate --latents latents.h5 --rows 3,17,20-40 -o some.png
        facegen generate --n 14 --nearest latents.h5 --faces faces.h5 -o new.png
    """
    from facegen.api.generate_request import GenerateRequest

    by_default = output is None and individual is None
    with usage_errors():
        request = GenerateRequest(
            output=DEFAULT_OUTPUT if by_default else output,
            individual=individual,
            count=count,
            seed=seed,
            choice=choice,
            sweep=sweep,
            latents=latents,
            rows=rows,
            points=points,
            move=move,
            nearest=nearest,
            faces=faces,
            shard=shard,
            columns=columns,
            sharpening=sharpening,
            force=force or by_default,  # the default name is there to be overwritten
            ray=ray,
            decoder=decoder,
            weights=weights,
            threads=threads,
        )
    if rows == "-":
        request = replace(request, rows=read_stdin().decode(errors="replace"))
    _run(console, request)


def _run(console: Console, request: GenerateRequest) -> None:
    """Generates, and tells of it."""
    from facegen.api.generate import generate_files

    with Bars(console) as bars:
        done = generate_files(
            request,
            on_seed=console.seed,
            on_warning=console.advise,
            started=lambda total: bars.start(total, "face"),
            progress=bars.count,
            on_written=lambda written: _tell(console, written),
        )
    if usual := done[-1].held_out_distances:
        console.say(
            f"held-out photos: {usual['0.5']:.2f} for half, {usual['0.05']:.2f} to "
            f"{usual['0.95']:.2f} for 90 %, none below {usual['0']:.2f}"
        )


def _tell(console: Console, written: GeneratedFile) -> None:
    """Says what was written, and which training faces are the nearest."""
    more = {}
    if written.nearest is not None:
        more = {"nearest": written.nearest, "held_out_distances": written.held_out_distances}
        for row, one in zip(written.rows, written.nearest, strict=True):
            console.say(f"face {row}: {one['distance']:.2f} from row {one['row']}, {one['name']}")
    console.result(
        written.path,
        seed=written.seed,
        sampler=written.sampler,
        faces=len(written.rows),
        **more,
    )
