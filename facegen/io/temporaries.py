"""Temporary files beside outputs: made, locked, and given a name or removed.

Nobody can guess the name of one, and its lock is held as long as it is there. A temporary whose
lock can be taken is what a killed run left behind.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facegen.errors import OutputError
from facegen.signals import undisturbed

LEFTOVER = re.compile(r"\.facegen-[0-9a-f]{16}\.tmp")
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # nor wait for a pipe
BLOCK = 1 << 20
# What file systems say of what they can't do: hard links, reserving space, syncing a folder.
CANNOT = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EBADF}

_tidied: set[tuple[str, int, int]] = set()


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Whether the lock of an open file could be taken; OSError where there are no locks."""
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)) from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_named(path: Path, descriptor: int) -> bool:
    """Whether `path` is still the name of an open file, and no link to it."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def taken(path: Path) -> OutputError:
    """What to say where a file exists that must not be overwritten."""
    return OutputError(f"{path} exists already; choose another name or add --force")


class Temporary:
    """A file beside an output, which becomes the output or is removed.

    Its lock is a shared one: HDF5's readers, who ask for the same, may have the output as soon
    as it is there; who wants to remove a temporary asks for it alone.

    Attributes:
        path: for HDF5, SQLite and ffmpeg, which open it by name. All others write into `file`.
        file: open for reading and writing.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._made = False

    @undisturbed
    def make(self) -> None:
        """Makes the file; its lock is held from now on."""
        while not self._made:
            self.path = self._folder / f".facegen-{os.urandom(8).hex()}.tmp"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK
            self.file = os.fdopen(os.open(self.path, flags, 0o666), "r+b")
            with suppress(OSError):  # where there are no locks, nobody can take it for a leftover
                try_lock(self.descriptor, shared=True)
            self._made = is_named(self.path, self.descriptor)
            if not self._made:  # taken for a leftover between the two
                self.file.close()

    @property
    def descriptor(self) -> int:
        return self.file.fileno()

    def write_bytes(self, data: bytes) -> None:
        """Adds bytes."""
        self.file.write(data)

    def write_text(self, text: str, *, encoding: str = "utf-8", errors: str = "strict") -> None:
        """Adds text."""
        self.file.write(text.encode(encoding, errors))

    def reserve(self, start: int, size: int) -> None:
        """Makes sure of disk space for `size` bytes behind `start`, which read as zeros.

        Where a file system can't reserve it, zeros are written.

        Raises:
            OSError: there is no room.
        """
        first = start - start % BLOCK  # where it is emulated, a block's beginning may be left out
        try:
            os.posix_fallocate(self.descriptor, first, start + size - first)
        except AttributeError:  # macOS
            self._write_zeros(start + size)
        except OSError as error:
            if error.errno not in CANNOT:
                raise
            self._write_zeros(start + size)

    def _write_zeros(self, end: int) -> None:
        """Makes the file `end` bytes long, if it is shorter."""
        before = os.lseek(self.descriptor, 0, os.SEEK_CUR)
        place = os.lseek(self.descriptor, 0, os.SEEK_END)
        while place < end:
            place += os.write(self.descriptor, bytes(min(BLOCK, end - place)))
        os.lseek(self.descriptor, before, os.SEEK_SET)

    def truncate(self, size: int) -> None:
        """Gives back what was reserved behind `size` bytes."""
        os.ftruncate(self.descriptor, size)

    def sync(self) -> None:
        """Brings all that was written to the disk, which may turn out to be full."""
        self.file.flush()
        os.fsync(self.descriptor)

    @undisturbed
    def publish(self, path: Path, *, force: bool) -> None:
        """Gives the file its name; call `sync` and `check_output` before.

        Raises:
            OutputError: `path` exists by now (without `force`), or another program has removed
                or replaced the temporary file.
        """
        if not is_named(self.path, self.descriptor):
            raise OutputError(
                f"{path} is not written: another program has removed or replaced its temporary "
                f"file {self.path.name}; run the command again"
            )
        if force:
            os.replace(self.path, path)
            return
        try:
            os.link(self.path, path)
            os.unlink(self.path)
        except FileExistsError:
            raise taken(path) from None
        except OSError as error:
            if error.errno not in CANNOT:
                raise
            # No hard links here. What has appeared since `path` was checked is overwritten.
            os.replace(self.path, path)

    @undisturbed
    def remove(self) -> None:
        """Ends the file, unless it has got a name."""
        if self._made:
            with suppress(OSError):
                if is_named(self.path, self.descriptor):
                    os.unlink(self.path)
            with suppress(OSError):  # what a full disk did not take
                self.file.close()


@undisturbed
def _remove_if_dead(path: Path) -> None:
    with suppress(OSError):  # somebody else's, in a folder where only owners may remove
        descriptor = os.open(path, os.O_RDWR | NO_LINK)
        try:
            ordinary = stat.S_ISREG(os.fstat(descriptor).st_mode)
            if ordinary and try_lock(descriptor) and is_named(path, descriptor):
                os.unlink(path)
        finally:
            os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    """Removes temporaries of killed runs; once, as many outputs in one folder would be slow."""
    found = os.stat(folder)
    key = (os.path.abspath(folder), found.st_dev, found.st_ino)
    if key in _tidied:
        return
    _tidied.add(key)
    with suppress(OSError), os.scandir(folder) as entries:  # it may be written, but not listed
        dead = [folder / entry.name for entry in entries if LEFTOVER.fullmatch(entry.name)]
        for path in dead:
            _remove_if_dead(path)


@contextmanager
@undisturbed  # what runs in the block is not part of it
def temporary_file(folder: Path) -> Iterator[Temporary]:
    """Gives a file that is gone at the end, unless it has been published."""
    _remove_leftovers(folder)
    temporary = Temporary(folder)
    try:
        temporary.make()
        yield temporary
    finally:
        temporary.remove()
