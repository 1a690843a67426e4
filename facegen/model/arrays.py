"""The arrays of a network on disk: encoder.h5, decoder.h5, crisp_decoder.h5."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.temporaries import Temporary
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION


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


def load_arrays(model: keras.Model, path: Path) -> None:
    """Fills a model with the arrays of `write_arrays`.

    Raises:
        InputError: an array is missing, or there are others, or one has another shape.
    """
    with hdf5.open_file(path, ARRAYS_FORMAT, ARRAYS_VERSION) as file:
        layers = hdf5.members(file, "/")
        stored = {f"{layer}/{name}" for layer in layers for name in hdf5.members(file, layer)}
        if stored != {variable.path for variable in model.weights}:
            raise InputError(f"{path} belongs to another network")
        for variable in model.weights:
            array = hdf5.dataset(file, variable.path, ndim=len(variable.shape))
            if array.shape != tuple(variable.shape):
                raise InputError(f"{path}: {variable.path} is {array.shape}, not {variable.shape}")
            variable.assign(array[()].astype(np.float32))
