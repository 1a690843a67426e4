"""Which part of a whole a file is: a store or a face set that `--shard I/N` made.

It stands in the root's attributes: shard (I, from 1), shards (N) and, of rows, first_row (the
whole's number of the file's row 0) and whole_rows. Of photos, of which some may have been skipped,
they are first_photo, whole_photos and photos_sha256 (over the names of all photos, each with a zero
byte behind it). A file without them is a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.row_ranges import MAX_ROW
from facegen.shards import Shard


@dataclass(frozen=True)
class Part:
    """A shard, and how much all of them are together.

    Attributes:
        whole: rows; or photos, found but not yet looked into.
        photos_sha256: over the names of all photos; "" of rows.
    """

    shard: Shard
    whole: int
    photos_sha256: str = ""

    @property
    def unit(self) -> str:
        return "photos" if self.photos_sha256 else "rows"

    @property
    def rows(self) -> range:
        """Its rows (or photos), by their numbers in the whole."""
        return self.shard.rows(self.whole, self.unit)

    @property
    def record(self) -> dict[str, Any]:
        """As it is recorded."""
        found: dict[str, Any] = {"shard": self.shard.index, "shards": self.shard.count}
        found |= {f"first_{self.unit[:-1]}": self.rows.start, f"whole_{self.unit}": self.whole}
        return found | ({"photos_sha256": self.photos_sha256} if self.photos_sha256 else {})

    def __str__(self) -> str:
        rows = self.rows
        return f"{self.shard}, {self.unit} {rows.start} to {rows.stop - 1} of {self.whole}"

    def write(self, file: h5py.File) -> None:
        """Records it in a new file."""
        file.attrs.update(self.record)

    @classmethod
    def read(cls, file: h5py.File, rows: int) -> Part | None:
        """Which part a file of so many rows is; None for a whole.

        Raises:
            InputError: what it says of itself can't be.
        """
        path = file.filename
        with hdf5.read_errors(path):
            if "shard" not in file.attrs:
                return None
            photos = str(hdf5.attribute(file, "photos_sha256", ""))
            unit = "photo" if photos else "row"
            first, whole = f"first_{unit}", f"whole_{unit}s"
            numbers = ("shard", "shards", first, whole)
            found: dict[str, Any] = {name: int(hdf5.attribute(file, name)) for name in numbers}
        try:
            part = cls(Shard(found["shard"], found["shards"]), found[whole], photos)
            fits = found[first] == part.rows.start and part.whole <= MAX_ROW
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}") from error
        fits = fits and (rows <= len(part.rows) if photos else rows == len(part.rows))
        if not fits:
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
