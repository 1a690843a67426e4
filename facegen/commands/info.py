"""facegen info."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from facegen.console import PATH


def _lines(values: dict[str, Any], prefix: str = "") -> list[str]:
    """One line a value: 'model.latent_dim: 256'."""
    lines = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines += _lines(value, f"{prefix}{name}.")
            continue
        if isinstance(value, list):
            value = ", ".join(map(str, value)) or "none"
        if value is None or isinstance(value, bool):
            value = {None: "none", True: "yes", False: "no"}[value]
        lines.append(f"{prefix}{name}: {value}")
    return lines


@click.command("info")
@click.argument("file", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, as_json: bool) -> None:
    """Say what a file is and what it was made from.

    FILE is a store (latents.h5), a face set (faces.h5), directions (attributes.h5), a folder of
    weights, or a picture or an animation that facegen made.

    \b
    Examples:
        facegen info latents.h5
        facegen info sheet.png --json
    """
    from facegen.describing import info

    found = info(file)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(_lines(found)))
