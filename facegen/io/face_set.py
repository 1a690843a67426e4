"""The prepared face set, faces.h5: photos read in, written, split by person, iterated.

Layout of the file (HDF5, no filters):
    /images            uint8 (N, size, size, 3), RGB, chunks of about 1 MiB
    /names             UTF-8 text (N): the photo's path inside its folder or archive
    /split             enumeration uint8 (N): train = 0, test = 1
    /identities        int32 (N): the person, -1 where unknown; only with identities
    /attributes        int8 (N, K): 1 yes, -1 no, 0 unknown; only with attributes
    /attribute_names   UTF-8 text (K)
    /row_digests       uint8 (N, 32): SHA-256 of the row's pixels; since format 2
    /source_digests    uint8 (N, 32): SHA-256 of the photo's file; only of photos, since format 2
    and what the set was before, if it has grown (`facegen.io.face_set_history`)
    attributes of the root: format, format_version, facegen_version, source, crop, size,
        fingerprint (SHA-256 of images, names and split), rows_fingerprint (the same of row digests,
        names and split; since format 2), where faces come from photos options (JSON,
        `facegen.io.prepare_options`; since format 2), where facegen generated the faces,
        provenance and digital_source_type (`facegen.io.hdf5_provenance`), and of a shard those of
        `facegen.io.parts`
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.digests import DIGEST_BYTES
from facegen.io.parts import Part
from facegen.io.prepare_options import PrepareOptions

FORMAT = "facegen-faces"
FORMAT_VERSION = 2


@dataclass(frozen=True)
class FaceSet:
    """A face set open for reading; use it as a context manager.

    Attributes:
        images: uint8 (N, size, size, 3), on disk.
        is_test: bool (N).
        is_train: bool (N); all that are not test images, unless `with_training_rows` chose some.
        fingerprint: SHA-256 of images, names and split.
        rows_fingerprint: SHA-256 of row digests, names and split; "" in format 1.
        options: how photos became the faces; None of others, and in format 1.
        part: of a whole, which then has other row numbers; None of a whole.
    """

    path: Path
    file: h5py.File
    images: h5py.Dataset
    names: h5py.Dataset
    is_test: np.ndarray
    is_train: np.ndarray
    size: int
    crop: str
    source: str
    fingerprint: str
    rows_fingerprint: str
    options: PrepareOptions | None
    part: Part | None = None

    @classmethod
    def open(cls, path: str | os.PathLike) -> FaceSet:
        """Opens faces.h5.

        Raises:
            MissingFileError: no such file.
            InputError: not a face set, damaged, or of a newer version.
        """
        file = hdf5.open_file(path, FORMAT, FORMAT_VERSION)
        try:
            images = hdf5.dataset(file, "images", ndim=4, dtype=np.uint8)
            names = hdf5.dataset(file, "names", ndim=1, dtype=str)
            split = hdf5.dataset(file, "split", ndim=1, dtype=np.uint8)
            if not (len(images) == len(names) == len(split)):
                raise InputError(f"{path} is damaged: images, names and split differ in length")
            if images.shape[1] != images.shape[2] or images.shape[3] != 3:
                raise InputError(f"{path}: images are {images.shape}; expected (N, size, size, 3)")
            with hdf5.read_errors(path):
                is_test = split[:] == hdf5.SPLITS["test"]
                return cls(
                    path=Path(path),
                    file=file,
                    images=images,
                    names=names,
                    is_test=is_test,
                    is_train=~is_test,
                    size=images.shape[1],
                    crop=str(hdf5.attribute(file, "crop", "")),
                    source=str(hdf5.attribute(file, "source", "")),
                    fingerprint=str(hdf5.attribute(file, "fingerprint", "")),
                    rows_fingerprint=str(hdf5.attribute(file, "rows_fingerprint", "")),
                    options=PrepareOptions.parse(str(hdf5.attribute(file, "options", "")), path),
                    part=Part.read(file, len(images)),
                )
        except BaseException:
            file.close()
            raise

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, split: str | None = None) -> np.ndarray:
        """Row numbers, int64: of "train" or "test", or all."""
        if split is None:
            return np.arange(len(self))
        return np.flatnonzero(self.is_test if split == "test" else self.is_train)

    def with_training_rows(self, rows: np.ndarray) -> FaceSet:
        """This face set with some of its training rows, int (n), as the only ones."""
        is_train = np.zeros(len(self), bool)
        is_train[rows] = True
        return replace(self, is_train=is_train & self.is_train)

    def check_size(self, size: int, of: str) -> None:
        """Raises InputError unless faces have size x size pixels; `of` says whose size that is."""
        if self.size != size:
            raise InputError(
                f"{self.path} has faces of {self.size}x{self.size} pixels, {of} {size}x{size}; "
                f"'facegen prepare --size {size}' makes them"
            )

    def check_rows(self, rows: np.ndarray) -> None:
        """Raises InputError if one of the row numbers, int (n), isn't there."""
        outside = rows[(rows < 0) | (rows >= len(self))]
        if len(outside):
            has = f"rows 0 to {len(self) - 1}" if len(self) else "no rows"
            raise InputError(f"{self.path} has {has}; asked for row {outside[0]}")

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Images of the given rows in the given order, uint8 (len(rows), size, size, 3)."""
        self.check_rows(np.asarray(rows, np.int64))
        unique, inverse = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        return hdf5.read_rows(self.images, unique)[inverse]

    def read_range(self, start: int, stop: int) -> np.ndarray:
        """Images of the rows from start to stop - 1, uint8 (n, size, size, 3)."""
        with hdf5.read_errors(self.path):
            return self.images[start:stop]

    def read_names(self, rows: np.ndarray) -> list[str]:
        """Names of the given rows."""
        unique, inverse = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        names = hdf5.read_rows(self.names, unique)[inverse]
        return [name.decode(errors="replace") for name in names]

    def digests(self, name: str) -> h5py.Dataset:
        """ "row_digests" or "source_digests", uint8 (N, 32), on disk.

        Raises:
            InputError: there are none, as in format 1, or they are damaged.
        """
        found = hdf5.dataset(self.file, name, ndim=2, dtype=np.uint8)
        if found.shape != (len(self), DIGEST_BYTES):
            raise InputError(f"{self.path} is damaged: {name} are {found.shape}")
        return found

    def iterate(
        self, split: str | None = None, batch_size: int = 128
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (rows, images) in the order of the file, never more than a batch in memory."""
        rows = self.rows(split)
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            yield some, hdf5.read_rows(self.images, some)

    def __enter__(self) -> FaceSet:
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()
