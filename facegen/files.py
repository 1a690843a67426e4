"""Outputs that appear whole or not at all."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facegen.errors import FacegenError, MissingFileError, OutputError
from facegen.stopping import undisturbed


def _temporary_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@undisturbed
def _remove(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Removes temporary files of this output whose process was killed."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        match = re.fullmatch(r"\.(\d+)\.tmp", leftover.name.removeprefix(f".{path.name}"))
        if match is None:
            continue
        try:
            os.kill(int(match[1]), 0)
        except ProcessLookupError:
            leftover.unlink(missing_ok=True)
        except (OSError, OverflowError):
            pass  # alive, and somebody else's


def check_output(path: str | os.PathLike, *, force: bool = False) -> Path:
    """Says before the work begins whether `path` can be written.

    Raises:
        OutputError: it exists and `force` is not set, it is a folder or a device, or its folder is
            missing.
    """
    path = Path(path)
    exists = os.path.exists(path)  # unlike Path's, it has no exceptions for odd names
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder; name a file in it")
    if exists and not os.path.isfile(path):
        raise OutputError(f"{path} is not an ordinary file; name another")
    if exists and not force:
        raise OutputError(f"{path} exists already; choose another name or add --force")
    if not os.path.isdir(path.parent):
        raise OutputError(f"the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"no permission to write in the folder {path.parent}")
    return path


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
def atomic_output(path: str | os.PathLike, *, force: bool = True) -> Iterator[Path]:
    """Gives a temporary path in the same folder, which becomes `path` if the block succeeds.

    However the block ends, `path` is either what it was or the whole new file.

    Raises:
        OutputError: as `check_output`, or the file can't be written (no room, no permission).
    """
    path = check_output(path, force=force)
    _remove_leftovers(path)
    temporary = _temporary_path(path)
    try:
        with output_errors(path):
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        _remove(temporary)


def remove(path: Path) -> None:
    """Removes a file that facegen made, if it is there."""
    with output_errors(path):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 digest of a file's bytes, in hexadecimal."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist") from error
