"""Lists of row numbers as text: '3,17,20-40'."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from facegen.errors import InputError

MAX_ROW = 2**62  # numbers beyond it overflow; no store has as many rows
MAX_ROWS = 10**9  # in one list: 8 GB of numbers


def _parse_part(part: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,19})(?:-(\d{1,19}))?", part)
    if match is None:
        raise InputError(f"{part[:40]!r} is no row number and no range; write rows as 3,17,20-40")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= MAX_ROW:
        raise InputError(f"{part!r} is no range of rows; the smaller number comes first")
    return first, last


def parse_rows(
    text: str,
    check: Callable[[np.ndarray], object] = lambda ends: None,
    *,
    most: int = MAX_ROWS,
) -> np.ndarray:
    """Reads numbers and ranges, the last one included, with commas or white space between.

    Args:
        check: refuses rows that aren't there; called with the ends of all ranges, int64 (n),
            before the ranges take memory.
        most: rows in all.

    Returns:
        int64 (n), in the order of the text, repetitions kept.

    Raises:
        InputError: the text has something else in it, no row, or more than `most`.
    """
    parts = [_parse_part(part) for part in re.split(r"[,\s]+", text) if part]
    if not parts:
        raise InputError("no rows given: the list is empty")
    check(np.array(parts).ravel())
    if sum(last - first + 1 for first, last in parts) > most:
        raise InputError(f"more than {most} rows given")
    return np.concatenate([np.arange(first, last + 1) for first, last in parts])


def join_rows(texts: Iterable[str]) -> str:
    """Texts of `format_rows` as the text of all their rows, one after the other.

    Raises:
        InputError: one is no such text.
    """
    joined: list[tuple[int, int]] = []
    for part in ",".join(texts).split(","):
        first, last = _parse_part(part)
        if joined and joined[-1][1] + 1 == first:
            first = joined.pop()[0]
        joined.append((first, last))
    runs = (f"{a}-{b}" if b > a + 1 else ",".join(map(str, range(a, b + 1))) for a, b in joined)
    return ",".join(runs)


def format_rows(rows: Sequence[int] | np.ndarray | Iterable[int]) -> str:
    """Row numbers as `parse_rows` reads them, runs of three or more as ranges: '3,17,20-40'."""
    if isinstance(rows, range) and rows.step == 1 and len(rows) > 2:
        return f"{rows[0]}-{rows[-1]}"
    numbers = np.fromiter(rows, np.int64)
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    runs = np.split(numbers, breaks) if len(numbers) else []
    texts = [
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(str(row) for row in run) for run in runs
    ]
    return ",".join(texts)
