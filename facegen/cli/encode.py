"""facegen encode."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli.options import (
    PATH,
    SEED,
    FiniteFloat,
    check_update,
    console_options,
    expand_sources,
    finish_skipped,
    force_option,
    null_option,
    ray_option,
    shard_option,
    strict_option,
    weights_options,
)
from facegen.cli.terminal import Bars, Console
from facegen.shards import Shard


def tell_start(console: Console, output: Path, done: int, rows: int) -> None:
    """Says what is there already."""
    if done:
        there = "complete" if done == rows else f"{done} of {rows} faces are there; going on"
        console.say(f"{output}: {there}")


@click.command("encode")
@click.argument("sources", nargs=-1, required=True, metavar="FACES.h5|SOURCE...")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("latents.h5"),
    show_default=True,
    help="The store. One that was broken off goes on where it ended; a complete one is left alone.",
)
@click.option(
    "--epsilon-scale",
    type=FiniteFloat(0, 1000),
    default=1.0,
    show_default=True,
    help="Factor of the noise in z = mu + exp(logvar / 2) * epsilon; 0 gives z = mu.",
)
@click.option(
    "--seed", type=SEED, help="Of epsilon.  [default: the store's that goes on, else a fresh one]"
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes that decode photos.  [default: one per processor]",
)
@shard_option
@click.option(
    "--update",
    is_flag=True,
    help="Follow a face set that was changed since by 'facegen prepare': encode only the rows that "
    "are not in the store yet.",
)
@null_option
@strict_option
@ray_option
@force_option
@weights_options
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    output: Path,
    epsilon_scale: float,
    seed: int | None,
    workers: int | None,
    shard: Shard | None,
    update: bool,
    null: bool,
    strict: bool,
    ray: str | None,
    force: bool,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Encode faces: write their points to a store, latents.h5.

    The faces come from a face set, or from a folder, a zip or tar archive or photos, which are
    prepared first. Broken off at any moment, even by a loss of power, the same command goes on.

    \b
    Examples:
        facegen encode faces.h5 -o latents.h5
        facegen encode photos/ -o latents.h5
        facegen encode faces.h5 --epsilon-scale 0 -o means.h5
        facegen encode faces.h5 --shard 3/16 --seed 5 -o part-3.h5
        facegen encode faces.h5 -o latents.h5 --update
    """
    check_update(update, force)

    from facegen.api.encode import encode, is_face_set
    from facegen.images.photo_sources import count_photos

    names = expand_sources(sources, null=null)
    with Bars(console) as bars:

        def start_encoding(done: int, rows: int) -> None:
            tell_start(console, output, done, rows)
            bars.start(rows, "face")
            bars.count(done)

        if not is_face_set(names):
            bars.start(count_photos(names), "photo")
        result = encode(
            names,
            output,
            weights=weights,
            seed=seed,
            epsilon_scale=epsilon_scale,
            shard=shard,
            threads=threads,
            workers=workers,
            update=update,
            ray=ray,
            force=force,
            started=start_encoding,
            progress=bars.count,
            on_skip=console.skip,
        )
    console.result(
        output,
        faces=result.rows,
        encoded=result.rows - result.resumed_at,
        seed=result.seed,
        skipped=[{"name": name, "reason": reason} for name, reason in result.skipped],
    )
    finish_skipped(console, len(result.skipped), strict)
