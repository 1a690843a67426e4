"""What the subcommands of facegen analyze share: options, and how a result is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from facegen.cli.options import PATH, SEED, SKIPPED
from facegen.cli.terminal import Console

ROWS = click.IntRange(1, 10**9)
latents_argument = click.argument("latents", type=PATH, metavar="LATENTS.h5")
output_option = click.option("-o", "--output", type=PATH, help="Also draw it, into this PNG.")
points_option = click.option(
    "--points",
    type=click.Choice(["z", "mu"]),
    default="z",
    show_default=True,
    help="The points to analyse.",
)
means_option = click.option(
    "--points",
    type=click.Choice(["mu", "z"]),
    default="mu",
    show_default=True,
    help="The points to analyse; to z a VAE adds noise, which hides what is alike.",
)
colour_option = click.option(
    "--colour", metavar="NAME", help="Colour the points by this attribute."
)
csv_option = click.option(
    "--csv", "places_csv", type=PATH, help="Also write row, x and y into this file."
)
seed_option = click.option(
    "--seed", type=SEED, default=0, show_default=True, help="Of the choice of rows and the method."
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Threads that compute; by default one per processor.",
)


def say_incomplete(console: Console, stamp: dict[str, Any]) -> None:
    """Tells of rows that are not encoded yet, or are in other parts."""
    if part := stamp.get("part"):
        shard = f"part {part['shard']} of {part['shards']}"
        console.say(f"{stamp['latents']}: {shard}, {stamp['rows']} of {part['whole_rows']} rows")
    if stamp["rows_done"] < stamp["rows"]:
        rows = f"{stamp['rows_done']} of {stamp['rows']} rows are there yet"
        console.say(f"{stamp['latents']}: {rows}")


def finish(
    console: Console, result: dict[str, Any], text: Callable[[dict[str, Any]], list[str]]
) -> None:
    """Prints a result, tells what was left out, and ends with 3 if something was."""
    parts = result.get("files", [result])
    for part in parts:
        say_incomplete(console, part["stamp"])
    console.answer(result, text)
    for output in (result[name] for name in ("csv", "plot", "sheet") if name in result):
        console.say(f"wrote {output}")
    left_out = {part["stamp"]["latents"]: part["non_finite_rows"] for part in parts}
    for name, rows in left_out.items():
        if rows:
            console.warn(f"{name}: {rows} rows have numbers that are not finite; left out")
    if any(left_out.values()):
        raise click.exceptions.Exit(SKIPPED)
