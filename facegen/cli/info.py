"""facegen info."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facegen.cli.options import PATH
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


@click.command("info")
@click.argument("file", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, as_json: bool) -> None:
    """Say what a file is and what it was made from.

    FILE is anything that facegen wrote: a face set, a store (latents.h5), a sampler, directions
    (attributes.h5), a folder of weights, a checkpoint, a picture, an animation, a report, JSON of
    evaluate or analyze, an export as Parquet, SQLite, ONNX or for the projector. Of a Keras file it
    says what it is, without running it.

    \b
    Examples:
        facegen info latents.h5
        facegen info sheet.png --json
    """
    from facegen.api.info import info

    Console(quiet=False, as_json=as_json).answer(info(file), _lines)
