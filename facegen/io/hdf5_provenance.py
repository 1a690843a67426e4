"""What an HDF5 file records of how it was made: JSON in the attribute "provenance" of its root.

It is the same JSON that pictures carry (`facegen.io.provenance`), and a face set that was generated
says so as they do, in the attribute "digital_source_type". latents.h5 has its `Origin` instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h5py

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.digital_source import digital_source_type
from facegen.io.files import atomic_output
from facegen.io.provenance import parse_provenance, with_version
from facegen.strict_json import to_json

ATTRIBUTE, SOURCE_TYPE = "provenance", "digital_source_type"


def write_file_provenance(file: h5py.File, provenance: dict[str, Any]) -> None:
    """Records JSON values; facegen's version is added."""
    file.attrs[ATTRIBUTE] = to_json(with_version(provenance))
    if source_type := digital_source_type(provenance):
        file.attrs[SOURCE_TYPE] = source_type


def read_file_source_type(file: h5py.File) -> str | None:
    """The digital source type of a face set; None where it is not generated, or does not say so."""
    with hdf5.read_errors(file.filename):
        return None if SOURCE_TYPE not in file.attrs else str(hdf5.attribute(file, SOURCE_TYPE))


def read_file_provenance(file: h5py.File) -> dict[str, Any] | None:
    """What a file records of how it was made; None where it records nothing.

    Raises:
        InputError: it is damaged.
    """
    with hdf5.read_errors(file.filename):
        if ATTRIBUTE not in file.attrs:
            return None
        text = str(hdf5.attribute(file, ATTRIBUTE))
    try:
        return parse_provenance(text)
    except InputError as error:
        raise InputError(f"{file.filename}: {error}") from error


@contextmanager
def new_file(
    path: str | os.PathLike,
    kind: tuple[str, int],
    record: Mapping[str, Any],
    provenance: dict[str, Any] | None,
    *,
    force: bool,
) -> Iterator[h5py.File]:
    """Gives an HDF5 file that has its head, and appears whole when the block succeeds.

    Args:
        kind: format and its version.
        record: further attributes of the root.
        provenance: all that is needed to make it again.

    Raises:
        OutputError: it exists (without `force`) or can't be written.
    """
    with atomic_output(path, force=force) as temporary, hdf5.create_file(temporary) as file:
        hdf5.set_format(file, *kind)
        file.attrs.update(record)
        if provenance is not None:
            write_file_provenance(file, provenance)
        yield file
