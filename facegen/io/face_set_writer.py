"""Writing a face set, faces.h5 (`facegen.io.face_set`), which appears when it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from facegen.io import hdf5
from facegen.io.digests import DIGEST_BYTES, digests_of
from facegen.io.face_set import FORMAT, FORMAT_VERSION
from facegen.io.files import atomic_output
from facegen.io.hdf5_provenance import write_file_provenance
from facegen.io.parts import Part
from facegen.io.prepare_options import PrepareOptions
from facegen.io.temporaries import Temporary
from facegen.signals import undisturbed


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
        part: Part | None = None,
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
            if part is not None:
                part.write(self.file)
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

    @undisturbed
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
