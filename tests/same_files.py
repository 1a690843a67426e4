"""Whether two HDF5 files hold the same; their bytes may tell when they were made."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def datasets(path: Path) -> dict[str, np.ndarray]:
    """All datasets of a file, by name."""
    with h5py.File(path) as file:
        return {name: data[()] for name, data in file.items()}


def assert_same(path: Path, expected: Path) -> None:
    """Compares datasets and attributes, to the bit."""
    found, wanted = datasets(path), datasets(expected)
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])
    with h5py.File(path) as file, h5py.File(expected) as other:
        assert dict(file.attrs) == dict(other.attrs)
