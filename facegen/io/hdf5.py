"""facegen's HDF5 files: creating, opening and recognising them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.io.inputs import note_input
from facegen.io.temporaries import Temporary
from facegen.version import __version__

Record = TypeVar("Record", bound=Any)

CHUNK_BYTES = 1 << 20
METADATA_BYTES = 512 << 10  # of a file's metadata in memory; HDF5's own limit is 32 MiB
MAX_COMPRESSION = 1032  # of deflate, the densest of HDF5's own filters: 258 bytes for two bits
CACHED_CHUNKS = 1 << 20  # bytes of a dataset; HDF5 1's default, HDF5 2 would hold back 8 MiB
CACHED_BYTES = 4 << 20  # chunks and metadata that HDF5 holds back before it writes them
LOCKING = "HDF5_USE_FILE_LOCKING"  # overrides what a program asks HDF5 for
TEXT = h5py.string_dtype("utf-8")
SPLITS = {"train": 0, "test": 1}
MAKERS = {  # what to tell people who give another file
    "facegen-faces": "facegen prepare PHOTOS",
    "facegen-latents": "facegen encode FACES.h5",
    "facegen-sampler": "facegen fit LATENTS.h5",
    "facegen-attributes": "facegen attributes LATENTS.h5",
    "facegen-components": "facegen attributes LATENTS.h5 --unsupervised",
}
SPLIT_DTYPE = h5py.enum_dtype(SPLITS, basetype="u1")


def _limit_cache(file: h5py.File) -> h5py.File:
    """Keeps memory flat: else a few hundred thousand names fill HDF5's cache with their heap."""
    config = file.id.get_mdc_config()
    config.set_initial_size = True
    config.initial_size = config.min_size = config.max_size = METADATA_BYTES
    file.id.set_mdc_config(config)
    return file


class NewFile(h5py.File):
    """An HDF5 file that is written into a temporary file, whose lock facegen itself holds."""

    def __init__(self, temporary: Temporary, **options: Any):
        super().__init__(temporary.path, "w", locking=False, rdcc_nbytes=CACHED_CHUNKS, **options)
        self.temporary = temporary


def reserve(file: NewFile, size: int) -> None:
    """Makes sure of disk space for `size` bytes more in a file of `create_file`.

    Raises:
        OSError: there is no room.
    """
    file.temporary.reserve(file.id.get_filesize(), size + CACHED_BYTES)


@contextmanager
def create_file(temporary: Temporary, **options: Any) -> Iterator[NewFile]:
    """Creates an HDF5 file whose writer calls `reserve` before everything large that it writes.

    Once a write has failed, HDF5 crashes the process (1.14: a segmentation fault at closing). So
    a full disk has to be found out before HDF5 writes.

    Raises:
        OSError: there is no room.
        OutputError: the environment has HDF5 lock the file against facegen.
    """
    temporary.reserve(0, CACHED_BYTES)
    try:
        created = NewFile(temporary, **options)
    except BlockingIOError as error:
        raise OutputError(
            f"HDF5 can't write: {LOCKING}={os.environ.get(LOCKING)} has it lock what facegen has "
            f"locked already; unset {LOCKING}"
        ) from error
    with _limit_cache(created) as file:
        reserve(file, 0)
        yield file
        file.flush()
        size = file.id.get_filesize()
    temporary.truncate(size)


def rows_per_chunk(row_bytes: int) -> int:
    """Rows that make a chunk of about 1 MiB."""
    return max(1, CHUNK_BYTES // row_bytes)


def set_format(file: h5py.File, kind: str, version: int) -> None:
    """Writes the root attributes that every facegen file begins with."""
    file.attrs["format"] = kind
    file.attrs["format_version"] = version
    file.attrs["facegen_version"] = __version__


def _expected(kind: str) -> str:
    """What a file should have been, and how to get one."""
    return f"expected {kind}" + (f" ('{MAKERS[kind]}' makes it)" if kind in MAKERS else "")


def read_record(file: h5py.File, kind: type[Record]) -> Record:
    """A dataclass of strings and numbers, all with defaults, from the root's attributes.

    Raises:
        KeyError: one is missing.
        ValueError: one is not of its kind, or a number that is not finite.
    """
    defaults = asdict(kind())
    found = {name: type(value)(attribute(file, name)) for name, value in defaults.items()}
    for name, value in found.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"the attribute {name!r} is {value}")
    return kind(**found)


def _open(path: Path, kind: str) -> h5py.File:
    if not os.path.isfile(path):  # unlike Path's, it has no exceptions for odd names
        what = "does not exist"
        if os.path.isdir(path):
            what = f"is a folder, not a file; {_expected(kind)}"
        elif os.path.exists(path):
            what = "is not an ordinary file"
        raise MissingFileError(f"{path} {what}")
    try:
        return _limit_cache(h5py.File(path, "r"))
    except OSError as error:
        if not os.access(path, os.R_OK):
            raise InputError(f"{path}: no permission to read it") from error
        if not h5py.is_hdf5(path):
            raise InputError(f"{path} is not an HDF5 file; {_expected(kind)}") from error
        reason = "truncated" if "truncated" in str(error) else " ".join(str(error).split())
        raise InputError(f"{path} can't be opened: {reason}") from error


@contextmanager
def read_errors(path: str | os.PathLike) -> Iterator[None]:
    """Turns what HDF5 raises while a damaged file is read into one clear line."""
    try:
        yield
    except FacegenError:
        raise
    except (KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).strip("'\"").split())
        raise InputError(f"{path} is damaged: {reason}") from error


def attribute(file: h5py.File, name: str, default: Any = None) -> Any:
    """A text or a number of the root's attributes; `default`, unless None, where there is none.

    HDF5 1.14 can crash when it converts a damaged attribute of another type, so none is read.

    Raises:
        KeyError: there is none.
        ValueError: it is neither a text nor a number.
    """
    if name not in file.attrs:
        if default is None:
            raise KeyError(f"no attribute {name!r}")
        return default
    dtype = file.attrs.get_id(name).dtype
    if dtype.kind not in "biufS" and h5py.check_string_dtype(dtype) is None:
        raise ValueError(f"the attribute {name!r} is neither a text nor a number")
    return file.attrs[name]


def _kind(file: h5py.File) -> str:
    with read_errors(file.filename):
        return str(attribute(file, "format", "another program's HDF5"))


def kind_of(path: str | os.PathLike) -> str:
    """What a file calls itself: the format of facegen's files, else that it is another's.

    Raises:
        MissingFileError, InputError: no such file, not HDF5, or truncated.
    """
    with _open(Path(path), "HDF5") as file:
        return _kind(file)


def open_file(path: str | os.PathLike, kind: str, version: int) -> h5py.File:
    """Opens a facegen HDF5 file of the given kind.

    Raises:
        MissingFileError: no such file.
        InputError: not HDF5, truncated, of another kind, or of a newer format version.
    """
    file = _open(Path(path), kind)
    if kind in MAKERS:
        note_input(path)
    try:
        with read_errors(path):
            found, found_version = _kind(file), attribute(file, "format_version", "")
        if found != kind:
            raise InputError(f"{path} is {found}; {_expected(kind)}")
        if not isinstance(found_version, int | np.integer):
            raise InputError(f"{path} is damaged: it has no format_version")
        if found_version > version:
            raise InputError(
                f"{path} has {kind} version {found_version}, this facegen reads up to {version}; "
                "upgrade facegen"
            )
    except BaseException:
        file.close()
        raise
    return file


def _has_dtype(found: h5py.Dataset, dtype: Any) -> bool:
    if dtype is str:
        return h5py.check_string_dtype(found.dtype) is not None
    return dtype is None or found.dtype == dtype


def _check_extent(found: h5py.Dataset) -> None:
    """Refuses a shape that the file is too small for: reading it would fill the memory."""
    path = found.file.filename
    declared = math.prod(found.shape) * found.dtype.itemsize
    size = os.fstat(found.file.id.get_vfd_handle()).st_size  # by now the name may be another's
    if declared > size * (MAX_COMPRESSION if found.id.get_create_plist().get_nfilters() else 1):
        raise InputError(
            f"{path} is damaged: {found.name[1:]!r} is {found.shape}, for which it is too small"
        )


def dataset(file: h5py.File, name: str, *, ndim: int | None, dtype: Any = None) -> h5py.Dataset:
    """A dataset of the file itself, checked.

    Args:
        ndim, dtype: None for any; the type is NumPy's, or str for texts of any kind.

    Raises:
        InputError: it is missing, a link to another file, has another rank or dtype, or a shape
            that the file is too small for.
    """
    path = file.filename
    with read_errors(path):
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise InputError(f"{path} has no dataset {name!r}; it is damaged or not facegen's")
        found = file[name]
        elsewhere = found.file.filename != path  # behind a group that is a link
        if not isinstance(found, h5py.Dataset) or elsewhere or found.external or found.is_virtual:
            raise InputError(f"{path}: {name!r} is not a plain dataset")
        if ndim not in (None, found.ndim) or not _has_dtype(found, dtype):
            of = "" if dtype is None else f" of {'text' if dtype is str else dtype}"
            raise InputError(
                f"{path}: {name!r} is {found.shape} {found.dtype}; expected {ndim} dimensions{of}"
            )
        _check_extent(found)
    return found


def texts(data: h5py.Dataset, rows: slice = slice(None)) -> list[str]:
    """A range of rows of a dataset of texts, one dimension; what is not UTF-8 becomes U+FFFD."""
    with read_errors(data.file.filename):
        return [text.decode(errors="replace") for text in data[rows]]


def members(file: h5py.File, name: str) -> list[str]:
    """The names in a group, in order; of the root for "/".

    Raises:
        InputError: there is no such group, or it is a link to elsewhere.
    """
    path = file.filename
    with read_errors(path):
        if name != "/" and not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise InputError(f"{path} is damaged: it has no group {name!r}")
        found = file[name]
        if not isinstance(found, h5py.Group):
            raise InputError(f"{path}: {name!r} is not a group")
        return sorted(found)


def read_rows(data: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Rows of a dataset, int64 (n), rising and without repetition.

    A chunk is read once, as far as it is wanted, and the rows are picked in memory: HDF5's own
    choice of rows takes many times as long (benchmarks/rows.py).
    """
    found = np.empty((len(rows), *data.shape[1:]), data.dtype)
    in_chunk = rows_per_chunk(max(1, data.dtype.itemsize * math.prod(data.shape[1:])))
    in_chunk = min(in_chunk, data.chunks[0] if data.chunks else in_chunk)
    starts = np.flatnonzero(np.diff(rows // in_chunk, prepend=-1)).tolist()
    with read_errors(data.file.filename):
        for start, stop in pairwise([*starts, len(rows)]):
            wanted = rows[start:stop]
            found[start:stop] = data[wanted[0] : wanted[-1] + 1][wanted - wanted[0]]
    return found
