"""Keeps the start-up notices of TensorFlow's and LiteRT's C++ parts off a command's terminal.

They go to descriptor 2 of the process, past Python, and no setting stops them: the descriptor
itself has to lead elsewhere meanwhile. It belongs to the program, so only a command does that,
whose process is all facegen's; called as a library, facegen lets them through.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from facegen.signals import undisturbed

_lock = threading.Lock()
_standard_error: int | None = None  # what descriptor 2 is outside of `silence`, in a command
_silences = 0  # in how many blocks of `silence` the threads are


@contextmanager
def hidden_notices() -> Iterator[None]:
    """In this block, around a whole command, `silence` works."""
    stderr = sys.stderr
    hide_notices()
    try:
        yield
    finally:
        _end()
        sys.stderr = stderr


def hide_notices() -> None:
    """From now on `silence` works, in a process that is all a command's.

    sys.stderr gets a descriptor of its own: what Python writes, in whichever thread, is never
    silenced. Without standard error there is nothing to hide.
    """
    global _standard_error
    stderr = sys.stderr
    if are_hidden() or stderr is None:  # None: descriptor 2 may be any file by now
        return
    try:
        stderr.flush()
        descriptor = os.dup(2)
    except (OSError, ValueError):
        return
    # Not closed in the end: whoever has taken sys.stderr, such as a logger, may still write.
    sys.stderr = open(  # noqa: SIM115
        descriptor, "w", 1, encoding=stderr.encoding, errors=stderr.errors, closefd=False
    )
    _standard_error = descriptor


def are_hidden() -> bool:
    """Whether `silence` works, as in a command."""
    return _standard_error is not None


@contextmanager
def silence() -> Iterator[None]:
    """Keeps what C++ writes to standard error, in a command; does nothing in a library.

    Blocks may lie in each other and beside each other, in threads: the last to end lets C++ be
    heard again.
    """
    if not are_hidden():
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


@undisturbed
def _end() -> None:
    """Also if a thread that nobody waits for is still in a block of `silence`."""
    global _standard_error
    with _lock:
        if _standard_error is not None:
            os.dup2(_standard_error, 2)
        _standard_error = None


@undisturbed
def _enter() -> None:
    global _silences
    with _lock:
        if _silences == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            os.close(null)
        _silences += 1


@undisturbed
def _leave() -> None:
    global _silences
    with _lock:
        _silences -= 1
        if _silences == 0 and _standard_error is not None:
            os.dup2(_standard_error, 2)
