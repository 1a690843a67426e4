"""attributes.h5: a direction of the latent space for each label, such as Smiling.

The direction of a label is the mean of mu over the faces with it minus the mean over the faces
without it: one step along it leads from the average face without to the average face with.
Source: Larsen, Sonderby, Larochelle and Winther 2016, "Autoencoding beyond pixels using a learned
similarity metric", section 4.2.

Layout of the file (HDF5, no filters); K labels in the order of the store:
    /names              UTF-8 text (K)
    /directions         float32 (K, latent_dim)
    /with, /without     int64 (K): faces with the label, and without
    /cohens_d           float64 (K): how far the two groups lie apart along the direction
    /cosines            float64 (K, K): between the directions, for other programs
    attributes of the root: format, format_version, facegen_version, those of `Source`, and
        provenance (JSON, `facegen.io.hdf5_provenance`)
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.hdf5_provenance import new_file

FORMAT = "facegen-attributes"
FORMAT_VERSION = 1
FILE_NAME = "attributes.h5"  # in a folder of weights, where it is found by itself


@dataclass(frozen=True)
class Source:
    """What directions are made from, as it is recorded in the root's attributes.

    Attributes:
        encoder_sha256: of the weights' encoder.tflite.
        fingerprint: of the face set.
        weights, store: names, to tell people.
        rows: labelled training rows.
        removed: labels that were removed from all others, with commas between.
    """

    encoder_sha256: str = ""
    fingerprint: str = ""
    weights: str = ""
    store: str = ""
    rows: int = 0
    removed: str = ""


@dataclass(frozen=True)
class DirectionArrays:
    """What attributes.h5 holds, but for the cosines, which follow from the vectors.

    Attributes:
        names: K labels.
        vectors: float32 (K, latent_dim).
        counts: int64 (2, K), faces with each label and without.
        cohens_d: float64 (K).
        source: what they are made from.
    """

    names: list[str]
    vectors: np.ndarray
    counts: np.ndarray
    cohens_d: np.ndarray
    source: Source


def read_directions(path: str | os.PathLike) -> DirectionArrays:
    """Reads attributes.h5.

    Raises:
        MissingFileError: no such file.
        InputError: not such a file, damaged, truncated, or of a newer version.
    """
    with hdf5.open_file(path, FORMAT, FORMAT_VERSION) as file, hdf5.read_errors(path):
        names = hdf5.texts(hdf5.dataset(file, "names", ndim=1, dtype=str))
        vectors = hdf5.dataset(file, "directions", ndim=2, dtype=np.float32)[:]
        counts = [
            hdf5.dataset(file, name, ndim=1, dtype=np.int64)[:] for name in ("with", "without")
        ]
        cohens_d = hdf5.dataset(file, "cohens_d", ndim=1, dtype=np.float64)[:]
        source = hdf5.read_record(file, Source)
    lengths = {len(values) for values in (names, vectors, *counts, cohens_d)}
    if len(lengths) > 1 or not names or not np.isfinite(vectors).all():
        raise InputError(f"{path} is damaged: its datasets don't fit each other")
    return DirectionArrays(names, vectors, np.stack(counts), cohens_d, source)


def write_directions(
    path: str | os.PathLike,
    arrays: DirectionArrays,
    cosines: np.ndarray,
    *,
    provenance: dict[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Writes attributes.h5.

    Args:
        cosines: float64 (K, K), between the directions, for other programs.
        provenance: all that is needed to make it again.

    Raises:
        OutputError: it exists (without `force`) or can't be written.
    """
    head = asdict(arrays.source)
    with new_file(path, (FORMAT, FORMAT_VERSION), head, provenance, force=force) as file:
        file.create_dataset("names", data=arrays.names, dtype=hdf5.TEXT)
        file.create_dataset("directions", data=arrays.vectors)
        file.create_dataset("with", data=arrays.counts[0])
        file.create_dataset("without", data=arrays.counts[1])
        file.create_dataset("cohens_d", data=arrays.cohens_d)
        file.create_dataset("cosines", data=cosines)
