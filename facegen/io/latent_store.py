"""The encoded store, latents.h5: what the encoder says of every face of a face set.

Layout of the file (HDF5, superblock 0, no filters); docs/latents.md tells where every byte lies:
    /mu, /logvar, /z   float32 (N, latent_dim), chunks of about 1 MiB, all of them allocated
    /rows_done         uint64: rows 0 to rows_done - 1 are there, the others are zeros
    /complete          uint8: 1 when all N rows are there
    /names, /split, /identities, /attributes, /attribute_names
                       as in the face set (facegen.io.face_set), of all N rows
    attributes of the root: format, format_version, facegen_version, those of `Origin` and, where
        it is a shard, those of `facegen.io.parts`; its fingerprint is then marked as the part's

While rows are written, HDF5 only reads the file: see `LatentsWriter`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.parts import Part
from facegen.io.weights import Weights

FORMAT = "facegen-latents"
FORMAT_VERSION = 1
ARRAYS = ("mu", "logvar", "z")
LABELS = {  # dimensions and dtype
    "names": (1, str),
    "split": (1, np.uint8),
    "identities": (1, np.int32),
    "attributes": (2, np.int8),
    "attribute_names": (1, str),
}


@dataclass(frozen=True)
class Origin:
    """What a store is made from, as it is recorded in the root's attributes.

    Attributes:
        encoder_sha256: of the weights' encoder.tflite; another decoder changes no point.
        fingerprint: of the face set.
        seed: of epsilon.
        epsilon_scale: factor of epsilon; 0 makes z = mu.
        epsilon_limit: epsilon is cut to [-limit, limit].
        weights: the name of the weights, to tell people.
        source: the name of the input, to tell people.
    """

    encoder_sha256: str = ""
    fingerprint: str = ""
    seed: int = 0
    epsilon_scale: float = 1.0
    epsilon_limit: float = 5.0
    weights: str = ""
    source: str = ""

    @classmethod
    def read(cls, file: h5py.File) -> Origin:
        """From the attributes of a store."""
        with hdf5.read_errors(file.filename):
            return hdf5.read_record(file, cls)


@dataclass(frozen=True)
class Latents:
    """A store open for reading; use it as a context manager. Its length is `rows_done`.

    Attributes:
        origin: what it is made from.
        rows: N, the rows it has when it is complete.
        rows_done: the rows that can be read.
        latent_dim: coordinates of a point.
        is_test: bool (rows_done).
        attribute_names: K names; empty without attributes.
        part: of a whole, which then has other row numbers; None of a whole.
    """

    path: Path
    file: h5py.File
    origin: Origin
    rows: int
    rows_done: int
    latent_dim: int
    is_test: np.ndarray
    attribute_names: list[str]
    part: Part | None = None

    @classmethod
    def open(cls, path: str | os.PathLike) -> Latents:
        """Opens latents.h5, complete or not.

        Raises:
            MissingFileError: no such file.
            InputError: not a store, damaged, truncated, or of a newer version.
        """
        file = hdf5.open_file(path, FORMAT, FORMAT_VERSION)
        try:
            with hdf5.read_errors(path):
                return cls._read(Path(path), file)
        except BaseException:
            file.close()
            raise

    @classmethod
    def _read(cls, path: Path, file: h5py.File) -> Latents:
        hdf5.dataset(file, "complete", ndim=0, dtype=np.uint8)
        shapes = {hdf5.dataset(file, name, ndim=2, dtype=np.float32).shape for name in ARRAYS}
        rows, latent_dim = shapes.pop()
        rows_done = int(hdf5.dataset(file, "rows_done", ndim=0, dtype=np.uint64)[()])
        split = hdf5.dataset(file, "split", ndim=1, dtype=np.uint8)
        lengths = {len(split), len(hdf5.dataset(file, "names", ndim=1, dtype=str))}
        attribute_names: list[str] = []
        if "identities" in file:
            lengths.add(len(hdf5.dataset(file, "identities", ndim=1, dtype=np.int32)))
        if "attributes" in file:
            attribute_names = hdf5.texts(hdf5.dataset(file, "attribute_names", ndim=1, dtype=str))
            attributes = hdf5.dataset(file, "attributes", ndim=2, dtype=np.int8)
            lengths.add(len(attributes))
            if attributes.shape[1] != len(attribute_names):
                raise InputError(f"{path} is damaged: attributes don't fit attribute_names")
        if shapes or lengths != {rows} or rows_done > rows:
            raise InputError(f"{path} is damaged: its datasets differ in length")
        return cls(
            path=path,
            file=file,
            origin=Origin.read(file),
            rows=rows,
            rows_done=rows_done,
            latent_dim=latent_dim,
            is_test=split[:rows_done] == hdf5.SPLITS["test"],
            attribute_names=attribute_names,
            part=Part.read(file, rows),
        )

    @property
    def complete(self) -> bool:
        """Whether all rows are there."""
        return self.rows_done == self.rows

    @property
    def provenance(self) -> dict[str, Any]:
        """What is recorded of the store by what is made from it: all that its rows depend on."""
        return {
            "latents": self.path.name,
            "rows_done": self.rows_done,
            "origin": asdict(self.origin),
        }

    def __len__(self) -> int:
        return self.rows_done

    def check(self, weights: Weights) -> None:
        """Raises InputError if another encoder than that of the weights made the store."""
        weights.check_encoder(self.path, self.origin.encoder_sha256, self.origin.weights)
        if self.latent_dim != weights.model.latent_dim:
            raise InputError(
                f"{self.path} is damaged: its points have {self.latent_dim} coordinates, those of "
                f"{weights.name} {weights.model.latent_dim}"
            )

    def check_rows(self, rows: np.ndarray) -> None:
        """Raises InputError if one of the row numbers, int (n), can't be read (yet)."""
        outside = rows[(rows < 0) | (rows >= len(self))]
        if len(outside):
            has = f"rows 0 to {len(self) - 1}" if len(self) else "no rows"
            yet = "" if self.complete else f" of {self.rows} yet ('facegen encode' goes on)"
            raise InputError(f"{self.path} has {has}{yet}; asked for row {outside[0]}")

    def check_finite(
        self, points: np.ndarray, rows: Sequence[int] | np.ndarray, array: str, advice: str
    ) -> None:
        """Raises InputError if one of the points of some rows has a NaN or an infinity.

        Args:
            points: float32 (len(rows), latent_dim), read from `array`.
            advice: what to do, the end of the message.
        """
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(wrong):
            row = rows[wrong[0]]
            raise InputError(f"{self.path}: {array} of row {row} is not finite; {advice}")

    def read(self, rows: Sequence[int] | np.ndarray, array: str = "z") -> np.ndarray:
        """Points of the given rows in the given order, float32 (len(rows), latent_dim).

        Raises:
            InputError: a row is not there.
        """
        numbers = np.asarray(rows, np.int64)
        self.check_rows(numbers)
        unique, inverse = np.unique(numbers, return_inverse=True)
        return hdf5.read_rows(self.file[array], unique)[inverse]

    def read_names(self, rows: slice) -> list[str]:
        """Names of a range of rows."""
        return hdf5.texts(self.file["names"], rows)

    def iterate(
        self, array: str = "z", *, batch_size: int = 4096
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yields (range of rows, points float32 (n, latent_dim)), a batch in memory at a time."""
        data = self.file[array]
        for start in range(0, len(self), batch_size):
            rows = slice(start, min(start + batch_size, len(self)))
            with hdf5.read_errors(self.path):
                points = data[rows]
            yield rows, points

    def __enter__(self) -> Latents:
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()


def check_array(array: str) -> None:
    """Raises InputError if a store has no such array."""
    if array not in ARRAYS:
        raise InputError(f"array must be one of {', '.join(ARRAYS)}, not {array!r}")


def read_latents(
    path: str | os.PathLike, rows: Sequence[int] | np.ndarray | None = None, *, array: str = "z"
) -> np.ndarray:
    """Reads points of a store.

    Args:
        path: latents.h5, complete or not.
        rows: row numbers in any order, repeated or not; by default all that are there.
        array: "z", "mu" or "logvar" (-inf for an AE).

    Returns:
        float32 (len(rows), latent_dim).

    Raises:
        MissingFileError, InputError: no store, or a row is not there.
    """
    check_array(array)
    with Latents.open(path) as store:
        if rows is not None:
            return store.read(rows, array)
        with hdf5.read_errors(path):
            return store.file[array][: len(store)]


def iterate_latents(
    path: str | os.PathLike, *, array: str = "z", batch_size: int = 4096
) -> Iterator[tuple[slice, np.ndarray]]:
    """Reads points of a store from first to last, never more than a batch in memory.

    Args:
        path: latents.h5, complete or not.
        array: "z", "mu" or "logvar" (-inf for an AE).
        batch_size: rows at a time, at least 1.

    Yields:
        The rows, as a slice of row numbers, and their points, float32 (n, latent_dim).

    Raises:
        MissingFileError, InputError: no store.
    """
    check_array(array)
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, not {batch_size}")
    with Latents.open(path) as store:
        yield from store.iterate(array, batch_size=batch_size)
