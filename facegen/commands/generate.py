"""facegen generate."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from facegen.console import (
    PATH,
    Console,
    FiniteFloat,
    NumberList,
    columns_option,
    console_options,
    decoder_option,
    force_option,
    seed_option,
    seed_or_draw,
    sharpening_options,
    weights_options,
)

if TYPE_CHECKING:
    from facegen.codec import Codec
    from facegen.generating import Generation, StoredPoints
    from facegen.sharpening import Sharpening

DEFAULT_OUTPUT = Path("faces.png")
OWN_POINTS = {"count": "--n", "r_limit": "--r-limit", "sigma": "--sigma", "sweep": "--sweep"}
OWN_POINTS |= {"seed": "--seed"}  # what says where points come from, unless they are stored ones
RADIUS = FiniteFloat(0, 1000, min_open=True)


def _check_usage(given: Mapping[str, Any]) -> None:
    """Refuses options that don't go together."""
    has = {name for name, value in given.items() if value is not None}
    own = [flag for name, flag in OWN_POINTS.items() if name in has]
    suffix = (given["output"] or DEFAULT_OUTPUT).suffix.lower()
    if ("latents" in has) != ("rows" in has):
        raise click.UsageError("--latents and --rows go together.")
    if "latents" in has and own:
        raise click.UsageError(f"--latents has points of its own; leave out {', '.join(own)}.")
    if len(has & {"r_limit", "sigma", "sweep"}) > 1:
        raise click.UsageError("Choose one of --r-limit, --sigma and --sweep.")
    if "individual" in has and has & {"output", "sweep"}:
        raise click.UsageError("--individual goes without -o and --sweep.")
    if suffix not in (".png", ".h5"):
        raise click.UsageError(f"-o must end in .png (a sheet) or .h5 (a face set), not {suffix!r}")
    if "sweep" in has and suffix == ".h5":
        raise click.UsageError("--sweep makes sheets; give -o a name that ends in .png.")


def _open_stored(
    stack: ExitStack, codec: Codec, latents: Path, rows: str, points: str
) -> tuple[StoredPoints, Sequence[int]]:
    """The points of a store, checked to be this model's, and the rows to decode."""
    from facegen.generating import StoredPoints
    from facegen.latents import Latents
    from facegen.rows import parse_rows

    numbers = parse_rows(sys.stdin.read() if rows == "-" else rows)
    stored = StoredPoints(stack.enter_context(Latents.open(latents)), points)
    stored.check(codec.weights)
    stored.store.check_rows(numbers)
    return stored, cast(Sequence[int], numbers)


def _write(
    generation: Generation,
    rows: Sequence[int],
    output: Path,
    individual: Path | None,
    columns: int,
    options: dict[str, Any],
) -> list[Path]:
    """Writes the faces as the output asks for; returns what to report."""
    from facegen.generating import generate_face_set, generate_individual, generate_sheet

    if individual is not None:
        generate_individual(generation, rows, individual, **options)
        return [individual]
    if output.suffix.lower() == ".h5":
        return [generate_face_set(generation, rows, output, **options)]
    return generate_sheet(generation, rows, output, columns=columns, **options)


@click.command("generate")
@click.option("--n", "count", type=click.IntRange(1, 10**9), help="Faces.  [default: 28]")
@click.option(
    "--r-limit",
    type=RADIUS,
    help="Points uniform in [-R, R] in every coordinate (a cube: the radius is about 9.24 R "
    "for 256 dimensions). By default points are normal.",
)
@click.option(
    "--sigma",
    type=RADIUS,
    help="Standard deviation of normal points.  [default: 1]",
)
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
@columns_option
@sharpening_options
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="A sheet (.png; several pages where it is large) or a face set (.h5).  "
    "[default: faces.png, overwritten]",
)
@click.option("--individual", type=PATH, metavar="DIR", help="Single PNGs into this folder.")
@force_option
@decoder_option
@weights_options
@console_options
def command(
    console: Console,
    count: int | None,
    r_limit: float | None,
    sigma: float | None,
    sweep: tuple[float, ...] | None,
    latents: Path | None,
    rows: str | None,
    points: str,
    seed: int | None,
    columns: int,
    sharpening: Sharpening,
    output: Path | None,
    individual: Path | None,
    force: bool,
    decoder: str | None,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Make new faces.

    \b
    Examples:
        facegen generate --n 28 --r-limit 2.5
        facegen generate --seed 5 --sharpen 3 -o sheet.png
        facegen generate --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8 -o sweep.png
        facegen generate --n 100000 -o new-faces.h5
        facegen generate --latents latents.h5 --rows 3,17,20-40 -o some.png
    """
    _check_usage(click.get_current_context().params)

    from facegen.codec import Codec
    from facegen.generating import Generation, Sampler
    from facegen.weights import Weights

    codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
    output, force = output or DEFAULT_OUTPUT, force or output is None
    with ExitStack() as stack:
        numbers: Sequence[int] = range(28 if count is None else count)
        if latents is not None:
            stored, numbers = _open_stored(stack, codec, latents, rows or "", points)
            runs = [(output, Generation(codec, stored, stored.store.origin.seed, sharpening))]
        else:
            seed = seed_or_draw(seed, console)
            runs = [
                (
                    output.with_stem(f"{output.stem}-r{r:g}") if sweep else output,
                    Generation(codec, Sampler(sigma or 1.0, r), seed, sharpening),
                )
                for r in sweep or (r_limit,)
            ]
        progress = stack.enter_context(console.progress(len(numbers) * len(runs), "face"))
        for path, generation in runs:
            options = {"force": force, "progress": progress}
            for page in _write(generation, numbers, path, individual, columns, options):
                console.result(
                    page,
                    seed=generation.seed,
                    faces=len(numbers),
                    sampler=generation.sampler.provenance,
                )
