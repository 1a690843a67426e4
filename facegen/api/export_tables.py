"""A store as a table of rows: for DuckDB, datasette, sqlite-utils and TensorBoard's projector."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from facegen.analysis.scan import radii
from facegen.api.query import SPLIT_NAMES
from facegen.errors import InputError
from facegen.images.sheets import write_png
from facegen.images.sprites import make_sprite
from facegen.io import hdf5
from facegen.io.face_set import FaceSet
from facegen.io.latent_store import Latents
from facegen.io.parquet_file import write_parquet
from facegen.io.projector_files import write_projector
from facegen.io.provenance import with_version
from facegen.io.sqlite_file import write_sqlite
from facegen.io.temporaries import Temporary
from facegen.strict_json import to_json

BATCH = 4096  # rows in memory at a time
FACES_BATCH = 128


def label_columns(labels: list[str], taken: list[str]) -> list[str]:
    """A column for each label, of its name; with _ behind it where that is taken.

    SQLite and DuckDB take names that differ in case alone for the same.
    """
    columns, known = [], {"", *(name.lower() for name in taken)}
    for label in labels:
        while label.lower() in known:
            label += "_"
        known.add(label.lower())
        columns.append(label)
    return columns


def _columns(store: Latents, array: str, rows: slice, points: np.ndarray) -> dict[str, Any]:
    """Some rows of the table: texts in lists, numbers in arrays, the points last."""
    found: dict[str, Any] = {
        "row": np.arange(rows.start, rows.stop),
        "name": store.read_names(rows),
        "split": [SPLIT_NAMES[test] for test in store.is_test[rows].tolist()],
    }
    if array != "logvar":
        radius = radii(points, np.float64)
        found["radius"] = np.where(np.isfinite(radius), radius, np.nan).round(6)
    with hdf5.read_errors(store.path):
        if "identities" in store.file:
            found["identity"] = store.file["identities"][rows]
        if store.attribute_names:
            values = store.file["attributes"][rows]
            names = label_columns(store.attribute_names, [*found, array])
            found |= {name: values[:, i] for i, name in enumerate(names)}
    return {**found, array: points}


def _batches(
    store: Latents, array: str, progress: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """Yields all rows; of a store without any, a batch of none, for its columns."""
    if not len(store):
        yield _columns(store, array, slice(0, 0), np.empty((0, store.latent_dim), np.float32))
    for rows, points in store.iterate(array, batch_size=BATCH):
        yield _columns(store, array, rows, points)
        progress(len(points))


def provenance(store: Latents, kind: str, array: str, faces: str | None = None) -> dict[str, Any]:
    """What an export records of how it was made, JSON values."""
    shown = {} if faces is None else {"faces": faces}
    made = {"command": "export", "kind": kind, "points": array, **store.provenance, **shown}
    return with_version(made)


def write_parquet_table(
    store: Latents, array: str, output: Temporary, progress: Callable[[int], None]
) -> None:
    """Writes a row for each of the store's."""
    record = to_json(provenance(store, "parquet", array))
    write_parquet(output, _batches(store, array, progress), record)


def write_sqlite_table(
    store: Latents, array: str, output: Temporary, progress: Callable[[int], None]
) -> None:
    """Writes a row for each of the store's."""
    record = to_json(provenance(store, "sqlite", array))
    write_sqlite(output, _batches(store, array, progress), record)


def export_projector(
    store: Latents,
    array: str,
    folder: str | os.PathLike,
    *,
    faces: FaceSet | None,
    force: bool,
    progress: Callable[[int], None],
) -> None:
    """Writes a folder for TensorBoard's projector.

    Args:
        faces: the set that was encoded; each point is shown as its face then.

    Raises:
        InputError: the store was made from other faces, or has too many for a sprite sheet.
    """
    if faces and faces.fingerprint != store.origin.fingerprint:
        raise InputError(f"{store.path} was not made from {faces.path}: their fingerprints differ")
    record = provenance(store, "projector", array, faces.path.name if faces else None)

    def write_sprite(output: Temporary) -> int:
        assert faces
        starts = range(0, len(store), FACES_BATCH)
        pictures = (faces.read_range(i, min(i + FACES_BATCH, len(store))) for i in starts)
        sprite, thumbnail = make_sprite(pictures, len(store), faces.size)
        write_png(sprite, output, record)
        return thumbnail

    batches = _batches(store, array, progress)
    write_projector(
        folder,
        batches,
        to_json(record),
        write_sprite=write_sprite if faces else None,
        force=force,
    )
