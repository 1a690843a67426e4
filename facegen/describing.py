"""info: what a file of facegen's is, and what it was made from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from facegen import directions, faces, fitted, hdf5, latents
from facegen.animation import is_mp4, read_mp4_provenance
from facegen.directions import Directions
from facegen.errors import InputError, MissingFileError
from facegen.faces import FaceSet
from facegen.fitted import FittedSampler
from facegen.images import open_photo
from facegen.latents import Latents
from facegen.photos import read_file
from facegen.sheets import read_provenance
from facegen.weights import FORMAT as WEIGHTS_FORMAT
from facegen.weights import Weights


def info(path: str | os.PathLike) -> dict[str, Any]:
    """Describes a store, a face set, directions, a folder of weights, or a picture or a video
    with provenance.

    Returns:
        JSON values. "kind" is the file's format: facegen-latents, facegen-faces,
        facegen-attributes, facegen-sampler, facegen-weights, facegen-picture, facegen-video, or
        what another HDF5 file of facegen's calls itself.

    Raises:
        MissingFileError: no such file.
        InputError: none of these, damaged, or of a newer version.
    """
    path = Path(path)
    if os.path.isdir(path):
        return _weights_info(path)
    if not os.path.exists(path):
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
    if kind == directions.FORMAT:
        return _attributes_info(path)
    if kind == fitted.FORMAT:
        return _sampler_info(path)
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
        people = hdf5.dataset(file, "identities", ndim=1, dtype=np.int32)
        with hdf5.read_errors(file.filename):
            found["people"] = int((np.unique(people[:]) >= 0).sum())
    if "attribute_names" in file:
        names = hdf5.dataset(file, "attribute_names", ndim=1, dtype=str)
        found["attributes"] = hdf5.texts(names)
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


def _attributes_info(path: Path) -> dict[str, Any]:
    with hdf5.open_file(path, directions.FORMAT, directions.FORMAT_VERSION) as file:
        versions = _versions(file)
    found = Directions.read(path)
    return {
        "kind": directions.FORMAT,
        **versions,
        "latent_dim": found.vectors.shape[1],
        **asdict(found.source),
        "labels": {row.pop("name"): row for row in found.summary()},
    }


def _sampler_info(path: Path) -> dict[str, Any]:
    with hdf5.open_file(path, fitted.FORMAT, fitted.FORMAT_VERSION) as file:
        versions = _versions(file)
    found = FittedSampler.load(path)
    fit = asdict(found.fit)
    return {
        "kind": fitted.FORMAT,
        **versions,
        "sampler": fit.pop("kind"),
        "components": len(found.weights),
        "latent_dim": found.latent_dim,
        **fit,
        "radius_quantiles": found.radii.table,
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
        data = read_file(path)
        if is_mp4(data):
            return {"kind": "facegen-video", "provenance": read_mp4_provenance(data)}
        image = open_photo(data)
        provenance = read_provenance(image)
    except InputError as error:
        raise InputError(
            f"{path}: {error}; expected latents.h5, faces.h5, attributes.h5, a folder of weights "
            "or a picture"
        ) from error
    if provenance is None:
        raise InputError(f"{path} carries no provenance: facegen did not make it, or it was edited")
    return {
        "kind": "facegen-picture",
        "width": image.width,
        "height": image.height,
        "provenance": provenance,
    }
