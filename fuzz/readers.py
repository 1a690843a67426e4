"""What fuzz/fuzz.py feeds: facegen's readers of files that come from others."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import FacegenError, InputError
from facegen.images.photos import load_face, load_upright
from facegen.images.sheets import read_grid
from facegen.io.checkpoint import read_state, restore_checkpoint
from facegen.io.face_set import FaceSet
from facegen.io.face_set_history import History
from facegen.io.latent_store import Latents
from facegen.io.pictures import open_photo
from facegen.io.provenance import read_provenance
from facegen.latent.components import Components
from facegen.recipes.export_info import describe_export
from facegen.recipes.hdf5_info import describe_hdf5
from facegen.recipes.recipe import READERS, read_recipe

MAX_PIXELS = 1 << 20  # so that an input takes milliseconds
ROWS = 100


def read_picture(data: bytes) -> None:
    """What prepare and reconstruct do with a photo."""
    load_face(data, size=16, max_pixels=MAX_PIXELS)
    load_upright(data, max_pixels=MAX_PIXELS)


def read_sheet(data: bytes) -> None:
    """What info and sharpen do with a picture's provenance."""
    image = open_photo(data, max_pixels=MAX_PIXELS)
    provenance = read_provenance(image)
    read_grid(provenance, image.size)


def read_faces(path: Path) -> None:
    """What encode and reconstruct do with a face set."""
    with FaceSet.open(path) as faces:
        rows = faces.rows()[:ROWS]
        faces.read(rows)
        faces.read_names(rows)
        History.read(faces.file)
        if "row_digests" in faces.file:
            faces.digests("row_digests")[:ROWS]


def read_store(path: Path) -> None:
    """What query and generate do with a store."""
    with Latents.open(path) as store:
        rows = range(len(store))[:ROWS]
        store.read(rows)
        store.read_names(slice(0, len(rows)))
        next(store.iterate("mu", batch_size=ROWS), None)


class Variable:
    """Takes the place of a network's variable of shape (3, 2)."""

    shape = (3, 2)

    def assign(self, value: np.ndarray) -> None:
        assert np.shape(value) == self.shape


def read_checkpoint(path: Path) -> None:
    """What train --resume does with a checkpoint."""
    read_state(path)
    restore_checkpoint(path, [Variable()], {})


def read_made(found: dict[str, Any]) -> None:
    """What reproduce does with what a file says of how it was made."""
    provenance = found["provenance"] or {}
    if (found["kind"], str(provenance.get("command"))) in READERS:
        read_recipe(found["kind"], provenance, most=1)


def read_components(path: Path) -> None:
    """What edit, info and reproduce do with directions that need no labels."""
    Components.read(path).summary()
    read_made(describe_hdf5(path))


def read_export(path: Path) -> None:
    """What info and reproduce do with a table or a model for other programs."""
    found = describe_export(path)
    if found is None:
        raise InputError("no export")
    read_made(found)


def has_endless_heap(data: bytes) -> bool:
    """Whether a global heap of HDF5 has an object of 0 bytes: HDF5 1.14 then never returns.

    Heap: "GCOL", version, its size at byte 8, objects from byte 16 on. Object: number, size at
    byte 8, content from byte 16 on; number 0 is the free space, whose size counts all of it. HDF5
    counts modulo 2^64.
    """
    start = data.find(b"GCOL")
    while start >= 0:
        end = min(start + int.from_bytes(data[start + 8 : start + 16], "little"), len(data))
        position = start + 16
        while position + 16 <= end:
            size = int.from_bytes(data[position + 8 : position + 16], "little")
            is_free = data[position : position + 2] == b"\0\0"
            step = size if is_free else (16 + -(-size // 8) * 8) % 2**64
            if step == 0:
                return True
            position += step
        start = data.find(b"GCOL", start + 1)
    return False


def from_file(read: Callable[[Path], None]) -> Callable[[bytes], None]:
    """A reader of bytes that gives them to a reader of files."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    path = Path(tempfile.mkdtemp(dir=folder)) / "input.h5"

    def read_bytes(data: bytes) -> None:
        if has_endless_heap(data):
            raise InputError("known, and HDF5's fault: see docs/bad-input.md")
        path.write_bytes(data)
        read(path)

    return read_bytes


TARGETS = {
    "picture": read_picture,
    "sheet": read_sheet,
    "faces": from_file(read_faces),
    "latents": from_file(read_store),
    "checkpoint": from_file(read_checkpoint),
    "components": from_file(read_components),
    "export": from_file(read_export),
}


def check(target: str, data: bytes) -> None:
    """Reads an input; only a FacegenError of one line may say no to it."""
    try:
        TARGETS[target](data)
    except FacegenError as error:
        lines = str(error).splitlines()
    else:
        lines = [""]
    assert len(lines) == 1, lines
