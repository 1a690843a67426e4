"""Which part of a whole a file is: a store or a face set that `--shard I/N` made.

It stands in the root's attributes: shard (I, from 1), shards (N), first_row (the whole's number of
the file's row 0) and whole_rows. A file without them is a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import h5py

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.row_ranges import MAX_ROW
from facegen.shards import Shard


@dataclass(frozen=True)
class Part:
    """A shard, and how many rows all of them have together."""

    shard: Shard
    whole_rows: int

    @property
    def rows(self) -> range:
        """Its rows, by their numbers in the whole."""
        return self.shard.rows(self.whole_rows)

    @property
    def record(self) -> dict[str, int]:
        """As it is recorded."""
        return {
            "shard": self.shard.index,
            "shards": self.shard.count,
            "first_row": self.rows.start,
            "whole_rows": self.whole_rows,
        }

    def __str__(self) -> str:
        rows = self.rows
        return f"{self.shard}, rows {rows.start} to {rows.stop - 1} of {self.whole_rows}"

    def write(self, file: h5py.File) -> None:
        """Records it in a new file."""
        file.attrs.update(self.record)

    @classmethod
    def read(cls, file: h5py.File, rows: int) -> Part | None:
        """Which part a file of so many rows is; None for a whole.

        Raises:
            InputError: what it says of itself can't be.
        """
        if "shard" not in file.attrs:
            return None
        path = file.filename
        names = ("shard", "shards", "first_row", "whole_rows")
        with hdf5.read_errors(path):
            found = {name: int(hdf5.attribute(file, name)) for name in names}
        try:
            part = cls(Shard(found["shard"], found["shards"]), found["whole_rows"])
            fits = part.record == found and len(part.rows) == rows
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}") from error
        if not fits or part.whole_rows > MAX_ROW:
            raise InputError(f"{path} is damaged: its {rows} rows are not those of {part}")
        return part

    # A store's points are not those of its face set's rows 0, 1 ...: so it doesn't say so.

    def mark(self, fingerprint: str) -> str:
        """A whole's fingerprint as that of this part."""
        return f"{fingerprint}{self._suffix}"

    def unmark(self, fingerprint: str) -> str:
        """The whole's fingerprint."""
        return fingerprint.removesuffix(self._suffix)

    @property
    def _suffix(self) -> str:
        return f":rows-{self.rows.start}-{self.rows.stop - 1}"
