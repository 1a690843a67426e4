"""The arrays of a network on disk: encoder.h5, decoder.h5, crisp_decoder.h5."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.temporaries import Temporary
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION, Weights


def round_to_float16(weights: list[keras.Variable]) -> None:
    """Rounds matrices and kernels to what float16 holds; vectors keep float32."""
    for variable in weights:
        if len(variable.shape) > 1:
            variable.assign(np.asarray(variable).astype(np.float16).astype(np.float32))


def write_arrays(weights: list[keras.Variable], temporary: Temporary) -> None:
    """Writes a model's arrays, one dataset each, named layer/array; matrices as float16.

    Args:
        temporary: for others to publish.
    """
    with hdf5.create_file(temporary) as file:
        hdf5.reserve(file, 4 * sum(math.prod(variable.shape) for variable in weights))
        hdf5.set_format(file, ARRAYS_FORMAT, ARRAYS_VERSION)
        for variable in weights:
            value = np.asarray(variable)
            dtype = np.float16 if value.ndim > 1 else np.float32
            file.create_dataset(variable.path, data=value.astype(dtype))


def misfits(weights: list[keras.Variable], path: Path) -> dict[str, str]:
    """The layers whose arrays in a file are not those of a model, by name, and what is wrong.

    Args:
        weights: of the model.
        path: a file of `write_arrays`.

    Raises:
        MissingFileError, InputError: there is none, or it is damaged.
    """
    wanted = {variable.path: tuple(variable.shape) for variable in weights}
    found: dict[str, str] = {}
    with hdf5.open_file(path, ARRAYS_FORMAT, ARRAYS_VERSION) as file:
        layers = hdf5.members(file, "/")
        stored = {f"{layer}/{name}" for layer in layers for name in hdf5.members(file, layer)}
        for name in (*wanted, *sorted(stored - wanted.keys())):
            layer, _, array = name.rpartition("/")
            if name not in stored:
                found.setdefault(layer, f"no {array} there")
            elif name not in wanted:
                found.setdefault(layer, f"no {array} here")
            else:
                shape = hdf5.dataset(file, name, ndim=len(wanted[name])).shape
                if shape != wanted[name]:
                    found.setdefault(layer, f"{array} {shape} there, {wanted[name]} here")
    return found


def say_misfits(found: dict[str, str]) -> str:
    """The layers of `misfits` in words."""
    return ", ".join(f"{layer} ({problem})" for layer, problem in found.items())


def load_arrays(model: keras.Model, path: Path) -> None:
    """Fills a model with the arrays of `write_arrays`.

    Raises:
        InputError: an array is missing, or there are others, or one has another shape.
    """
    wrong = misfits(model.weights, path)
    if wrong:
        raise InputError(f"{path} belongs to another network: {say_misfits(wrong)}")
    with hdf5.open_file(path, ARRAYS_FORMAT, ARRAYS_VERSION) as file:
        for variable in model.weights:
            array = hdf5.dataset(file, variable.path, ndim=len(variable.shape))
            variable.assign(array[()].astype(np.float32))


def load_start(parts: dict[str, keras.Model], weights: Weights) -> None:
    """Fills networks with the arrays of a trained model, to train on from there.

    Args:
        parts: by the name of the file with their arrays, such as "encoder.h5".

    Raises:
        MissingFileError: a file is missing.
        InputError: some layers don't fit, or a file is damaged.
    """
    wrong: dict[str, str] = {}
    for name, model in parts.items():
        wrong |= misfits(model.weights, weights.file(name))
    if wrong:
        raise InputError(
            f"{weights.path} does not fit this network; these layers differ: {say_misfits(wrong)}; "
            "train with its own network's options, or from scratch"
        )
    for name, model in parts.items():
        load_arrays(model, weights.file(name))
