"""Outputs that appear whole or not at all.

Besides this one, `temporaries`, `folders` and `locks` beside it no module opens a file for writing,
renames, removes or locks one; a test walks through them all. An output is written into a temporary
file beside it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from facegen.errors import FacegenError, MissingFileError, OutputError
from facegen.io.inputs import is_input
from facegen.io.temporaries import CANNOT, Temporary, is_named, taken, temporary_file
from facegen.signals import undisturbed


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
        raise taken(path)
    if not os.path.isdir(path.parent):
        raise OutputError(f"the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"no permission to write in the folder {path.parent}")
    return path


def check_distinct(*paths: str | os.PathLike | None) -> None:
    """Says before the work begins if two outputs of one command would replace each other.

    Raises:
        OutputError: two of the paths are one file; None is no output.
    """
    named = [path for path in paths if path is not None]
    for i, path in enumerate(named):
        if os.path.realpath(path) in map(os.path.realpath, named[:i]):
            raise OutputError(f"{path} is named for two outputs; choose another name for one")


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


@contextmanager
def atomic_outputs(
    folder: str | os.PathLike, names: Sequence[str], *, force: bool = True
) -> Iterator[list[Temporary]]:
    """Gives temporary files for those of a folder, which appear together, the last name last.

    The folder is made if it is not there.

    Raises:
        OutputError: as `atomic_output`.
    """
    folder = Path(folder)
    with output_folder(folder), ExitStack() as stack:  # it ends with what it began with
        outputs = (atomic_output(folder / name, force=force) for name in reversed(names))
        temporaries = [stack.enter_context(output) for output in outputs]
        yield temporaries[::-1]
        for temporary in temporaries:  # the disk may turn out to be full
            with output_errors(folder):
                temporary.sync()


@contextmanager
@undisturbed  # what runs in the block is not part of it
def output_folder(folder: Path) -> Iterator[None]:
    """Makes a folder, and those above it; what is still empty of them at the end goes again.

    Raises:
        OutputError: it can't be made.
    """
    new = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for path in new:
            with suppress(OSError):
                path.rmdir()


@contextmanager
def successor(path: Path, predecessor: int) -> Iterator[Temporary]:
    """Gives a temporary file that takes the place of a file it is made from, if the block succeeds.

    Whoever reads the old file goes on reading it. Hold `facegen.io.locks.exclusive` meanwhile.

    Args:
        path: the file's own name, no link.
        predecessor: a descriptor of the file as it is read.

    Raises:
        OutputError: another program has replaced the file meanwhile, or it can't be written.
    """
    with output_errors(path), temporary_file(path.parent) as temporary:
        yield temporary
        temporary.sync()
        _check_predecessor(path, predecessor)
        temporary.publish(path, force=True)
        sync_folder(path.parent)


def put_in_place(path: Path, output: Path, predecessor: int) -> None:
    """Gives a synced file the name of the one it was made from; the rest is as of `successor`."""
    with output_errors(output):
        _check_predecessor(output, predecessor)
        os.replace(path, output)
        sync_folder(output.parent)


def _check_predecessor(path: Path, predecessor: int) -> None:
    if not is_named(path, predecessor):
        raise OutputError(
            f"{path} was replaced by another program while its successor was made; run the "
            "command again"
        )


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
