"""What a face set was before: the states that updates and `--forget` went on from.

Layout, in faces.h5 (`facegen.io.face_set`), only of a set that was changed since it was prepared:
    /past_rows           uint64 (H): rows of each earlier state, the first one first
    /past_fingerprints   UTF-8 text (H): its fingerprint
    /forgotten           uint64 (F, 2): the state that a row was forgotten from, its number there
    /forgotten_digests   uint8 (F, 32): SHA-256 of the photo, so that no update adds it again

An update only adds rows behind those that are there. So which rows of an earlier state are where
now follows from this alone, and the fingerprint says which state it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.digests import DIGEST_BYTES

DATASETS = ("past_rows", "past_fingerprints", "forgotten", "forgotten_digests")
NO_ROWS, NO_DIGESTS = np.zeros(0, np.int64), np.zeros((0, DIGEST_BYTES), np.uint8)


@dataclass(frozen=True)
class History:
    """The earlier states of a face set.

    Attributes:
        rows: rows of each state.
        fingerprints: fingerprint of each state.
        forgotten: int64 (F, 2), state and row of each forgotten row.
        forgotten_digests: uint8 (F, 32) of the photos.
    """

    rows: Sequence[int]
    fingerprints: Sequence[str]
    forgotten: np.ndarray
    forgotten_digests: np.ndarray

    @classmethod
    def read(cls, file: h5py.File) -> History:
        """From an open face set.

        Raises:
            InputError: it is damaged.
        """
        if DATASETS[0] not in file:
            return cls((), (), np.zeros((0, 2), np.int64), NO_DIGESTS)
        types = ((1, np.uint64), (1, str), (2, np.uint64), (2, np.uint8))
        found = [
            hdf5.dataset(file, name, ndim=ndim, dtype=dtype)
            for name, (ndim, dtype) in zip(DATASETS, types, strict=True)
        ]
        rows, fingerprints, forgotten, digests = found
        forgotten_rows = len(forgotten)
        shapes = (len(rows), (forgotten_rows, 2), (forgotten_rows, DIGEST_BYTES))
        if (len(fingerprints), forgotten.shape, digests.shape) != shapes:
            raise InputError(f"{file.filename} is damaged: its history differs in length")
        with hdf5.read_errors(file.filename):
            counts, gone = rows[:], forgotten[:]
            # What is forgotten was once there: so many rows there may have been, and no more.
            most = len(hdf5.dataset(file, "split", ndim=1)) + forgotten_rows
            if (counts > most).any() or (gone >= (len(rows), most)).any():
                raise InputError(f"{file.filename} is damaged: its history has too many rows")
            return cls(counts.tolist(), hdf5.texts(fingerprints), gone.astype(int), digests[:])

    def write(self, file: hdf5.NewFile) -> None:
        """Into a face set that is being written."""
        if not self.rows:
            return
        hdf5.reserve(file, 200 * len(self.rows) + 50 * len(self.forgotten))
        file["past_rows"] = np.array(self.rows, np.uint64)
        file.create_dataset("past_fingerprints", data=list(self.fingerprints), dtype=hdf5.TEXT)
        file["forgotten"] = self.forgotten.astype(np.uint64)
        file["forgotten_digests"] = self.forgotten_digests

    def after(
        self,
        rows: int,
        fingerprint: str,
        forgotten: np.ndarray = NO_ROWS,
        digests: np.ndarray = NO_DIGESTS,
    ) -> History:
        """The history of a successor.

        Args:
            rows, fingerprint: of the state that it goes on from.
            forgotten: int (n), rows of that state that are left out.
            digests: uint8 (n, 32), of their photos.
        """
        states = np.full(len(forgotten), len(self.rows))
        gone = np.stack([states, forgotten], axis=1)
        return History(
            [*self.rows, rows],
            [*self.fingerprints, fingerprint],
            np.concatenate([self.forgotten, gone]),
            np.concatenate([self.forgotten_digests, digests]),
        )

    def rows_of(self, fingerprint: str) -> int | None:
        """How many rows an earlier state had; None if there was no such state."""
        return dict(zip(self.fingerprints, self.rows, strict=True)).get(fingerprint)

    def kept_rows(self, rows: int, fingerprint: str) -> np.ndarray | None:
        """Which rows of an earlier state are there still: they are the first ones now, in order.

        Returns:
            Their numbers in that state, int64 (n); None if there was no such state.
        """
        states = list(zip(self.rows, self.fingerprints, strict=True))
        if (rows, fingerprint) not in states:
            return None
        kept = np.arange(rows)
        for state in range(states.index((rows, fingerprint)), len(states)):
            gone = self.forgotten[self.forgotten[:, 0] == state, 1]
            kept = np.delete(kept, gone[gone < len(kept)])
        return kept
