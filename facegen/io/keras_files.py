"""Keras's own files: what they are, told without running anything that is in them.

A .keras is a zip archive of metadata.json, config.json (the layers, and for Lambda layers program
code) and model.weights.h5. A .weights.h5 is HDF5 with arrays alone; an older .h5 has the config
in an attribute of the root.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py

from facegen.errors import InputError
from facegen.io import hdf5

MODEL, WEIGHTS = "keras-model", "keras-weights"
MAX_JSON_BYTES = 16 << 20  # of a config; those of networks with hundreds of layers have 1 MB
HINT = "facegen runs no Keras files; 'facegen train' makes weights, which load without code"


def is_keras_archive(path: Path) -> bool:
    """Whether a file is a zip archive with a Keras model in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "config.json" in archive.namelist() and "metadata.json" in archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError):
        return False


def is_keras_hdf5(file: h5py.File) -> bool:
    """Whether an HDF5 file is one of Keras's, old or new."""
    return bool({"keras_version", "model_config"} & set(file.attrs)) or (
        "_layer_checkpoint_dependencies" in file or {"layers", "vars"} <= set(file)
    )


def describe_archive(path: Path) -> dict[str, Any]:
    """A .keras: its version, its model's class and name, how many layers, and which run code.

    Raises:
        InputError: it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            metadata, config = (_json(archive, name) for name in ("metadata.json", "config.json"))
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, RecursionError) as error:
        raise InputError(f"{path} is a damaged Keras model: {error}") from error
    return {
        "kind": MODEL,
        "keras_version": metadata.get("keras_version"),
        "date_saved": metadata.get("date_saved"),
        **_describe_config(config),
        "hint": HINT,
    }


def describe_hdf5(file: h5py.File) -> dict[str, Any]:
    """A .weights.h5, or an old .h5 with the model's config.

    Raises:
        InputError: it is damaged.
    """
    with hdf5.read_errors(file.filename):
        config, version = (
            hdf5.attribute(file, name) if name in file.attrs else None
            for name in ("model_config", "keras_version")
        )
        about = {} if config is None else _describe_config(dict(json.loads(config)))
    return {
        "kind": WEIGHTS if config is None else MODEL,
        "keras_version": None if version is None else str(version),
        **about,
        "hint": HINT,
    }


def _json(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    with archive.open(name) as member:
        content = member.read(MAX_JSON_BYTES + 1)
    if len(content) > MAX_JSON_BYTES:
        raise ValueError(f"{name} is too long")
    return dict(json.loads(content))


def _describe_config(config: dict[str, Any]) -> dict[str, Any]:
    inner = config.get("config")
    inner = inner if isinstance(inner, dict) else {}
    layers = inner.get("layers")
    layers = layers if isinstance(layers, list) else []
    classes = [str(layer.get("class_name")) for layer in layers if isinstance(layer, dict)]
    return {
        "class": config.get("class_name"),
        "name": inner.get("name"),
        "layers": len(classes),
        "lambda_layers": classes.count("Lambda"),
    }
