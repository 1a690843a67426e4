"""Checkpoints: the variables of a training run and its state, in one file.

/variables/0000, 0001, ...   arrays, in the order in which the network gives them
/kept/0000, 0001, ...        those of the best epoch so far, where a run keeps them
attributes of the root: format, format_version, facegen_version, and state, which is JSON
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from facegen.errors import InputError, MissingFileError
from facegen.io import hdf5
from facegen.io.files import atomic_output
from facegen.strict_json import to_json

FORMAT = "facegen-checkpoint"
FORMAT_VERSION = 1

Options = TypeVar("Options", bound=Any)


def save_checkpoint(
    path: Path, variables: Sequence[Any], state: dict[str, Any], *, kept: Sequence[np.ndarray] = ()
) -> None:
    """Writes a checkpoint in place of an older one.

    Args:
        variables: arrays, or what np.asarray turns into one.
        state: JSON values.
        kept: other arrays, for `read_kept`.

    Raises:
        OutputError: it can't be written; an older one stays.
    """
    values = [np.asarray(variable) for variable in variables]
    with atomic_output(path) as temporary, hdf5.create_file(temporary) as file:
        hdf5.reserve(file, sum(value.nbytes for value in (*values, *kept)))
        hdf5.set_format(file, FORMAT, FORMAT_VERSION)
        file.attrs["state"] = to_json(state)
        for i, value in enumerate(values):
            file.create_dataset(f"variables/{i:04}", data=value)
        for i, value in enumerate(kept):
            file.create_dataset(f"kept/{i:04}", data=value)


def _state(file: h5py.File) -> dict[str, Any]:
    with hdf5.read_errors(file.filename):
        return dict(json.loads(hdf5.attribute(file, "state")))


def read_state(path: str | os.PathLike) -> dict[str, Any]:
    """The state of a checkpoint.

    Raises:
        MissingFileError, InputError: there is none, or it is damaged.
    """
    with hdf5.open_file(path, FORMAT, FORMAT_VERSION) as file:
        return _state(file)


def read_options(path: str | os.PathLike, key: str, kind: Callable[..., Options]) -> Options:
    """The options of a run to go on with: what a checkpoint's state holds under a key, as `kind`
    makes them of its values.

    Raises:
        MissingFileError, InputError: there is none, or it is damaged.
    """
    try:
        state = read_state(path)
    except MissingFileError as error:
        raise MissingFileError(
            f"{error}: there is nothing to go on from; leave --resume out"
        ) from error
    try:
        return kind(**state[key])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: its state has no such options: {error}") from error


def restore_checkpoint(
    path: str | os.PathLike, variables: Sequence[Any], same: dict[str, Any]
) -> dict[str, Any]:
    """Assigns the arrays of a checkpoint to the variables of a network.

    Args:
        variables: of Keras or TensorFlow; none is changed unless all fit.
        same: what the checkpoint's state must hold: key to value.

    Returns:
        The state.

    Raises:
        MissingFileError, InputError: there is none, it is damaged, or another run's.
    """
    with hdf5.open_file(path, FORMAT, FORMAT_VERSION) as file:
        state = _state(file)
        for key, value in same.items():
            if state.get(key) != value:
                raise InputError(f"{path} was trained with another {key.replace('_', ' ')}")
        values = _values(file, "variables", variables)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return state


def read_kept(path: str | os.PathLike, like: Sequence[Any]) -> list[np.ndarray]:
    """The arrays that a checkpoint keeps besides its variables.

    Args:
        like: as many arrays or variables, of the same shapes.

    Raises:
        MissingFileError, InputError: there are none, or they are damaged or of another network.
    """
    with hdf5.open_file(path, FORMAT, FORMAT_VERSION) as file:
        return _values(file, "kept", like)


def _values(file: h5py.File, group: str, like: Sequence[Any]) -> list[np.ndarray]:
    """The arrays of a group.

    Raises:
        InputError: they are not as many, or have other shapes.
    """
    if len(hdf5.members(file, group)) != len(like):
        raise InputError(f"{file.filename} belongs to another network")
    return [
        _value(file, f"{group}/{i:04}", tuple(variable.shape)) for i, variable in enumerate(like)
    ]


def _value(file: h5py.File, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One array, which nothing outside the file gives.

    Raises:
        InputError: there is none of this shape.
    """
    stored = hdf5.dataset(file, name, ndim=len(shape))
    if stored.shape != shape:
        raise InputError(f"{file.filename} belongs to another network")
    with hdf5.read_errors(file.filename):
        return stored[()]
