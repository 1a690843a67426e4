"""facegen info."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facegen.cli.options import WEIGHTS
from facegen.cli.terminal import Console

WORDS = {None: "none", True: "yes", False: "no"}


def _lines(values: dict[str, Any], prefix: str = "") -> list[str]:
    """One line a value: 'model.latent_dim: 256'; those in lists count from 1."""
    lines = []
    for name, value in values.items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            value = {str(number): item for number, item in enumerate(value, 1)}
        if isinstance(value, dict) and value:
            lines += _lines(value, f"{prefix}{name}.")
            continue
        if isinstance(value, list | tuple | dict):
            value = ", ".join(map(str, value)) or None
        if value is None or isinstance(value, bool):
            value = WORDS[value]
        lines.append(f"{prefix}{name}: {value}".rstrip())
    return lines


def _table(network: str, found: dict[str, Any]) -> list[str]:
    """The layers of a network, one a line."""
    rows = [
        (row["name"], "x".join(map(str, row["output"])), f"{row['parameters']:,}")
        for row in found["layers"]
    ]
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    total, trained = found["parameters"], found["trained_parameters"]
    return [
        "",
        f"{network}: {total:,} parameters"
        + (f", {trained:,} of them trained" if trained < total else ""),
        *(
            f"  {name:{widths[0]}}  {output:>{widths[1]}}  {count:>{widths[2]}}"
            for name, output, count in rows
        ),
    ]


def _description(values: dict[str, Any]) -> list[str]:
    """What --json has as one object, as lines; the networks of weights as tables at the end."""
    networks = values.get("networks", {})
    lines = _lines({name: value for name, value in values.items() if name != "networks"})
    return lines + [line for network, found in networks.items() for line in _table(network, found)]


@click.command("info")
@click.argument("file", type=WEIGHTS, required=False)
@click.option(
    "--hardware", is_flag=True, help="Say instead what training could use: processors, GPUs."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path | None, hardware: bool, as_json: bool) -> None:
    """Say what a file is and what it was made from.

    FILE is anything that facegen wrote: a face set, a store (latents.h5), a sampler, directions
    (attributes.h5), a folder of weights, a checkpoint, a picture, an animation, a report, JSON of
    evaluate or analyze, an export as Parquet, SQLite, ONNX or for the projector. Of a Keras file it
    says what it is, without running it. Of weights it tells the layers, too, and their parameters;
    'default' are those of commands without --weights.

    \b
    Examples:
        facegen info latents.h5
        facegen info sheet.png --json
        facegen info default
        facegen info --hardware
    """
    if file is not None and hardware:
        raise click.UsageError("Choose one of FILE and --hardware.")
    console = Console(quiet=False, as_json=as_json)
    if file is not None:
        from facegen.api.info import info

        console.answer(info(file), _description)
    elif hardware:
        from facegen.model.devices import describe_hardware

        console.answer(describe_hardware(), _lines)
    else:
        raise click.UsageError("Missing argument 'FILE'.")
