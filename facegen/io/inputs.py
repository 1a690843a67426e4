"""No output replaces an input: what has been read for the work at hand is known here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

# The files that were read, by device and inode: links to a file are that file.
_inputs: ContextVar[set[tuple[int, int]] | None] = ContextVar("inputs", default=None)


@contextmanager
def keep_inputs() -> Iterator[None]:
    """Within the block no output replaces a file that was read in it; decorates functions, too.

    Every command is such a block, and every function that reads one file and writes another.
    Outside of them a program may read a file and then write it anew.
    """
    known = _inputs.get()
    token = _inputs.set(set() if known is None else known)
    try:
        yield
    finally:
        _inputs.reset(token)


def note_input(path: str | os.PathLike) -> None:
    """Whatever opens a file that a user gave calls it."""
    known = _inputs.get()
    if known is not None:
        with suppress(OSError, ValueError):  # the one who opens it says what is wrong with it
            found = os.stat(path)
            known.add((found.st_dev, found.st_ino))


def is_input(path: str | os.PathLike) -> bool:
    """Whether an existing file, under whatever name, was read in this block."""
    found = os.stat(path)
    return (found.st_dev, found.st_ino) in (_inputs.get() or ())
