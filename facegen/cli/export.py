"""facegen export."""

from __future__ import annotations

from pathlib import Path

import click

from facegen.cli.options import PATH, console_options, force_option
from facegen.cli.terminal import Console


@click.command("export")
@click.argument("latents", type=PATH, metavar="LATENTS.h5")
@click.option("--npy", "kind", flag_value="npy", help="NumPy's format: float32 (rows, dimensions).")
@click.option("--csv", "kind", flag_value="csv", help="CSV: row, name, split, coordinates.")
@click.option(
    "--points",
    type=click.Choice(["z", "mu", "logvar"]),
    default="z",
    show_default=True,
    help="What to export.",
)
@click.option("-o", "--output", type=PATH, help="The file.  [default: LATENTS.npy or LATENTS.csv]")
@force_option
@console_options
def command(
    console: Console, latents: Path, kind: str | None, points: str, output: Path | None, force: bool
) -> None:
    """Write the points of a store as a NumPy array or as CSV.

    \b
    Examples:
        facegen export latents.h5 --npy
        facegen export latents.h5 --csv --points mu -o means.csv
    """
    if kind is None:
        raise click.UsageError("Choose one of --npy and --csv.")

    from facegen.api.export import export
    from facegen.io.latent_store import Latents

    output = output or latents.with_suffix(f".{kind}")
    with Latents.open(latents) as store:
        count, complete = len(store), store.complete
    if not complete:
        console.warn(f"{latents} is not complete; the {count} rows that are there are exported")
    with console.progress(count, "row") as progress:
        rows = export(latents, output, kind=kind, points=points, force=force, progress=progress)
    console.result(output, rows=rows, points=points)
