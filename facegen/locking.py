"""One writer at a time for an output that is written in place."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facegen.errors import OutputError
from facegen.files import check_output, output_errors
from facegen.stopping import undisturbed

PATIENCE = 1.0  # seconds: the workers of a killed process may hold its lock a moment longer


@undisturbed
def _try_lock(path: Path) -> int | None:
    """Locks a lock file and writes our process number into it; None if somebody else has it."""
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)) from error

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    locked = False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The holder before us may have removed the file after we opened it.
        locked = os.path.samestat(os.fstat(descriptor), os.stat(path))
        if locked:
            with suppress(OSError):  # a full disk; the number is only there to be told
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except (BlockingIOError, FileNotFoundError):
        pass
    finally:
        if not locked:
            os.close(descriptor)
    return descriptor if locked else None


@undisturbed
def _release(lock: Path, descriptor: int) -> None:
    with suppress(OSError):
        lock.unlink()
    os.close(descriptor)


@contextmanager
def hold_lock(lock: Path, says: str, *, patience: float = 0.0) -> Iterator[None]:
    """Holds a lock file, which is made and, at the end, removed.

    The kernel drops the lock when its holder ends, however it ends, so a lock file that a kill
    left behind blocks nobody.

    Args:
        says: what the other process does and what to do about it, for the message.
        patience: seconds to wait for it.

    Raises:
        OutputError: another process holds the lock, or there is no permission to make it.
    """
    deadline = time.monotonic() + patience
    descriptor = None
    try:
        with output_errors(lock):
            while (descriptor := _try_lock(lock)) is None:
                if time.monotonic() > deadline:
                    holder = lock.read_text() if lock.exists() else ""
                    raise OutputError(f"another facegen (process {holder or 'unknown'}) {says}")
                time.sleep(0.05)
        yield
    finally:
        if descriptor is not None:
            _release(lock, descriptor)


@contextmanager
def exclusive(path: str | os.PathLike) -> Iterator[None]:
    """Keeps other processes that ask for the same from writing `path`, by a lock file beside it.

    The output itself is not locked: HDF5 could not read it then.

    Raises:
        OutputError: another process holds the lock, or there is no permission to make it.
    """
    target = check_output(path, force=True).resolve()
    lock = target.with_name(f".{target.name}.lock")
    says = f"is writing {path}; wait until it is done, or choose another output"
    with hold_lock(lock, says, patience=PATIENCE):
        yield
