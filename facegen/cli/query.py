"""facegen query."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.cli.options import PATH, FiniteFloat
from facegen.cli.terminal import Console, printable, write_records
from facegen.strict_json import to_json_line

if TYPE_CHECKING:
    from facegen.io.latent_store import Latents

BATCH = 1000  # rows printed at a time


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


def _line(found: dict[str, Any], form: str | None) -> str:
    """A record as it is printed; without a form, as text for people."""
    from facegen.api.export import csv_line

    if form == "rows":
        return str(found["row"])
    if form == "json":
        return to_json_line(found)
    labels = found.pop("attributes", {})
    return csv_line([*found.values(), *labels.values()]) if form == "csv" else _text_line(found)


def _csv_header(store: Latents) -> str:
    from facegen.api.export import csv_line

    people = ["identity"] if "identities" in store.file else []
    return csv_line(["row", "name", "split", "radius", *people, *store.attribute_names])


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
    from facegen.api.query import query
    from facegen.io.latent_store import Latents

    if len(dict(attributes)) < len(attributes):
        raise click.UsageError("--attribute names the same attribute twice.")
    with Latents.open(latents) as store:
        if store.part is not None:
            Console(quiet).say(f"{latents}: {store.part}; its first row is 0 here")
        if not store.complete:
            Console(quiet).say(f"{latents}: {len(store)} of {store.rows} rows are there yet")
        header = _csv_header(store)
    found = query(
        latents,
        min_radius=min_radius,
        max_radius=max_radius,
        attribute=dict(attributes),
        split=split,
        limit=limit,
        points=points,
        details=form != "rows",
    )
    records = list(islice(found, BATCH))  # the first ones tell whether the conditions are right
    if form == "csv":
        write_records([header])
    while records:
        write_records(_line(record, form) for record in records)
        records = list(islice(found, BATCH))
