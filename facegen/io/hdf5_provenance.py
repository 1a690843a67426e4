"""What a store records of how it was made: JSON in the attribute "provenance" of the file's root.

It is the same JSON that pictures carry (`facegen.io.provenance`). latents.h5 has its `Origin`
instead.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import h5py

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.latent_store import Latents
from facegen.io.provenance import parse_provenance, with_version
from facegen.strict_json import to_json

ATTRIBUTE = "provenance"


def write_file_provenance(file: h5py.File, provenance: dict[str, Any]) -> None:
    """Records JSON values; facegen's version is added."""
    file.attrs[ATTRIBUTE] = to_json(with_version(provenance))


def read_file_provenance(file: h5py.File) -> dict[str, Any] | None:
    """What a file records of how it was made; None where it records nothing.

    Raises:
        InputError: it is damaged.
    """
    if ATTRIBUTE not in file.attrs:
        return None
    with hdf5.read_errors(file.filename):
        text = str(hdf5.attribute(file, ATTRIBUTE))
    try:
        return parse_provenance(text)
    except InputError as error:
        raise InputError(f"{file.filename}: {error}") from error


def describe_store(store: Latents) -> dict[str, Any]:
    """What is recorded of the store that something was made from: all that its rows depend on."""
    return {
        "latents": store.path.name,
        "rows_done": store.rows_done,
        "origin": asdict(store.origin),
    }
