"""facegen query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.cli.options import PATH, FiniteFloat
from facegen.cli.terminal import Console, printable, write_records
from facegen.strict_json import to_json_line

if TYPE_CHECKING:
    import numpy as np


class AttributeValue(click.ParamType):
    """'Smiling=1': a name, and 1 for yes, -1 for no or 0 for unknown."""

    name = "attribute"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, _, number = value.rpartition("=")
        if not name or number not in ("1", "-1", "0"):
            self.fail(f"{value!r} is not NAME=1 (yes), NAME=-1 (no) or NAME=0 (unknown).")
        return name, int(number)


def _text_line(found: dict[str, Any]) -> str:
    radius = "nan" if found["radius"] is None else f"{found['radius']:.4f}"
    return f"{found['row']}\t{radius}\t{found['split']}\t{printable(found['name'])}"


def _lines(store: Any, rows: np.ndarray, radius: np.ndarray, form: str) -> Iterator[str]:
    from facegen.api.export import csv_line
    from facegen.api.query import describe_rows

    if form == "rows":
        yield from map(str, rows.tolist())
        return
    for found in describe_rows(store, rows, radius):
        if form == "json":
            yield to_json_line(found)
            continue
        labels = found.pop("attributes", {})
        if form == "csv":
            yield csv_line([*found.values(), *labels.values()])
        else:
            yield _text_line(found)


@click.command("query")
@click.argument("latents", type=PATH, metavar="LATENTS.h5")
@click.option("--min-radius", type=FiniteFloat(0), help="Points at least so far from the origin.")
@click.option("--max-radius", type=FiniteFloat(0), help="Points at most so far from the origin.")
@click.option(
    "--attribute",
    "attributes",
    type=AttributeValue(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Faces with the label: Smiling=1 (yes), -1 (no), 0 (unknown). Repeat it for more.",
)
@click.option("--split", type=click.Choice(["train", "test"]), help="One part of the face set.")
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
@click.option(
    "--points",
    type=click.Choice(["z", "mu"]),
    default="z",
    show_default=True,
    help="What the radius is measured of.",
)
@click.option("--json", "form", flag_value="json", help="One JSON object a line.")
@click.option("--csv", "form", flag_value="csv", help="CSV with a header.")
@click.option("--rows", "form", flag_value="rows", help="Row numbers alone, for generate.")
@click.option("--quiet", "-q", is_flag=True, help="No messages.")
def command(
    latents: Path,
    min_radius: float | None,
    max_radius: float | None,
    attributes: tuple[tuple[str, int], ...],
    split: str | None,
    limit: int | None,
    points: str,
    form: str | None,
    quiet: bool,
) -> None:
    """Choose rows of a store and print them.

    The columns are row, radius, split and name, with tabs between.

    \b
    Examples:
        facegen query latents.h5 --min-radius 17 --limit 20
        facegen query latents.h5 --attribute Smiling=1 --attribute Male=-1 --split test --csv
        facegen query latents.h5 --attribute Smiling=1 --limit 28 --rows |
            facegen generate --latents latents.h5 --rows - -o smiling.png
    """
    from facegen.api.export import csv_line
    from facegen.api.query import Conditions, query_rows
    from facegen.io.latent_store import Latents

    if len(dict(attributes)) < len(attributes):
        raise click.UsageError("--attribute names the same attribute twice.")
    conditions = Conditions(min_radius, max_radius, dict(attributes), split)
    with Latents.open(latents) as store:
        if not store.complete:
            Console(quiet).say(f"{latents}: {len(store)} of {store.rows} rows are there yet")
        if form == "csv":
            people = ["identity"] if "identities" in store.file else []
            columns = ["row", "name", "split", "radius", *people, *store.attribute_names]
            write_records([csv_line(columns)])
        for rows, radius in query_rows(store, conditions, array=points, limit=limit):
            write_records(_lines(store, rows, radius, form or "text"))
