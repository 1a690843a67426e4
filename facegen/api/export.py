"""export: rows of an encoded store, handed to other programs."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from facegen.api.query import SPLIT_NAMES
from facegen.errors import InputError
from facegen.io.files import atomic_output
from facegen.io.inputs import keep_inputs
from facegen.io.latent_store import Latents, check_array
from facegen.io.temporaries import Temporary

BATCH = 4096  # rows in memory at a time


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
    latents: str | os.PathLike,
    output: str | os.PathLike,
    *,
    kind: str,
    points: str = "z",
    force: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Writes the points of a store for other programs, as a stream in flat memory.

    Args:
        latents: latents.h5; of an incomplete one, the rows that are there.
        output: the file to write; it appears when all is done.
        kind: "npy", NumPy's format 1.0: float32 (rows, latent_dim), little-endian, C order. Or
            "csv": a header, then row, name, split and the coordinates, with nine digits.
        points: "z", "mu" or "logvar".
        force: overwrite what exists.
        progress: called with the number of rows written since the last call.

    Returns:
        The number of rows.

    Raises:
        MissingFileError, InputError: no store.
        OutputError: the output exists (without `force`) or can't be written.
    """
    check_array(points)
    writers = {"npy": _write_npy, "csv": _write_csv}
    if kind not in writers:
        raise InputError(f"kind must be npy or csv, not {kind!r}")
    with Latents.open(latents) as store, atomic_output(output, force=force) as temporary:
        writers[kind](store, points, temporary, progress)
        return len(store)
