"""What a face set was before, and which of those rows are there still."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegen.errors import InputError
from facegen.io.face_set import FaceSet
from facegen.io.face_set_history import History
from facegen.io.face_set_writer import FaceSetWriter

NOTHING = History((), (), np.zeros((0, 2), int), np.zeros((0, 32), np.uint8))
# Each change adds some rows, or forgets those whose numbers are drawn.
changes = st.lists(st.one_of(st.integers(1, 5), st.sets(st.integers(0, 11), min_size=1)))


@given(st.integers(1, 6), changes)
def test_the_rows_of_every_earlier_state_are_found(first: int, changes: list):
    rows, added, history = list(range(first)), first, NOTHING
    states = []
    for change in changes:
        states.append(rows)
        gone = [row for row in (() if isinstance(change, int) else change) if row < len(rows)]
        digests = np.full((len(gone), 32), 7, np.uint8)
        history = history.after(len(rows), str(states), np.array(gone, int), digests)
        if isinstance(change, int):
            rows = [*rows, *range(added, added + change)]
            added += change
        else:
            rows = [one for row, one in enumerate(rows) if row not in gone]
    for number, state in enumerate(states):
        kept = history.kept_rows(len(state), str(states[: number + 1]))
        assert kept is not None
        assert [state[row] for row in kept] == rows[: len(kept)]
        assert set(state) & set(rows) == set(rows[: len(kept)])


def test_a_state_that_never_was_has_no_rows():
    history = NOTHING.after(5, "a")
    assert history.kept_rows(5, "b") is None
    assert history.kept_rows(4, "a") is None
    assert history.kept_rows(5, "a") is not None


def write(path: Path, history: History) -> Path:
    with FaceSetWriter(path, size=4, source="", crop="") as writer:
        writer.append(np.zeros((2, 4, 4, 3), np.uint8), ["a", "b"])
        history.write(writer.file)
    return path


def test_what_is_written_is_read_again(tmp_path: Path):
    digests = np.arange(64, dtype=np.uint8).reshape(2, 32)
    history = NOTHING.after(2, "a" * 64).after(4, "b" * 64, np.array([1, 3]), digests)
    with FaceSet.open(write(tmp_path / "faces.h5", history)) as faces:
        found = History.read(faces.file)
    assert (found.rows, found.fingerprints) == ([2, 4], ["a" * 64, "b" * 64])
    np.testing.assert_array_equal(found.forgotten, [[1, 1], [1, 3]])
    np.testing.assert_array_equal(found.forgotten_digests, digests)


def test_a_set_that_never_changed_has_no_history(tmp_path: Path):
    with FaceSet.open(write(tmp_path / "faces.h5", NOTHING)) as faces:
        assert set(faces.file) == {"images", "names", "split", "row_digests"}
        assert len(History.read(faces.file).rows) == 0


@pytest.mark.parametrize("name", ["past_fingerprints", "forgotten", "forgotten_digests"])
def test_a_damaged_history_is_refused(tmp_path: Path, name: str):
    path = write(tmp_path / "faces.h5", NOTHING.after(2, "a"))
    with h5py.File(path, "r+") as file:
        del file[name]
    with FaceSet.open(path) as faces, pytest.raises(InputError, match=f"no dataset '{name}'"):
        History.read(faces.file)
    with h5py.File(path, "r+") as file:
        file[name] = np.zeros((3, 2), np.uint64)
    with FaceSet.open(path) as faces, pytest.raises(InputError):
        History.read(faces.file)


@pytest.mark.parametrize(
    ("name", "value"),
    [("past_rows", [2**62]), ("forgotten", [[0, 2**62]]), ("forgotten", [[1, 0]])],
)
def test_a_history_of_more_rows_than_there_were_is_refused(tmp_path: Path, name: str, value: list):
    digest = np.zeros((1, 32), np.uint8)
    path = write(tmp_path / "faces.h5", NOTHING.after(3, "a", np.array([1]), digest))
    with h5py.File(path, "r+") as file:
        file[name][:] = np.array(value, np.uint64)
    with FaceSet.open(path) as faces, pytest.raises(InputError, match="has too many rows"):
        History.read(faces.file)
