"""info: what a file of facegen's is, and what it was made from."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py

from facegen.errors import FacegenError, InputError, MissingFileError
from facegen.io import keras_files
from facegen.io.files import sha256_of
from facegen.io.folders import read_manifest
from facegen.io.temporaries import LEFTOVER
from facegen.io.weights import CHECKPOINT, CONFIG, CRISP_CHECKPOINT, FORMAT, Weights
from facegen.model.layer_table import layer_tables
from facegen.recipes.document_info import describe_document
from facegen.recipes.export_info import describe_export
from facegen.recipes.hdf5_info import describe_hdf5

WEIGHTS_FILE = "facegen-weights-file"
EXPLORER = "facegen-explorer"  # the only folder with a manifest


def info(path: str | os.PathLike) -> dict[str, Any]:
    """Describes any file that facegen writes, and tells what a file of Keras's is.

    Args:
        path: a file, a folder of weights, or one of `facegen explore --static`.

    Returns:
        JSON values. "kind" is the file's format: facegen-latents, facegen-faces,
        facegen-attributes, facegen-sampler, facegen-checkpoint, facegen-weights (a folder),
        facegen-arrays and facegen-weights-file (files of it), facegen-picture, facegen-animation,
        facegen-video, facegen-explorer (a folder), facegen-analysis and facegen-evaluation
        (JSON), facegen-report (HTML), facegen-parquet, facegen-sqlite, facegen-projector and
        facegen-onnx (of `export`); keras-model, keras-weights. A folder of weights has
        "networks", its layers and their parameters (`facegen.model.layer_table`).

    Raises:
        MissingFileError: no such file.
        InputError: none of these, damaged, or of a newer version.
        FacegenError: it is Parquet, and pyarrow is not installed.
    """
    path = Path(path)
    if os.path.isdir(path):
        return _describe_folder(path)
    if not os.path.exists(path):
        raise MissingFileError(f"{path} does not exist")
    try:
        if path.is_file() and h5py.is_hdf5(path):
            return describe_hdf5(path)
        if keras := keras_files.archive_kind(path):
            return {"kind": keras, "hint": keras_files.HINT}
        return _describe_part(path) or describe_export(path) or describe_document(path)
    except InputError as error:
        if LEFTOVER.fullmatch(path.name):
            raise InputError(
                f"{path} is a part of an output that is being written, or was when its facegen was "
                "killed; the next one that writes into that folder removes it"
            ) from error
        raise


def _describe_folder(path: Path) -> dict[str, Any]:
    """A folder of weights, of a training that is not finished, or of a static explorer."""
    if (path / CHECKPOINT).is_file() and not (path / CONFIG).exists():
        return {"finished": False, **describe_hdf5(path / CHECKPOINT)}
    if (manifest := read_manifest(path)) is not None:
        return {**manifest, "kind": EXPLORER}
    weights = Weights.load(path)
    names = ["format_version", "facegen_version", "training", "data", "ancestors", "metrics"]
    names += ["crisp", "files"]
    checkpoints = (name for name in (CHECKPOINT, CRISP_CHECKPOINT) if (path / name).is_file())
    return {
        "kind": FORMAT,
        "name": weights.name,
        "model": asdict(weights.model),
        **{name: weights.config[name] for name in names if name in weights.config},
        "checkpoints": list(checkpoints),
        "networks": layer_tables(weights),
    }


def _describe_part(path: Path) -> dict[str, Any] | None:
    """A file of a folder of weights that says nothing of itself: a graph, a table, a text."""
    if path.suffix not in (".tflite", ".csv", ".md") and path.name != CONFIG:
        return None
    try:
        weights = Weights.load(path.parent)
    except FacegenError:
        return None
    if path.name == CONFIG:
        return _describe_folder(path.parent)
    recorded = dict(weights.config["files"]).get(path.name)
    if recorded is None:
        return None
    return {
        "kind": WEIGHTS_FILE,
        "weights": weights.name,
        "sha256": recorded,
        "intact": sha256_of(path) == recorded,
    }
