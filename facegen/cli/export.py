"""facegen export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facegen.cli.options import PATH, WEIGHTS, console_options, force_option
from facegen.cli.terminal import Console

# What stands behind the store's name in that of an output without -o.
ENDINGS = {"npy": ".npy", "csv": ".csv", "parquet": ".parquet", "sqlite": ".db"}
ENDINGS |= {"projector": "-projector"}
ONNX = "onnx"


@click.command("export")
@click.argument("source", type=WEIGHTS, metavar="LATENTS.h5|WEIGHTS", required=False)
@click.option("--npy", "kind", flag_value="npy", help="NumPy's format: float32 (rows, dimensions).")
@click.option("--csv", "kind", flag_value="csv", help="CSV: row, name, split, coordinates.")
@click.option(
    "--parquet",
    "kind",
    flag_value="parquet",
    help="Parquet, for DuckDB, Polars and pandas: a column for each label, one of the points. "
    "Needs facegen[parquet].",
)
@click.option(
    "--sqlite",
    "kind",
    flag_value="sqlite",
    help="SQLite, for datasette and sqlite-utils: the same columns, points as BLOBs of float32.",
)
@click.option(
    "--projector",
    "kind",
    flag_value="projector",
    help="A folder for TensorBoard's projector: 'tensorboard --logdir' shows it.",
)
@click.option(
    "--onnx",
    "kind",
    flag_value=ONNX,
    help="Of WEIGHTS: encoder and decoders as ONNX, in a folder. Needs facegen[onnx].",
)
@click.option(
    "--points",
    type=click.Choice(["z", "mu", "logvar"]),
    help="What to export of a store.  [default: z]",
)
@click.option(
    "--faces", type=PATH, metavar="FACES.h5", help="For --projector: show each point as its face."
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="The file or folder.  [default: LATENTS.npy, .csv, .parquet, .db, LATENTS-projector or "
    "WEIGHTS-onnx]",
)
@force_option
@console_options
def command(
    console: Console,
    source: Path | None,
    kind: str | None,
    points: str | None,
    faces: Path | None,
    output: Path | None,
    force: bool,
) -> None:
    """Write the points of a store, or a model, for other programs.

    LATENTS.h5 is a store, WEIGHTS the folder of a model, which --onnx does without: it takes
    $FACEGEN_WEIGHTS then, else the model that comes with facegen.

    \b
    Examples:
        facegen export latents.h5 --npy
        facegen export latents.h5 --csv --points mu -o means.csv
        facegen export latents.h5 --parquet
        facegen export latents.h5 --projector --faces faces.h5
        facegen export weights/mine --onnx
    """
    if kind is None:
        choices = (*ENDINGS, ONNX)
        raise click.UsageError(f"Choose one of --{', --'.join(choices[:-1])} and --{choices[-1]}.")
    if faces is not None and kind != "projector":
        raise click.UsageError("--faces goes with --projector.")
    if kind == ONNX:
        if points is not None:
            raise click.UsageError("--points goes with a store, not with --onnx.")
        _export_model(console, source, output, force)
    elif source is None:
        raise click.UsageError(f"--{kind} needs a store, such as latents.h5.")
    else:
        output = output or source.with_name(source.stem + ENDINGS[kind])
        _export_store(console, source, output, kind, points or "z", faces, force)


def _export_store(
    console: Console,
    latents: Path,
    output: Path,
    kind: str,
    points: str,
    faces: Path | None,
    force: bool,
) -> None:
    from facegen.api.export import export
    from facegen.io.latent_store import Latents

    with Latents.open(latents) as store:
        count, complete = len(store), store.complete
    if not complete:
        console.warn(f"{latents} is not complete; the {count} rows that are there are exported")
    options: dict[str, Any] = {"kind": kind, "points": points, "faces": faces, "force": force}
    with console.progress(count, "row") as progress:
        rows = export(latents, output, **options, progress=progress)
    console.result(output, rows=rows, points=points)


def _export_model(console: Console, weights: Path | None, output: Path | None, force: bool) -> None:
    from facegen.api.export_onnx import export_onnx

    paths = export_onnx(weights, output, force=force)
    console.result(paths[0].parent, files=[path.name for path in paths])
