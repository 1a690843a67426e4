"""query and export: rows of an encoded store, chosen and handed to other programs."""

from __future__ import annotations

import csv
import difflib
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.files import Temporary, atomic_output
from facegen.hdf5 import SPLITS
from facegen.inputs import keep_inputs
from facegen.latents import Latents, check_array
from facegen.scanning import radii

BATCH = 4096  # rows in memory at a time
SPLIT_NAMES = {number: name for name, number in SPLITS.items()}


@dataclass(frozen=True)
class Conditions:
    """Which rows to choose: those that meet all that is given.

    Attributes:
        min_radius, max_radius: of |point|, both included.
        attributes: name to 1 (yes), -1 (no) or 0 (unknown).
        split: "train" or "test".
    """

    min_radius: float | None = None
    max_radius: float | None = None
    attributes: Mapping[str, int] | None = None
    split: str | None = None

    def check(self, store: Latents) -> None:
        """Raises InputError if the store lacks an attribute."""
        for name in self.attributes or {}:
            if name not in store.attribute_names:
                near = difflib.get_close_matches(name, store.attribute_names, 3, 0.5)
                has = "it has " + ", ".join(near or store.attribute_names[:40])
                raise InputError(
                    f"{store.path} has no attribute {name!r}; "
                    + (has if store.attribute_names else "it has none at all")
                )

    def met(self, store: Latents, rows: slice, radius: np.ndarray) -> np.ndarray:
        """Which of a range of rows to choose, bool (n), given their radius, float64 (n)."""
        chosen = np.ones(len(radius), bool)
        if self.min_radius is not None:
            chosen &= radius >= self.min_radius
        if self.max_radius is not None:
            chosen &= radius <= self.max_radius
        if self.split is not None:
            chosen &= store.is_test[rows] == (self.split == "test")
        if self.attributes:
            values = store.file["attributes"][rows]
            for name, value in self.attributes.items():
                chosen &= values[:, store.attribute_names.index(name)] == value
        return chosen


def query_rows(
    store: Latents, conditions: Conditions, *, array: str = "z", limit: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (row numbers int64 (n), their radius float64 (n)) of the rows chosen, in order.

    Raises:
        InputError: the store lacks an attribute.
    """
    conditions.check(store)
    for rows, points in store.iterate(array, batch_size=BATCH):
        radius = radii(points, np.float64)
        chosen = np.flatnonzero(conditions.met(store, rows, radius))[:limit]
        if len(chosen):
            yield rows.start + chosen, radius[chosen]
        if limit is not None:
            limit -= len(chosen)
            if limit == 0:
                return


def describe_rows(store: Latents, rows: np.ndarray, radius: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yields what a store knows of some rows, rising and near to each other.

    Yields:
        row, name, split ("train" or "test"), radius, None where the point is not finite; with
        identities, identity; with attributes, attributes, a dict of name to 1, -1 or 0.
    """
    window = slice(int(rows[0]), int(rows[-1]) + 1)
    names = store.read_names(window)
    people = store.file["identities"][window] if "identities" in store.file else None
    values = store.file["attributes"][window] if store.attribute_names else None
    for row, length in zip(rows.tolist(), radius.tolist(), strict=True):
        i = row - window.start
        found: dict[str, Any] = {
            "row": row,
            "name": names[i],
            "split": SPLIT_NAMES[int(store.is_test[row])],
            "radius": round(length, 6) if math.isfinite(length) else None,
        }
        if people is not None:
            found["identity"] = int(people[i])
        if values is not None:
            found["attributes"] = dict(zip(store.attribute_names, values[i].tolist(), strict=True))
        yield found


def query(
    path: str | os.PathLike,
    conditions: Conditions | None = None,
    *,
    array: str = "z",
    limit: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Chooses rows of a store by radius, attributes and split, as a stream in flat memory.

    Args:
        path: latents.h5, complete or not.
        conditions: which rows; by default all.
        array: "z" or "mu", the points that radius is measured of.
        limit: how many rows at most; by default all.

    Yields:
        As `describe_rows`.

    Raises:
        MissingFileError, InputError: no store, or it lacks an attribute.
    """
    check_array(array)
    with Latents.open(path) as store:
        for rows, radius in query_rows(store, conditions or Conditions(), array=array, limit=limit):
            yield from describe_rows(store, rows, radius)


def _write_npy(
    store: Latents, array: str, output: Temporary, progress: Callable[[int], None]
) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(store), store.latent_dim)}
    np.lib.format.write_array_header_1_0(output.file, header)
    for _, points in store.iterate(array, batch_size=BATCH):
        output.write_bytes(points.astype("<f4", copy=False).tobytes())
        progress(len(points))


def _write_csv(
    store: Latents, array: str, output: Temporary, progress: Callable[[int], None]
) -> None:
    numbers = ",".join(["%.9g"] * store.latent_dim)  # nine digits hold a float32 exactly
    columns = [f"{array}_{i}" for i in range(store.latent_dim)]
    output.write_text(",".join(["row", "name", "split", *columns]) + "\n")
    for rows, points in store.iterate(array, batch_size=BATCH):
        for i, (name, point) in enumerate(
            zip(store.read_names(rows), points.tolist(), strict=True), rows.start
        ):
            split = SPLIT_NAMES[int(store.is_test[i])]
            line = f"{i},{csv_line([name])},{split},{numbers % tuple(point)}\n"
            output.write_text(line, errors="replace")
        progress(len(points))


def csv_line(fields: Iterable[Any]) -> str:
    """A record of CSV without its end, fields in quotes where they need them."""
    line = io.StringIO()
    # Line breaks in a field are put in quotes only where they are of the writer's own.
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


@keep_inputs()
def export(
    path: str | os.PathLike,
    output: str | os.PathLike,
    *,
    kind: str,
    array: str = "z",
    force: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Writes the points of a store for other programs, as a stream in flat memory.

    Args:
        path: latents.h5; of an incomplete one, the rows that are there.
        output: the file to write; it appears when all is done.
        kind: "npy", NumPy's format 1.0: float32 (rows, latent_dim), little-endian, C order. Or
            "csv": a header, then row, name, split and the coordinates, with nine digits.
        array: "z", "mu" or "logvar".
        force: overwrite what exists.
        progress: called with the number of rows written since the last call.

    Returns:
        The number of rows.

    Raises:
        MissingFileError, InputError: no store.
        OutputError: the output exists (without `force`) or can't be written.
    """
    check_array(array)
    writers = {"npy": _write_npy, "csv": _write_csv}
    if kind not in writers:
        raise InputError(f"kind must be npy or csv, not {kind!r}")
    with Latents.open(path) as store, atomic_output(output, force=force) as temporary:
        writers[kind](store, array, temporary, progress)
        return len(store)
