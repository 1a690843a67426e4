"""Writing the encoded store, latents.h5, so that nothing can break it.

HDF5 writes only the empty store: all datasets at their full size, every chunk allocated, the
labels filled in, under a temporary name. Once that file has its name, HDF5 never writes to it
again: rows go with pwrite to the addresses that HDF5 tells of the chunks, and rows_done to its
own. So there is no metadata that a kill, a loss of power or a full disk could leave half-written,
no "open for writing" mark that a killed HDF5 leaves, and no HDF5 that fails to close a file.
In this order: rows, fsync, rows_done, fsync. Whatever rows_done counts is on the disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from facegen.errors import InputError, OutputError
from facegen.io.files import check_output, open_in_place, output_errors
from facegen.io.labels import Labels
from facegen.io.latent_layout import check_same, create_store
from facegen.io.latent_store import ARRAYS, Latents, Origin
from facegen.io.locks import exclusive
from facegen.io.parts import Part
from facegen.io.temporaries import Temporary
from facegen.seeds import draw_seed

FLUSH_SECONDS = 1.0  # rows that a kill can cost, as time


class LatentsWriter:
    """Makes a store, or goes on with one; use it as a context manager, and `append` rows.

    Hold `facegen.io.locks.exclusive(path)` meanwhile. When it ends, by an error too, what was
    appended is kept, and a new writer goes on from there.

    Attributes:
        origin: the store's; its seed is the one to use.
        rows_done: rows that are safe on the disk.
        rows_written: rows appended, the next one's number.
    """

    def __init__(
        self,
        path: str | os.PathLike | Temporary,
        origin: Origin,
        labels: Labels,
        *,
        rows: int,
        latent_dim: int,
        part: Part | None = None,
        seed: int | None = None,
        force: bool = False,
        flush_seconds: float = FLUSH_SECONDS,
    ):
        """Opens the store, or creates it.

        Args:
            path: latents.h5; or a file that its owner publishes when the store is complete.
            origin: what the rows are made from; its seed is not used.
            labels: "names" and "split", and where known "identities", "attributes" and
                "attribute_names": arrays or datasets as in the face set.
            rows: N, how many rows the store will have, at least 1.
            latent_dim: coordinates of a point.
            part: of a whole store; `rows` are then the part's, the origin is marked as its.
            seed: of epsilon; by default an existing store's, else a fresh one.
            force: begin anew, whatever `path` is now.
            flush_seconds: how often rows become safe.

        Raises:
            InputError: `path` exists and is no store, or damaged.
            OutputError: it was made from something else, or can't be written.
        """
        given = path if isinstance(path, Temporary) else Path(path)
        self.path = given.path if isinstance(given, Temporary) else given
        if force or isinstance(given, Temporary) or not given.exists():
            fresh = replace(origin, seed=draw_seed() if seed is None else seed)
            of = {"rows": rows, "latent_dim": latent_dim}
            create_store(given, fresh, labels, **of, part=part, force=force)
        with Latents.open(self.path) as store:
            wanted = store.origin.seed if seed is None else seed
            check_same(store, replace(origin, seed=wanted), labels, rows, latent_dim, part)
            self.origin = store.origin
            self.rows = rows
            self.rows_done = self.rows_written = store.rows_done
            self._latent_dim = latent_dim
            self._find_addresses(store.file)
            marked_complete = bool(store.file["complete"][()])
        with output_errors(self.path):
            self._descriptor = open_in_place(self.path)
        self._flush_seconds = flush_seconds
        self._flushed = time.monotonic()
        if store.complete and not marked_complete:  # a kill came between the two
            self.flush()

    def _find_addresses(self, file: h5py.File) -> None:
        """Notes where in the file the chunks and the two numbers lie."""
        arrays = [file[name] for name in ARRAYS]
        self._chunk_rows = arrays[0].chunks[0] if arrays[0].chunks else 0
        layouts = {(data.chunks, data.id.get_create_plist().get_nfilters()) for data in arrays}
        if layouts != {((self._chunk_rows, self._latent_dim), 0)}:
            raise InputError(
                f"{self.path} was written again by another program and can't be gone on with; "
                "choose another output, or add --force to begin anew"
            )
        starts = range(0, self.rows, self._chunk_rows)
        self._chunks = {
            name: [data.id.get_chunk_info_by_coord((row, 0)).byte_offset for row in starts]
            for name, data in zip(ARRAYS, arrays, strict=True)
        }
        self._numbers = {name: file[name].id.get_offset() for name in ("rows_done", "complete")}

    def append(self, mu: np.ndarray, logvar: np.ndarray, z: np.ndarray) -> None:
        """Adds rows, each array float32 (n, latent_dim).

        Raises:
            InputError: an array has another shape, or the store has no room for the rows.
            OutputError: the disk is full or failing; the rows done before are safe.
        """
        last = self.rows_written + len(mu)
        if last > self.rows:
            raise InputError(f"{self.path} has {self.rows} rows; can't append row {last - 1}")
        if {np.shape(points) for points in (mu, logvar, z)} != {(len(mu), self._latent_dim)}:
            raise InputError(f"mu, logvar and z must be ({len(mu)}, {self._latent_dim}) each")
        with output_errors(self.path):
            for name, points in zip(ARRAYS, (mu, logvar, z), strict=True):
                self._write_rows(self._chunks[name], np.ascontiguousarray(points, "<f4"))
        self.rows_written = last
        if last == self.rows or time.monotonic() - self._flushed >= self._flush_seconds:
            self.flush()

    def _write_rows(self, chunks: list[int], points: np.ndarray) -> None:
        first, last = self.rows_written, self.rows_written + len(points)
        while first < last:
            chunk, row = divmod(first, self._chunk_rows)
            end = min(last, (chunk + 1) * self._chunk_rows)
            part = points[first - self.rows_written : end - self.rows_written]
            self._write(part.tobytes(), chunks[chunk] + 4 * row * self._latent_dim)
            first = end

    def _write(self, data: bytes, address: int) -> None:
        while data:
            written = os.pwrite(self._descriptor, data, address)
            data, address = data[written:], address + written

    def _write_number(self, name: str, number: int, size: int) -> None:
        self._write(number.to_bytes(size, "little"), self._numbers[name])
        os.fsync(self._descriptor)

    def _check_place(self) -> None:
        """Refuses to have written into a file that nobody finds any more."""
        if not os.path.samestat(os.stat(self.path), os.fstat(self._descriptor)):
            raise OutputError(
                f"{self.path} was replaced by another program while it was written; run the "
                "command again with another output"
            )

    def flush(self) -> None:
        """Makes the rows appended so far safe: they survive a loss of power.

        Raises:
            OutputError: the disk is full or failing, or the store is gone.
        """
        with output_errors(self.path):
            os.fsync(self._descriptor)
            self._write_number("rows_done", self.rows_written, 8)
            self.rows_done = self.rows_written
            if self.rows_done == self.rows:
                self._write_number("complete", 1, 1)
                self._check_place()
        self._flushed = time.monotonic()

    def __enter__(self) -> LatentsWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            # After the disk failed, the rows since the last flush are not to be trusted.
            if self.rows_written > self.rows_done and not (kind and issubclass(kind, OSError)):
                self.flush()
        finally:
            os.close(self._descriptor)


def write_latents(
    path: str | os.PathLike,
    points: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
    names: Sequence[str],
    *,
    latent_dim: int,
    is_test: np.ndarray | None = None,
    identities: np.ndarray | None = None,
    attributes: np.ndarray | None = None,
    attribute_names: Sequence[str] = (),
    origin: Origin | None = None,
    force: bool = False,
) -> None:
    """Writes a store from points made elsewhere, as a stream.

    Args:
        path: latents.h5.
        points: batches of (mu, logvar, z), each float32 (n, latent_dim), len(names) rows in all.
        names: N names.
        latent_dim: coordinates of a point.
        is_test: bool (N); by default none is.
        identities: int32 (N), -1 where unknown.
        attributes: int8 (N, K): 1 yes, -1 no, 0 unknown.
        attribute_names: K names.
        origin: what the points are made from; `generate --latents` compares encoder_sha256.
        force: overwrite what exists.

    Raises:
        InputError: the arrays don't fit each other.
        OutputError: the file exists (without `force`) or can't be written.
    """
    rows, origin = len(names), origin or Origin()
    if rows == 0:
        raise InputError("a store needs at least one row")
    labels: dict[str, Any] = {"names": list(names)}
    labels["split"] = np.zeros(rows, "u1") if is_test is None else np.asarray(is_test, "u1")
    if identities is not None:
        labels["identities"] = np.asarray(identities, np.int32)
    if attributes is not None:
        labels["attributes"] = np.asarray(attributes, np.int8)
        labels["attribute_names"] = list(attribute_names)
    with exclusive(path):
        check_output(path, force=force)
        with LatentsWriter(
            path,
            origin,
            labels,
            rows=rows,
            latent_dim=latent_dim,
            seed=origin.seed,
            force=force,
        ) as writer:
            for batch in points:
                writer.append(*batch)
            if writer.rows_written < rows:
                raise InputError(f"points have {writer.rows_written} rows, names {rows}")
