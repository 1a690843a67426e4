"""Checkpoints: what is saved comes back, and what doesn't fit is refused before it is used."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from facegen.errors import InputError, MissingFileError
from facegen.io.checkpoint import read_kept, read_state, restore_checkpoint, save_checkpoint


class Variable:
    """As TensorFlow's: a shape and assign."""

    def __init__(self, *shape: int):
        self.value = np.zeros(shape, np.float32)
        self.shape = shape

    def assign(self, value: np.ndarray) -> None:
        self.value = value


VALUES = [np.arange(6, dtype=np.float32).reshape(2, 3), np.float32(7), np.arange(4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "c.h5", VALUES, {"face_set": "abc", "history": [{"loss": 1.5}]})
    return tmp_path / "c.h5"


def variables() -> list[Variable]:
    return [Variable(2, 3), Variable(), Variable(4)]


def test_what_is_saved_comes_back(path: Path):
    restored = variables()
    state = restore_checkpoint(path, restored, {"face_set": "abc"})
    assert state == read_state(path) == {"face_set": "abc", "history": [{"loss": 1.5}]}
    for expected, found in zip(VALUES, restored, strict=True):
        np.testing.assert_array_equal(found.value, expected)


def test_what_is_kept_besides_comes_back_and_must_fit(tmp_path: Path):
    kept = [np.ones((2, 3)), np.arange(6.0).reshape(3, 2)]
    save_checkpoint(tmp_path / "c.h5", VALUES, {}, kept=kept)
    for expected, found in zip(kept, read_kept(tmp_path / "c.h5", kept), strict=True):
        np.testing.assert_array_equal(found, expected)
    restore_checkpoint(tmp_path / "c.h5", variables(), {})
    for like in (kept[:1], kept[::-1]):
        with pytest.raises(InputError, match="belongs to another network"):
            read_kept(tmp_path / "c.h5", like)


def test_a_checkpoint_that_keeps_nothing_says_so(path: Path):
    with pytest.raises(InputError, match=r"c\.h5 is damaged: it has no group 'kept'"):
        read_kept(path, VALUES)


def test_another_face_set_or_network_is_refused_and_nothing_changes(path: Path):
    restored = variables()
    with pytest.raises(InputError, match="was trained with another face set"):
        restore_checkpoint(path, restored, {"face_set": "xyz"})
    with pytest.raises(InputError, match="belongs to another network"):
        restore_checkpoint(path, restored[:2], {})
    with pytest.raises(InputError, match="belongs to another network"):
        restore_checkpoint(path, [Variable(3, 2), *restored[1:]], {})
    assert not any(np.any(variable.value) for variable in restored)


@pytest.mark.parametrize("state", [None, "no JSON", "[1, 2]"])
def test_a_damaged_state_is_one_clear_line(path: Path, state: str | None):
    with h5py.File(path, "a") as file:
        del file.attrs["state"]
        if state is not None:
            file.attrs["state"] = state
    with pytest.raises(InputError, match=r"c\.h5 is damaged"):
        read_state(path)


def test_missing_arrays_are_one_clear_line(path: Path):
    with h5py.File(path, "a") as file:
        del file["variables"]
    with pytest.raises(InputError, match=r"c\.h5 is damaged"):
        restore_checkpoint(path, variables(), {})


def test_a_missing_checkpoint_says_so(tmp_path: Path):
    with pytest.raises(MissingFileError, match="does not exist"):
        read_state(tmp_path / "none.h5")
