"""Parts of a whole, stores or face sets, checked to be all of it and read as one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.face_set import FaceSet
from facegen.io.latent_store import Latents
from facegen.io.parts import Part
from facegen.shards import Shard

MAX_NAMED = 8  # parts that a message names
LONGEST_VALUE = 24  # letters of a value in a message

Opened = TypeVar("Opened", Latents, FaceSet)


@dataclass(frozen=True)
class PartFile:
    """A part, and what it says of itself that all parts have in common."""

    path: Path
    part: Part
    rows: int
    common: dict[str, Any]


def _check_together(one: PartFile, other: PartFile) -> None:
    """Refuses two parts that are not of the same whole."""
    if one.part.shard.count != other.part.shard.count:
        raise InputError(f"{one.path} is {one.part.shard}, {other.path} {other.part.shard}")
    if one.part.shard == other.part.shard:
        raise InputError(f"{one.path} and {other.path} are both {one.part.shard}; leave one out")
    found, expected = (
        {f"whole's {file.part.unit}": file.part.whole, **file.common} for file in (other, one)
    )
    for name in expected | found:
        values = [str(side.get(name, "none"))[:LONGEST_VALUE] for side in (found, expected)]
        if found.get(name) != expected.get(name):
            raise InputError(
                f"{other.path} is no part of the same whole as {one.path}: its {name} is "
                f"{values[0]}, not {values[1]}"
            )


def _check_all_there(files: Sequence[PartFile]) -> None:
    """Refuses parts of which one is missing."""
    count = files[0].part.shard.count
    if missing := sorted(set(range(1, count + 1)) - {file.part.shard.index for file in files}):
        named = ", ".join(map(str, missing[:MAX_NAMED])) + (" ..." if missing[MAX_NAMED:] else "")
        are = "is" if len(missing) == 1 else "are"
        raise InputError(f"of the {count} parts {len(missing)} {are} missing: {named}")


class PartReader(Generic[Opened]):
    """All parts of a whole, their rows by the whole's numbers; close it.

    One part is open at a time, so that there may be more of them than a process may open.

    Attributes:
        files: of the parts, in the order of their rows.
        rows: of the whole.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        open_part: Callable[[Path], Opened],
        describe: Callable[[Any], dict[str, Any]],
    ):
        """Looks into all parts.

        Args:
            paths: in any order.
            open_part: opens one, and refuses what is no part that is whole.
            describe: what all parts must have in common, by the names to tell people.

        Raises:
            MissingFileError, InputError: one is missing or damaged, or they don't fit together.
        """
        self._open_part: Callable[[Path], Opened] = open_part
        self._describe = describe
        self._opened: Opened | None = None
        self._current = 0
        found = [self._look(path) for path in paths]
        seen: dict[Shard, PartFile] = {}
        for file in found:
            if seen:
                _check_together(seen.get(file.part.shard, found[0]), file)
            seen[file.part.shard] = file
        _check_all_there(found)
        self.files = sorted(found, key=lambda file: file.part.shard.index)
        self._starts = [0, *accumulate(file.rows for file in self.files)]
        self.rows = self._starts.pop()

    def _look(self, path: Path) -> PartFile:
        with self._open_part(path) as opened:
            return self._file_of(path, opened)

    def _file_of(self, path: Path, opened: Opened) -> PartFile:
        assert opened.part is not None
        return PartFile(path, opened.part, len(opened), self._describe(opened))

    def blocks(self, size: int) -> Iterator[range]:
        """Yields all rows, so many at a time, by those of each part: HDF5 reads whole chunks."""
        for start, file in zip(self._starts, self.files, strict=True):
            rows = range(start, start + file.rows)
            yield from (rows[first : first + size] for first in range(0, len(rows), size))

    def open(self, number: int) -> Opened:
        """The part of that number, from 0; the one that was open before is closed."""
        if self._opened is None or number != self._current:
            self.close()
            file = self.files[number]
            self._opened, self._current = self._open_part(file.path), number
            if self._file_of(file.path, self._opened) != file:
                raise InputError(f"{file.path} was changed meanwhile; run the command again")
        return self._opened

    def read(self, name: str, rows: range) -> np.ndarray:
        """Some rows of a dataset, at least one, in the order of the whole."""
        blocks, first = [], rows.start
        while first < rows.stop:
            number = bisect_right(self._starts, first) - 1
            file, start = self.files[number], self._starts[number]
            last = min(start + file.rows, rows.stop)
            data = self.open(number).file[name]
            with hdf5.read_errors(file.path):
                blocks.append(data[first - start : last - start])
            first = last
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def close(self) -> None:
        """Closes the part that is open."""
        if self._opened is not None:
            self._opened.file.close()
            self._opened = None


class JoinedRows:
    """A dataset of all parts as if it were one, read when it is asked for."""

    def __init__(self, parts: PartReader[Any], name: str):
        self._parts, self._name = parts, name
        self.shape = (parts.rows, *parts.open(0).file[name].shape[1:])

    def __len__(self) -> int:
        return self._parts.rows

    def __getitem__(self, block: slice) -> np.ndarray:
        return self._parts.read(self._name, range(self._parts.rows)[block])
