"""Keras's own files, recognised without running anything that is in them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py

MODEL, WEIGHTS = "keras-model", "keras-weights"
HINT = "facegen runs no Keras files; 'facegen train' makes weights, which load without code"


def archive_kind(path: Path) -> str | None:
    """What a .keras is, a zip archive of JSON and arrays; None for another file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MODEL if {"config.json", "metadata.json"} <= set(archive.namelist()) else None
    except (OSError, zipfile.BadZipFile, NotImplementedError):
        return None


def hdf5_kind(file: h5py.File) -> str | None:
    """What an HDF5 file of Keras's is, a model with its config or arrays alone; None for others."""
    if "model_config" in file.attrs:
        return MODEL
    arrays = "_layer_checkpoint_dependencies" in file or {"layers", "vars"} <= set(file)
    return WEIGHTS if arrays or "keras_version" in file.attrs else None
