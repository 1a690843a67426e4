"""Shards: one of several parts of the same work, each done by a process or machine of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facegen.errors import InputError

MAX_SHARDS = 100_000


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`, from 1, such as Shard(3, 16).

    Raises:
        InputError: there is no such part.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count <= MAX_SHARDS:
            raise InputError(
                f"there is no shard {self.index}/{self.count}; I/N goes from 1/N to N/N, "
                f"N up to {MAX_SHARDS}"
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads "3/16".

        Raises:
            InputError: it is something else.
        """
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if match is None:
            raise InputError(f"{text[:40]!r} is no shard; write I/N, such as 3/16")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"part {self.index} of {self.count}"

    def rows(self, whole: int, unit: str = "rows") -> range:
        """Its rows of so many: contiguous, and as many as each other part has, or one more.

        Raises:
            InputError: there are fewer rows than parts.
        """
        if whole < self.count:
            raise InputError(f"{whole} {unit} can't be divided into {self.count} parts")
        return range(whole * (self.index - 1) // self.count, whole * self.index // self.count)
