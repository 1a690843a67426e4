"""Labels of faces, as face sets and stores both have them: copied, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.latent_store import LABELS, Latents

COPY_ROWS = 4096  # rows in memory at a time
TEXT_FRAME = 32  # bytes around a text in HDF5's heap, at most

Labels = Mapping[str, Any]  # arrays or datasets by name, some of facegen.io.latent_store.LABELS


class RowRange:
    """Some rows of a dataset as if they were all of it, read when they are asked for."""

    def __init__(self, data: h5py.Dataset, rows: range):
        self._data, self._rows = data, rows
        self.shape = (len(rows), *data.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, block: slice) -> np.ndarray:
        some = self._rows[block]
        return self._data[some.start : some.stop]


def copy_labels(file: hdf5.NewFile, labels: Labels, rows: int) -> None:
    """Writes labels into a new store, with disk space reserved before each block.

    Raises:
        InputError: one has another number of rows.
    """
    dtypes = {"names": hdf5.TEXT, "split": hdf5.SPLIT_DTYPE, "identities": "<i4"}
    dtypes |= {"attributes": "i1", "attribute_names": hdf5.TEXT}
    for name in LABELS:
        if name not in labels:
            continue
        source = labels[name]
        if name != "attribute_names" and len(source) != rows:
            raise InputError(f"{name} has {len(source)} rows, not {rows}")
        copy = file.create_dataset(name, np.shape(source), dtypes[name])
        for start in range(0, len(source), COPY_ROWS):
            block = source[start : start + COPY_ROWS]
            # Texts lie outside of their dataset; UTF-8 has at most four bytes a character.
            texts = block if copy.dtype == object else []
            hdf5.reserve(file, copy.nbytes + sum(4 * len(text) + TEXT_FRAME for text in texts))
            copy[start : start + COPY_ROWS] = block


def _same_label(stored: h5py.Dataset | None, label: Any) -> bool:
    """Whether a label of the store is that of the face set still."""
    if stored is None or label is None:
        return stored is label
    if stored.shape != np.shape(label):
        return False
    if h5py.check_string_dtype(stored.dtype):
        texts = [t.decode(errors="replace") if isinstance(t, bytes) else t for t in label[:]]
        return hdf5.texts(stored) == texts
    starts = range(0, len(stored), COPY_ROWS)
    blocks = (slice(start, start + COPY_ROWS) for start in starts)
    return all(np.array_equal(stored[block], label[block]) for block in blocks)


def changed_label(store: Latents, labels: Labels) -> str | None:
    """A label that a face set has otherwise than its store, or that only one of the two has.

    Names and split are not compared: the fingerprint covers them. None if all are the same.

    Raises:
        InputError: one of the files is damaged.
    """
    for name in ("attribute_names", "attributes", "identities"):
        with hdf5.read_errors(store.path):
            if not _same_label(store.file.get(name), labels.get(name)):
                return name.replace("_", " ")
    return None
