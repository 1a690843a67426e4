"""A face set made of others': rows copied block by block, in flat memory, each one checked."""

from __future__ import annotations

import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter

COPY_BYTES = 16 << 20  # of images in memory


def copy_faces(writer: FaceSetWriter, faces: FaceSet, kept: np.ndarray) -> None:
    """Appends rows of a face set of format 2 that was made from photos.

    Args:
        kept: bool (N), the rows to copy.

    Raises:
        InputError: the file is damaged, or a row is not what its digest says.
    """
    digests, sources = faces.digests("row_digests"), faces.digests("source_digests")
    block = max(1, COPY_BYTES // (faces.size**2 * 3))
    for start in range(0, len(faces), block):
        stop = min(start + block, len(faces))
        chosen = kept[start:stop]
        if not chosen.any():
            continue
        images = faces.read_range(start, stop)[chosen]
        with hdf5.read_errors(faces.path):
            expected, photos = digests[start:stop][chosen], sources[start:stop][chosen]
        names = np.array(hdf5.texts(faces.names, slice(start, stop)), object)[chosen]
        found = writer.append(images, names.tolist(), photos)
        wrong = np.flatnonzero((found != expected).any(axis=1))
        if len(wrong):
            row = start + np.flatnonzero(chosen)[wrong[0]]
            raise InputError(f"{faces.path} is damaged: row {row} is not what its digest says")


def read_labels(faces: FaceSet) -> tuple[np.ndarray | None, np.ndarray | None, list[str]]:
    """Identities int32 (N), attributes int8 (N, K), each None where there are none, and K names.

    Raises:
        InputError: the file is damaged.
    """
    people = attributes = None
    names: list[str] = []
    with hdf5.read_errors(faces.path):
        if "identities" in faces.file:
            people = hdf5.dataset(faces.file, "identities", ndim=1, dtype=np.int32)[:]
        if "attributes" in faces.file:
            attributes = hdf5.dataset(faces.file, "attributes", ndim=2, dtype=np.int8)[:]
            names = hdf5.texts(hdf5.dataset(faces.file, "attribute_names", ndim=1, dtype=str))
    return people, attributes, names
