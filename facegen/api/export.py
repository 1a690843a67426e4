"""export: rows of an encoded store, handed to other programs; `export_onnx` has trained models."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

from facegen.api.export_tables import (
    BATCH,
    export_projector,
    write_parquet_table,
    write_sqlite_table,
)
from facegen.api.query import SPLIT_NAMES
from facegen.errors import InputError
from facegen.io.face_set import FaceSet
from facegen.io.files import atomic_output
from facegen.io.inputs import keep_inputs
from facegen.io.latent_store import Latents, check_array
from facegen.io.temporaries import Temporary


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


WRITERS = {
    "npy": _write_npy,
    "csv": _write_csv,
    "parquet": write_parquet_table,
    "sqlite": write_sqlite_table,
}
PROJECTOR = "projector"


@keep_inputs()
def export(
    latents: str | os.PathLike,
    output: str | os.PathLike,
    *,
    kind: str,
    points: str = "z",
    faces: str | os.PathLike | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Writes the points of a store for other programs, as a stream in flat memory.

    Tables have the columns row, name, split, radius (not of logvar), identity and the labels (1, -1
    and 0), where the store has them, and one of the points, of the name that `points` has.

    Args:
        latents: latents.h5; of an incomplete one, the rows that are there.
        output: the file to write; it appears when all is done.
        kind: one of
            "npy", NumPy's format 1.0: float32 (rows, latent_dim), little-endian, C order;
            "csv", a header, then row, name, split and the coordinates, with nine digits;
            "parquet", a table for DuckDB and its like (`facegen.io.parquet_file`);
            "sqlite", one for datasette and sqlite-utils (`facegen.io.sqlite_file`);
            "projector", one for TensorBoard, a folder (`facegen.io.projector_files`).
        points: "z", "mu" or "logvar".
        faces: for "projector": faces.h5, the set that was encoded; its faces are shown then.
        force: overwrite what exists.
        progress: called with the number of rows written since the last call.

    Returns:
        The number of rows.

    Raises:
        MissingFileError, InputError: no store, no face set, or not the store's, or one with too
            many faces to be shown.
        OutputError: the output exists (without `force`) or can't be written.
        FacegenError: pyarrow is not installed, for "parquet".
    """
    check_array(points)
    if kind not in (*WRITERS, PROJECTOR):
        raise InputError(f"kind must be one of {', '.join((*WRITERS, PROJECTOR))}, not {kind!r}")
    if faces is not None and kind != PROJECTOR:
        raise InputError(f"faces are shown by the projector alone, not by {kind}")
    with ExitStack() as stack:
        store = stack.enter_context(Latents.open(latents))
        if kind == PROJECTOR:
            shown = stack.enter_context(FaceSet.open(faces)) if faces is not None else None
            export_projector(store, points, output, faces=shown, force=force, progress=progress)
        else:
            temporary = stack.enter_context(atomic_output(output, force=force))
            WRITERS[kind](store, points, temporary, progress)
        return len(store)
