"""What facegen's HDF5 files are, and what they were made from; Keras's are recognised, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import (
    attribute_file,
    checkpoint,
    component_file,
    face_set,
    hdf5,
    keras_files,
    latent_store,
    sampler_file,
)
from facegen.io.face_set import FaceSet
from facegen.io.face_set_history import History
from facegen.io.hdf5_provenance import read_file_provenance, read_file_source_type
from facegen.io.latent_store import Latents
from facegen.io.parts import Part
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION
from facegen.latent.components import Components
from facegen.latent.directions import Directions
from facegen.latent.samplers import FittedSampler


def describe_hdf5(path: Path) -> dict[str, Any]:
    """Describes an HDF5 file of facegen's or of Keras's.

    Returns:
        JSON values; "kind" is the file's format.

    Raises:
        InputError: another program's, damaged, or of a newer version.
    """
    kind = hdf5.kind_of(path)
    if kind in DESCRIBERS:
        return {"kind": kind, **DESCRIBERS[kind](path)}
    if kind.startswith("facegen-"):
        return {"kind": kind}
    with h5py.File(path) as file, hdf5.read_errors(path):
        if keras := keras_files.hdf5_kind(file):
            return {"kind": keras, "hint": keras_files.HINT}
    raise InputError(f"{path} is {kind}; expected a file that facegen wrote")


def _versions(file: h5py.File) -> dict[str, Any]:
    return {
        "format_version": int(hdf5.attribute(file, "format_version")),
        "facegen_version": str(hdf5.attribute(file, "facegen_version", "")),
    }


def _labels(file: h5py.File) -> dict[str, Any]:
    """What is known of the people: how many there are, and the names of the attributes."""
    found: dict[str, Any] = {"people": None, "attributes": []}
    if "identities" in file:
        people = hdf5.dataset(file, "identities", ndim=1, dtype=np.int32)
        with hdf5.read_errors(file.filename):
            found["people"] = int((np.unique(people[:]) >= 0).sum())
    if "attribute_names" in file:
        names = hdf5.dataset(file, "attribute_names", ndim=1, dtype=str)
        found["attributes"] = hdf5.texts(names)
    return found


def _part(part: Part | None) -> dict[str, Any]:
    """Which part of a whole a file is, if it is one."""
    return {} if part is None else {"part": part.record}


def _describe_latents(path: Path) -> dict[str, Any]:
    with Latents.open(path) as store:
        return {
            **_versions(store.file),
            "rows": store.rows,
            "rows_done": store.rows_done,
            "complete": store.complete,
            "latent_dim": store.latent_dim,
            "test_rows": int(store.is_test.sum()),
            **asdict(store.origin),
            **_part(store.part),
            **_labels(store.file),
        }


def _describe_faces(path: Path) -> dict[str, Any]:
    with FaceSet.open(path) as face_set:
        history = History.read(face_set.file)
        return {
            **_versions(face_set.file),
            "images": len(face_set),
            "test_images": int(face_set.is_test.sum()),
            "size": face_set.size,
            "crop": face_set.crop,
            "source": face_set.source,
            "fingerprint": face_set.fingerprint,
            "rows_fingerprint": face_set.rows_fingerprint,
            "options": face_set.options and asdict(face_set.options),
            **_part(face_set.part),
            "changes": len(history.rows),
            "forgotten": len(history.forgotten),
            **_labels(face_set.file),
            "digital_source_type": read_file_source_type(face_set.file),
            "provenance": read_file_provenance(face_set.file),
        }


def _with_head(path: Path, kind: ModuleType, about: dict[str, Any]) -> dict[str, Any]:
    """What a file of `io.hdf5_provenance.new_file` is about, with its versions and provenance."""
    with hdf5.open_file(path, kind.FORMAT, kind.FORMAT_VERSION) as file:
        return {**_versions(file), **about, "provenance": read_file_provenance(file)}


def _describe_attributes(path: Path) -> dict[str, Any]:
    found = Directions.read(path)
    about = {"latent_dim": found.vectors.shape[1], **asdict(found.source)}
    labels = {row.pop("name"): row for row in found.summary()}
    return _with_head(path, attribute_file, {**about, "labels": labels})


def _describe_components(path: Path) -> dict[str, Any]:
    found = Components.read(path)
    about = {"latent_dim": found.vectors.shape[1], **asdict(found.source)}
    components = {row.pop("name"): row for row in found.summary()}
    return _with_head(path, component_file, {**about, "components": components})


def _describe_sampler(path: Path) -> dict[str, Any]:
    found = FittedSampler.load(path)
    fit = asdict(found.fit)
    about = {
        "sampler": fit.pop("kind"),
        "components": len(found.weights),
        "latent_dim": found.latent_dim,
        **fit,
        "radius_quantiles": found.radii.table,
    }
    return _with_head(path, sampler_file, about)


def _describe_checkpoint(path: Path) -> dict[str, Any]:
    """A training run broken off, or its end: what --resume goes on with."""
    with hdf5.open_file(path, checkpoint.FORMAT, checkpoint.FORMAT_VERSION) as file:
        found = {**_versions(file), **_count_numbers(file)}
    state = checkpoint.read_state(path)
    history = state.pop("history", None) or [{}]
    return {
        **found,
        "command": "train" if "training" in state else "refine",
        "epochs_done": history[-1].get("epoch", 0),
        "last_epoch": {name: value for name, value in history[-1].items() if value == value},
        **state,
    }


def _describe_arrays(path: Path) -> dict[str, Any]:
    """The arrays of one half of a model."""
    with hdf5.open_file(path, ARRAYS_FORMAT, ARRAYS_VERSION) as file:
        return {**_versions(file), **_count_numbers(file)}


def _count_numbers(file: h5py.File) -> dict[str, Any]:
    """How many arrays a file has, in all its groups, and how many numbers these."""
    sizes: list[int] = []

    def count(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(int(item.size))

    with hdf5.read_errors(file.filename):
        file.visititems(count)
    return {"arrays": len(sizes), "numbers": sum(sizes)}


DESCRIBERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    latent_store.FORMAT: _describe_latents,
    face_set.FORMAT: _describe_faces,
    attribute_file.FORMAT: _describe_attributes,
    component_file.FORMAT: _describe_components,
    sampler_file.FORMAT: _describe_sampler,
    checkpoint.FORMAT: _describe_checkpoint,
    ARRAYS_FORMAT: _describe_arrays,
}
