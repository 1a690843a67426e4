"""info: what a file of facegen's is, and what it was made from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from facegen import faces, hdf5, latents
from facegen.errors import InputError, MissingFileError
from facegen.faces import FaceSet
from facegen.images import open_photo
from facegen.latents import Latents
from facegen.photos import read_file
from facegen.sheets import read_provenance
from facegen.weights import FORMAT as WEIGHTS_FORMAT
from facegen.weights import Weights


def info(path: str | os.PathLike) -> dict[str, Any]:
    """Describes a store, a face set, a folder of weights, or a picture with provenance.

    Returns:
        JSON values. "kind" is the file's format: facegen-latents, facegen-faces,
        facegen-weights, facegen-picture, or what another HDF5 file of facegen's calls itself.

    Raises:
        MissingFileError: no such file.
        InputError: none of these, damaged, or of a newer version.
    """
    path = Path(path)
    if path.is_dir():
        return _weights_info(path)
    if not path.exists():
        raise MissingFileError(f"{path} does not exist")
    if path.is_file() and h5py.is_hdf5(path):
        return _hdf5_info(path)
    return _picture_info(path)


def _weights_info(path: Path) -> dict[str, Any]:
    weights = Weights.load(path)
    names = ("format_version", "facegen_version", "training", "data", "metrics", "files")
    return {
        "kind": WEIGHTS_FORMAT,
        "name": weights.name,
        "model": asdict(weights.model),
        **{name: weights.config[name] for name in names if name in weights.config},
    }


def _hdf5_info(path: Path) -> dict[str, Any]:
    kind = hdf5.kind_of(path)
    if kind == latents.FORMAT:
        return _latents_info(path)
    if kind == faces.FORMAT:
        return _faces_info(path)
    if not kind.startswith("facegen-"):
        raise InputError(f"{path} is {kind}; expected a file that facegen wrote")
    return {"kind": kind}


def _versions(file: h5py.File) -> dict[str, Any]:
    return {
        "format_version": int(file.attrs["format_version"]),
        "facegen_version": str(file.attrs.get("facegen_version", "")),
    }


def _labels_info(file: h5py.File) -> dict[str, Any]:
    """What is known of the people: how many there are, and the names of the attributes."""
    found: dict[str, Any] = {"people": None, "attributes": []}
    if "identities" in file:
        people = np.unique(hdf5.dataset(file, "identities", ndim=1)[:])
        found["people"] = int((people >= 0).sum())
    if "attribute_names" in file:
        names = hdf5.dataset(file, "attribute_names", ndim=1)[:]
        found["attributes"] = [name.decode(errors="replace") for name in names]
    return found


def _latents_info(path: Path) -> dict[str, Any]:
    with Latents.open(path) as store:
        return {
            "kind": latents.FORMAT,
            **_versions(store.file),
            "rows": store.rows,
            "rows_done": store.rows_done,
            "complete": store.complete,
            "latent_dim": store.latent_dim,
            "test_rows": int(store.is_test.sum()),
            **asdict(store.origin),
            **_labels_info(store.file),
        }


def _face_set_provenance(file: h5py.File) -> Any:
    try:
        return json.loads(file.attrs.get("provenance", "null"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{file.filename}: its provenance is damaged: not JSON") from error


def _faces_info(path: Path) -> dict[str, Any]:
    with FaceSet.open(path) as face_set:
        return {
            "kind": faces.FORMAT,
            **_versions(face_set.file),
            "images": len(face_set),
            "test_images": int(face_set.is_test.sum()),
            "size": face_set.size,
            "crop": face_set.crop,
            "source": face_set.source,
            "fingerprint": face_set.fingerprint,
            **_labels_info(face_set.file),
            "provenance": _face_set_provenance(face_set.file),
        }


def _picture_info(path: Path) -> dict[str, Any]:
    try:
        image = open_photo(read_file(path))
        provenance = read_provenance(image)
    except InputError as error:
        raise InputError(
            f"{path}: {error}; expected latents.h5, faces.h5, a folder of weights or a picture"
        ) from error
    if provenance is None:
        raise InputError(f"{path} carries no provenance: facegen did not make it, or it was edited")
    return {
        "kind": "facegen-picture",
        "width": image.width,
        "height": image.height,
        "provenance": provenance,
    }
