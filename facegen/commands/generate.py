"""facegen generate."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.console import (
    PATH,
    Console,
    FiniteFloat,
    NumberList,
    console_options,
    force_option,
    seed_option,
    seed_or_draw,
    sharpening_options,
    weights_options,
)

DEFAULT_OUTPUT = Path("faces.png")
RADIUS = FiniteFloat(0, 1000, min_open=True)


@click.command("generate")
@click.option(
    "--n", "count", type=click.IntRange(1, 10**9), default=28, show_default=True, help="Faces."
)
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
@seed_option
@click.option(
    "--columns",
    type=click.IntRange(1, 1000),
    default=7,
    show_default=True,
    help="Faces a row of the sheet.",
)
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
@weights_options
@console_options
def command(
    console: Console,
    count: int,
    r_limit: float | None,
    sigma: float | None,
    sweep: tuple[float, ...] | None,
    seed: int | None,
    columns: int,
    sharpen: float | None,
    unsharp: tuple[float, float, float] | None,
    output: Path | None,
    individual: Path | None,
    force: bool,
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
    """
    if (r_limit is not None) + (sigma is not None) + (sweep is not None) > 1:
        raise click.UsageError("Choose one of --r-limit, --sigma and --sweep.")
    if sharpen is not None and unsharp is not None:
        raise click.UsageError("Choose one of --sharpen and --unsharp.")
    if individual is not None and (output is not None or sweep):
        raise click.UsageError("--individual goes without -o and --sweep.")
    suffix = (output or DEFAULT_OUTPUT).suffix.lower()
    if suffix not in (".png", ".h5"):
        raise click.UsageError(f"-o must end in .png (a sheet) or .h5 (a face set), not {suffix!r}")
    if sweep and suffix == ".h5":
        raise click.UsageError("--sweep makes sheets; give -o a name that ends in .png.")

    from facegen.codec import Codec
    from facegen.generating import (
        Generation,
        Sampler,
        generate_face_set,
        generate_individual,
        generate_sheet,
    )
    from facegen.sharpening import Sharpening
    from facegen.weights import Weights

    codec = Codec(Weights.load(weights), threads=threads)
    sharpening = Sharpening(sharpen, unsharp)
    seed = seed_or_draw(seed, console)
    force = force or output is None
    output = output or DEFAULT_OUTPUT
    runs = [(output, r_limit)]
    if sweep:
        runs = [(output.with_stem(f"{output.stem}-r{r:g}"), r) for r in sweep]
    with console.progress(count * len(runs), "face") as progress:
        for path, r in runs:
            sampler = Sampler(sigma=1.0 if sigma is None else sigma, r_limit=r)
            generation = Generation(codec, sampler, seed, sharpening)
            if individual is not None:
                generate_individual(generation, count, individual, force=force, progress=progress)
                written = [individual]
            elif suffix == ".h5":
                written = [
                    generate_face_set(generation, count, path, force=force, progress=progress)
                ]
            else:
                written = generate_sheet(
                    generation, count, path, columns=columns, force=force, progress=progress
                )
            for page in written:
                console.result(page, seed=seed, faces=count, sampler=sampler.provenance)
