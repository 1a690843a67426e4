"""facegen's HDF5 files: creating, opening and recognising them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

import facegen
from facegen.errors import InputError, MissingFileError

CHUNK_BYTES = 1 << 20
TEXT = h5py.string_dtype("utf-8")
SPLITS = {"train": 0, "test": 1}
SPLIT_DTYPE = h5py.enum_dtype(SPLITS, basetype="u1")


def rows_per_chunk(row_bytes: int) -> int:
    """Rows that make a chunk of about 1 MiB."""
    return max(1, CHUNK_BYTES // row_bytes)


def set_format(file: h5py.File, kind: str, version: int) -> None:
    """Writes the root attributes that every facegen file begins with."""
    file.attrs["format"] = kind
    file.attrs["format_version"] = version
    file.attrs["facegen_version"] = facegen.__version__


def open_file(path: str | os.PathLike, kind: str, version: int, mode: str = "r") -> h5py.File:
    """Opens a facegen HDF5 file of the given kind.

    Raises:
        MissingFileError: no such file.
        InputError: not HDF5, truncated, of another kind, or of a newer format version.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise MissingFileError(f"{path} {what}")
    try:
        file = h5py.File(path, mode)
    except OSError as error:
        if not os.access(path, os.R_OK):
            raise InputError(f"{path}: no permission to read it") from error
        if not h5py.is_hdf5(path):
            raise InputError(f"{path} is not an HDF5 file; expected {kind}") from error
        reason = "truncated" if "truncated" in str(error) else " ".join(str(error).split())
        raise InputError(f"{path} can't be opened: {reason}") from error
    try:
        found = str(file.attrs.get("format", "another program's HDF5"))
        if found != kind:
            raise InputError(f"{path} is {found}; expected {kind}")
        found_version = int(file.attrs["format_version"])
        if found_version > version:
            raise InputError(
                f"{path} has {kind} version {found_version}, this facegen reads up to {version}; "
                "upgrade facegen"
            )
    except BaseException:
        file.close()
        raise
    return file


def dataset(file: h5py.File, name: str, *, ndim: int, dtype: Any = None) -> h5py.Dataset:
    """A dataset of the file itself, checked.

    Raises:
        InputError: it is missing, a link to another file, or has another rank or dtype.
    """
    path = file.filename
    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise InputError(f"{path} has no dataset {name!r}; it is damaged or not facegen's")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise InputError(f"{path}: {name!r} is not a plain dataset")
    if found.ndim != ndim or (dtype is not None and found.dtype != dtype):
        expected = f"{ndim} dimensions" + (f" of {dtype}" if dtype is not None else "")
        raise InputError(f"{path}: {name!r} is {found.shape} {found.dtype}; expected {expected}")
    return found
