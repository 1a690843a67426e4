"""One run at a time: lock files, for an output that is written in place and for cron."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facegen.errors import OutputError
from facegen.io.files import check_output, output_errors
from facegen.io.temporaries import NO_LINK, is_named, try_lock
from facegen.signals import undisturbed

PATIENCE = 1.0  # seconds: the workers of a killed process may hold its lock a moment longer
LOCK_BYTES = 20  # of a process number, at most


class LockFile:
    """A file that is there to be locked: made and removed, or an empty one, which stays as it is.

    The kernel drops the lock when its holder ends, however it ends, so a lock file that a kill
    left behind blocks nobody.

    Args:
        own_name: the name is facegen's, so that an empty file there is one of ours, too: of a
            process that was killed before it wrote its number.

    Attributes:
        holder: the number of the process that holds it, as text; "" if that is not known.
    """

    def __init__(self, path: Path, *, own_name: bool = False):
        self.path = path
        self._own_name = own_name
        self.holder = ""
        self._descriptor: int | None = None
        self._made = False

    def _open(self) -> int:
        flags = os.O_RDWR | NO_LINK
        try:
            descriptor = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            self._made = True
        except FileExistsError:
            if self.path.is_symlink():
                raise OutputError(f"{self.path} is a link; name another lock file") from None
            descriptor = os.open(self.path, flags)
        return descriptor

    def _read(self, descriptor: int) -> None:
        """Refuses a file that is not empty and holds no process number."""
        ordinary = stat.S_ISREG(os.fstat(descriptor).st_mode)
        content = os.read(descriptor, LOCK_BYTES + 1) if ordinary else b"?"
        if content and not (content.isdigit() and len(content) <= LOCK_BYTES):
            raise OutputError(f"{self.path} is no lock file of facegen's; name another")
        self.holder = content.decode()

    def _write_number(self, descriptor: int) -> None:
        with suppress(OSError):  # a full disk; the number is only there to be told
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, str(os.getpid()).encode())

    @undisturbed
    def take(self) -> bool:
        """Whether the lock could be taken; a file of ours then has our process number in it.

        Raises:
            OutputError: the file is something else.
            OSError: it can't be made, or there are no locks.
        """
        self._made = False
        try:
            descriptor = self._open()
        except FileNotFoundError:
            if os.path.isdir(self.path.parent):
                return False  # its holder has just removed it
            raise
        try:
            self._read(descriptor)
            # The holder before us may have removed the file after we opened it.
            if try_lock(descriptor) and is_named(self.path, descriptor):
                self._descriptor = descriptor
                # One with a number is a killed facegen's.
                self._made = self._made or self._own_name or self.holder != ""
                if self._made:
                    self._write_number(descriptor)
        except OSError:  # no locks here
            if self._made and is_named(self.path, descriptor):
                os.unlink(self.path)
            raise
        finally:
            if self._descriptor is None:
                os.close(descriptor)
        return self._descriptor is not None

    @undisturbed
    def release(self) -> None:
        """Gives the lock back, if it is held."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            if self._made and is_named(self.path, self._descriptor):
                os.unlink(self.path)
        os.close(self._descriptor)
        self._descriptor = None


@contextmanager
@undisturbed  # what runs in the block is not part of it
def hold_lock(
    lock: Path, says: str, *, own_name: bool = False, patience: float = 0.0
) -> Iterator[None]:
    """Holds a lock file.

    Args:
        says: what the other process does and what to do about it, for the message.
        own_name: see `LockFile`.
        patience: seconds to wait for it.

    Raises:
        OutputError: another process holds the lock, the file is something else, or there is no
            permission to make it.
    """
    deadline = time.monotonic() + patience
    file = LockFile(lock, own_name=own_name)
    try:
        with output_errors(lock):
            while not file.take():
                if time.monotonic() > deadline:
                    holder = file.holder or "unknown"
                    raise OutputError(f"another facegen (process {holder}) {says}")
                time.sleep(0.05)
        yield
    finally:
        file.release()


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
    with hold_lock(lock, says, own_name=True, patience=PATIENCE):
        yield
