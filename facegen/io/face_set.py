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
        `facegen.io.prepare_options`; since format 2), and, where facegen generated the faces,
        provenance (JSON, `facegen.io.hdf5_provenance`)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.digests import DIGEST_BYTES, digests_of
from facegen.io.files import atomic_output
from facegen.io.hdf5_provenance import write_file_provenance
from facegen.io.prepare_options import PrepareOptions
from facegen.io.temporaries import Temporary

FORMAT = "facegen-faces"
FORMAT_VERSION = 2


class FaceSetWriter:
    """Writes a face set as a stream, in flat memory; the file appears when all went well.

    Use it as a context manager; `append` images, then optionally `set_split` and `set_labels`.

    Attributes:
        file: in which other parts of the format are written.
    """

    def __init__(
        self,
        path: str | os.PathLike | Temporary,
        *,
        size: int,
        source: str,
        crop: str,
        options: PrepareOptions | None = None,
        provenance: dict[str, Any] | None = None,
        force: bool = False,
    ):
        """options: how photos became the faces; then `append` needs the photos' digests."""
        self.size = size
        self.count = 0
        self._stack = ExitStack()
        self._images_hash = hashlib.sha256()
        self._names_hash = hashlib.sha256()
        self._rows_hash = hashlib.sha256()
        try:
            temporary = self._stack.enter_context(atomic_output(path, force=force))
            created = hdf5.create_file(temporary, libver=("v108", "v110"))
            self.file = self._stack.enter_context(created)
            hdf5.set_format(self.file, FORMAT, FORMAT_VERSION)
            self.file.attrs.update({"source": source, "crop": crop, "size": size})
            if options is not None:
                self.file.attrs["options"] = options.to_json()
            if provenance is not None:
                write_file_provenance(self.file, provenance)
            rows = hdf5.rows_per_chunk(size * size * 3)
            image = (size, size, 3)
            self._images = self.file.create_dataset(
                "images", (0, *image), "u1", maxshape=(None, *image), chunks=(rows, *image)
            )
            self._names = self.file.create_dataset(
                "names", (0,), hdf5.TEXT, maxshape=(None,), chunks=(4096,)
            )
            self._split = self.file.create_dataset(
                "split", (0,), hdf5.SPLIT_DTYPE, maxshape=(None,), chunks=(65536,)
            )
            self._row_digests = self._create_digests("row_digests")
            self._source_digests = options and self._create_digests("source_digests")
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise

    def _create_digests(self, name: str) -> h5py.Dataset:
        shape = (0, DIGEST_BYTES)
        limits, chunks = (None, DIGEST_BYTES), (4096, DIGEST_BYTES)
        return self.file.create_dataset(name, shape, "u1", maxshape=limits, chunks=chunks)

    def append(
        self, images: np.ndarray, names: Sequence[str], source_digests: np.ndarray | None = None
    ) -> np.ndarray:
        """Adds images uint8 (n, size, size, 3) and their n names, as training images.

        Args:
            source_digests: uint8 (n, 32), SHA-256 of the photos; needed if there are `options`.

        Returns:
            The row digests, uint8 (n, 32).
        """
        text = "".join(f"{name}\0" for name in names).encode(errors="replace")
        hdf5.reserve(self.file, images.nbytes + len(text) + 2 * DIGEST_BYTES * len(names))
        first, self.count = self.count, self.count + len(names)
        columns = {self._images: images, self._names: list(names)}
        columns[self._row_digests] = row_digests = digests_of(images)
        if self._source_digests is not None:
            columns[self._source_digests] = source_digests
        for data, values in columns.items():
            data.resize(self.count, axis=0)
            data[first:] = values
        self._split.resize(self.count, axis=0)
        self._images_hash.update(np.ascontiguousarray(images).data)
        self._names_hash.update(text)
        self._rows_hash.update(row_digests.data)
        return row_digests

    def set_split(self, is_test: np.ndarray) -> None:
        """Marks the rows that are test images, bool (N)."""
        self._split[:] = is_test.astype(np.uint8)

    def set_labels(
        self,
        identities: np.ndarray | None,
        attributes: np.ndarray | None,
        attribute_names: Sequence[str],
    ) -> None:
        """Adds person numbers, int32 (N), and attributes, int8 (N, K), where not None."""
        if identities is not None:
            hdf5.reserve(self.file, identities.nbytes)
            self.file.create_dataset("identities", data=identities.astype(np.int32))
        if attributes is not None:
            hdf5.reserve(self.file, attributes.nbytes)
            self.file.create_dataset("attributes", data=attributes.astype(np.int8))
            self.file.create_dataset("attribute_names", data=list(attribute_names), dtype=hdf5.TEXT)

    def _fingerprint(self, content: hashlib._Hash) -> str:
        parts = content.digest(), self._names_hash.digest(), self._split[:]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def __enter__(self) -> FaceSetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if error is None:
            try:
                self.file.attrs["fingerprint"] = self._fingerprint(self._images_hash)
                self.file.attrs["rows_fingerprint"] = self._fingerprint(self._rows_hash)
            except BaseException as late:
                self._stack.__exit__(type(late), late, late.__traceback__)
                raise
        return self._stack.__exit__(kind, error, trace)


@dataclass(frozen=True)
class FaceSet:
    """A face set open for reading; use it as a context manager.

    Attributes:
        images: uint8 (N, size, size, 3), on disk.
        is_test: bool (N).
        fingerprint: SHA-256 of images, names and split.
        rows_fingerprint: SHA-256 of row digests, names and split; "" in format 1.
        options: how photos became the faces; None of others, and in format 1.
    """

    path: Path
    file: h5py.File
    images: h5py.Dataset
    names: h5py.Dataset
    is_test: np.ndarray
    size: int
    crop: str
    source: str
    fingerprint: str
    rows_fingerprint: str
    options: PrepareOptions | None

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
                return cls(
                    path=Path(path),
                    file=file,
                    images=images,
                    names=names,
                    is_test=split[:] == hdf5.SPLITS["test"],
                    size=images.shape[1],
                    crop=str(hdf5.attribute(file, "crop", "")),
                    source=str(hdf5.attribute(file, "source", "")),
                    fingerprint=str(hdf5.attribute(file, "fingerprint", "")),
                    rows_fingerprint=str(hdf5.attribute(file, "rows_fingerprint", "")),
                    options=PrepareOptions.parse(str(hdf5.attribute(file, "options", "")), path),
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
        return np.flatnonzero(self.is_test == (split == "test"))

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
