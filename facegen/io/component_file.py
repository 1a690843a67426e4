"""components.h5: directions of the latent space that need no labels.

Layout of the file (HDF5, no filters); K directions:
    /names              UTF-8 text (K): pc-1, pc-2 ..., layer-1, layer-2 ...
    /directions         float32 (K, latent_dim): a step of 1, one standard deviation of mu
    /shares             float64 (K): of the variance of mu (pc), of the squared weights (layer)
    /labels             UTF-8 text (K): the label that goes along with it most; "" of none
    /correlations       float64 (K): with that label
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

FORMAT = "facegen-components"
FORMAT_VERSION = 1
FILE_NAME = "components.h5"  # in a folder of weights, where it is found by itself


@dataclass(frozen=True)
class Source:
    """What components are made from, as it is recorded in the root's attributes.

    Attributes:
        encoder_sha256: of the weights' encoder.tflite.
        fingerprint: of the face set; "" without a store.
        weights, store: names, to tell people.
        rows: training rows of the store; 0 without one.
        labelled: those of them with labels.
    """

    encoder_sha256: str = ""
    fingerprint: str = ""
    weights: str = ""
    store: str = ""
    rows: int = 0
    labelled: int = 0


@dataclass(frozen=True)
class ComponentArrays:
    """What components.h5 holds.

    Attributes:
        names: K names.
        vectors: float32 (K, latent_dim).
        shares: float64 (K).
        labels: K labels.
        correlations: float64 (K).
        source: what they are made from.
    """

    names: list[str]
    vectors: np.ndarray
    shares: np.ndarray
    labels: list[str]
    correlations: np.ndarray
    source: Source


def read_components(path: str | os.PathLike) -> ComponentArrays:
    """Reads components.h5.

    Raises:
        MissingFileError: no such file.
        InputError: not such a file, damaged, truncated, or of a newer version.
    """
    with hdf5.open_file(path, FORMAT, FORMAT_VERSION) as file, hdf5.read_errors(path):
        names, labels = (
            hdf5.texts(hdf5.dataset(file, name, ndim=1, dtype=str)) for name in ("names", "labels")
        )
        vectors = hdf5.dataset(file, "directions", ndim=2, dtype=np.float32)[:]
        shares, correlations = (
            hdf5.dataset(file, name, ndim=1, dtype=np.float64)[:]
            for name in ("shares", "correlations")
        )
        source = hdf5.read_record(file, Source)
    numbers = (vectors, shares, correlations)
    lengths = {len(values) for values in (names, labels, *numbers)}
    if len(lengths) > 1 or not names or not all(np.isfinite(values).all() for values in numbers):
        raise InputError(f"{path} is damaged: its datasets don't fit each other")
    return ComponentArrays(names, vectors, shares, labels, correlations, source)


def write_components(
    path: str | os.PathLike,
    arrays: ComponentArrays,
    *,
    provenance: dict[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Writes components.h5.

    Args:
        provenance: all that is needed to make it again.

    Raises:
        OutputError: it exists (without `force`) or can't be written.
    """
    head = asdict(arrays.source)
    with new_file(path, (FORMAT, FORMAT_VERSION), head, provenance, force=force) as file:
        file.create_dataset("names", data=arrays.names, dtype=hdf5.TEXT)
        file.create_dataset("directions", data=arrays.vectors)
        file.create_dataset("shares", data=arrays.shares)
        file.create_dataset("labels", data=arrays.labels, dtype=hdf5.TEXT)
        file.create_dataset("correlations", data=arrays.correlations)
