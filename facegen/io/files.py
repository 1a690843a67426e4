"""Outputs that appear whole or not at all.

Besides `facegen.io.locks` no other module opens a file for writing, renames, removes or locks one;
a test walks through them all. An output is written into a temporary file beside it, whose name
nobody can guess and whose lock is held as long as it is there. A temporary whose lock can be taken
is what a killed run left behind.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facegen.errors import FacegenError, MissingFileError, OutputError
from facegen.io.inputs import is_input
from facegen.signals import undisturbed

LEFTOVER = re.compile(r"\.facegen-[0-9a-f]{16}\.tmp")
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # nor wait for a pipe
BLOCK = 1 << 20
# What file systems say of what they can't do: hard links, reserving space, syncing a folder.
CANNOT = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EBADF}

_tidied: set[tuple[str, int, int]] = set()


def check_output(path: str | os.PathLike, *, force: bool = False) -> Path:
    """Says before the work begins whether `path` can be written.

    Raises:
        OutputError: it exists and `force` is not set, it is an input (`facegen.io.inputs`), a
            folder or a device, or its folder is missing.
    """
    path = Path(path)
    exists = os.path.exists(path)  # unlike Path's, it has no exceptions for odd names
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder; name a file in it")
    if exists and not os.path.isfile(path):
        raise OutputError(f"{path} is not an ordinary file; name another")
    if exists and is_input(path):
        raise OutputError(f"{path} is the input; choose another output")
    if os.path.lexists(path) and not force:
        raise _taken(path)
    if not os.path.isdir(path.parent):
        raise OutputError(f"the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"no permission to write in the folder {path.parent}")
    return path


def _taken(path: Path) -> OutputError:
    return OutputError(f"{path} exists already; choose another name or add --force")


@contextmanager
def output_errors(path: str | os.PathLike) -> Iterator[None]:
    """Turns what the operating system says while `path` is written into one clear line."""
    try:
        yield
    except FacegenError:  # an OSError too, but with its own message
        raise
    except OSError as error:
        # HDF5 puts pages of its own into strerror, but the right number into errno.
        reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
        raise OutputError(f"cannot write {path}: {reason}") from error


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


class Temporary:
    """A file beside an output, which becomes the output or is removed.

    Its lock is a shared one: HDF5's readers, who ask for the same, may have the output as soon
    as it is there; who wants to remove a temporary asks for it alone.

    Attributes:
        path: for HDF5 and ffmpeg, which open it by name. All others write into `file`.
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

    def sha256(self) -> str:
        """The SHA-256 digest of what has been written so far, in hexadecimal."""
        self.file.flush()
        return sha256_of(self.path)

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
            raise _taken(path) from None
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


@contextmanager
def atomic_output(
    path: str | os.PathLike | Temporary, *, force: bool = True
) -> Iterator[Temporary]:
    """Gives a temporary file in the same folder, which becomes `path` if the block succeeds.

    However the block ends, `path` is either what it was or the whole new file. A `Temporary` in
    its place is written as it is, and stays its owner's.

    Raises:
        OutputError: as `check_output`, or the file can't be written (no room, no permission).
    """
    if isinstance(path, Temporary):
        yield path
        return
    path = check_output(path, force=force)
    with output_errors(path), temporary_file(path.parent) as temporary:
        yield temporary
        temporary.sync()
        check_output(path, force=force)  # by now it may be there, or known to be an input
        temporary.publish(path, force=force)
        sync_folder(path.parent)


def remove(path: Path) -> None:
    """Removes a file that facegen made, if it is there."""
    with output_errors(path), suppress(FileNotFoundError):
        os.unlink(path)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a loss of power, where the file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # it may be written, but not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT:
            raise
    finally:
        os.close(descriptor)


def open_in_place(path: Path) -> int:
    """A descriptor to change a file that exists; hold `facegen.io.locks.exclusive` meanwhile."""
    return os.open(path, os.O_WRONLY)


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 digest of a file's bytes, in hexadecimal."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist") from error
