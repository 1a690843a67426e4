"""Stores that follow their face set: rows that are there are copied, the others encoded.

The successor grows beside the store under a name of its own, as every store does
(`facegen.io.latent_writer`), so a kill costs the last second: the same command goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facegen.io import hdf5
from facegen.io.face_set import FaceSet
from facegen.io.face_set_history import History
from facegen.io.files import put_in_place, remove
from facegen.io.labels import Labels, RowRange
from facegen.io.latent_layout import check_same
from facegen.io.latent_store import LABELS, Latents, Origin
from facegen.io.latent_writer import LatentsWriter
from facegen.io.parts import Part
from facegen.latent import random_points

COPY_ROWS = 4096  # in memory at a time


@contextmanager
def open_successor(
    output: Path,
    faces: FaceSet,
    origin: Origin,
    labels: Labels,
    *,
    latent_dim: int,
    seed: int | None,
    flush_seconds: float,
) -> Iterator[LatentsWriter]:
    """Opens the writer of a store that takes the output's place once it is complete.

    The rows that the output has of the face set are in it. Hold `exclusive(output)` meanwhile.

    Args:
        output: a store that was made from an earlier state of the face set.
        origin, labels, latent_dim, seed, flush_seconds: as of `LatentsWriter`.

    Raises:
        InputError: the output is no store, or damaged.
        OutputError: it was made from something else, or can't be written.
    """
    target = output.resolve()
    path = target.with_name(f".{target.name}.successor")
    with ExitStack() as files:
        old = files.enter_context(Latents.open(output))
        origin = replace(origin, seed=old.origin.seed if seed is None else seed)
        kept = _check_earlier(old, faces, origin, latent_dim)
        source, kept = old, kept[kept < len(old)]
        if path.exists():
            begun = files.enter_context(Latents.open(path))
            if not _is_of(begun, origin, len(faces)):
                there = _kept_rows(begun, faces) if _is_alike(begun, origin) else None
                if there is not None and (there < len(begun)).sum() > len(kept):
                    source, kept = begun, there[there < len(begun)]
                remove(path)  # what is open can be read on
        with LatentsWriter(
            path,
            origin,
            labels,
            rows=len(faces),
            latent_dim=latent_dim,
            seed=origin.seed,
            flush_seconds=flush_seconds,
        ) as writer:
            _copy_rows(writer, source, kept)
            yield writer
        put_in_place(path, target, old.file.id.get_vfd_handle())


def _kept_rows(store: Latents, faces: FaceSet) -> np.ndarray | None:
    """Which rows of a store are the first ones of the face set; None if it is another's."""
    fingerprint = store.origin.fingerprint
    if (store.rows, fingerprint) == (len(faces), faces.fingerprint):
        return np.arange(store.rows)
    return History.read(faces.file).kept_rows(store.rows, fingerprint)


def _check_earlier(store: Latents, faces: FaceSet, origin: Origin, latent_dim: int) -> np.ndarray:
    """The rows of a store that the face set still has; refuses a store of something else."""
    kept = _kept_rows(store, faces)
    if kept is not None:
        origin = replace(origin, fingerprint=store.origin.fingerprint)
    check_same(store, origin, store.file, store.rows, latent_dim)
    assert kept is not None  # else it was another input's
    return kept


def _is_alike(store: Latents, origin: Origin) -> bool:
    """Whether a store's rows are made as those of another."""
    names = ("encoder_sha256", "seed", "epsilon_scale", "epsilon_limit")
    return all(getattr(store.origin, name) == getattr(origin, name) for name in names)


def _is_of(store: Latents, origin: Origin, rows: int) -> bool:
    """Whether a store is what a run that was broken off has left."""
    same = store.rows == rows and store.origin.fingerprint == origin.fingerprint
    return same and _is_alike(store, origin)


def _copy_rows(writer: LatentsWriter, source: Latents, kept: np.ndarray) -> None:
    """Appends rows of another store.

    A row that has another number now, since one before it was forgotten, has another epsilon: z is
    what a fresh run gives.
    """
    origin = writer.origin
    for start in range(writer.rows_done, len(kept), COPY_ROWS):
        rows = range(start, min(start + COPY_ROWS, len(kept)))
        old = kept[rows.start : rows.stop]
        mu, logvar, z = (source.read(old, name) for name in ("mu", "logvar", "z"))
        moved = old != np.asarray(rows)
        if moved.any():
            limit, scale = origin.epsilon_limit, origin.epsilon_scale
            fresh = random_points.reparameterize(
                mu, logvar, rows, seed=origin.seed, limit=limit, scale=scale
            )
            z[moved] = fresh[moved]
        writer.append(mu, logvar, z)
    writer.flush()


def _labels(faces: FaceSet, rows: range) -> Labels:
    found = {
        name: hdf5.dataset(faces.file, name, ndim=ndim, dtype=dtype)
        for name, (ndim, dtype) in LABELS.items()
        if name in faces.file
    }
    per_row = found.keys() - {"attribute_names"}
    return {name: RowRange(data, rows) if name in per_row else data for name, data in found.items()}


def _is_earlier(output: Path, faces: FaceSet) -> bool:
    """Whether there is a store, and of another state than the face set is in."""
    if not output.exists():
        return False
    with Latents.open(output) as store:
        return store.origin.fingerprint != faces.fingerprint


def open_store(
    output: Path,
    faces: FaceSet,
    origin: Origin,
    rows: range,
    *,
    part: Part | None,
    update: bool,
    force: bool,
    **options: Any,
) -> AbstractContextManager[LatentsWriter]:
    """The writer of a store, of a successor or of a fresh one."""
    labels = _labels(faces, rows)
    if update and _is_earlier(output, faces):
        return open_successor(output, faces, origin, labels, **options)
    return LatentsWriter(output, origin, labels, rows=len(rows), part=part, force=force, **options)
