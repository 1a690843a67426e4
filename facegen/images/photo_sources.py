"""Where photos come from: folders, zip and tar archives, single files, names on standard input."""

from __future__ import annotations

import bz2
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from facegen.errors import InputError, MissingFileError
from facegen.io.inputs import note_input
from facegen.io.pictures import PHOTO_SUFFIXES
from facegen.paths import Paths, path_list

ARCHIVE_SUFFIXES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz"})
MAX_PHOTO_BYTES = 200_000_000  # of one encoded photo; a real one has less than 50 MB
MAX_NAME_BYTES = 1 << 20  # of a name and what else stands before a member of a tar
STEP = 4096  # bytes; zipfile unpacks a step of LZMA at once, to 30 MB at worst
LONG_HEADERS = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
# What Python's archive modules and decompressors raise on damaged data.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    LookupError,
    OSError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class Photo:
    """One photo, not read yet.

    Attributes:
        name: its path inside the folder or archive, or as it was given.
        read: returns the encoded bytes; raises InputError with the reason alone. Call it before
            the next photo is asked for, while the archive is open.
    """

    name: str
    read: Callable[[], bytes]


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part != ".." for part in PurePosixPath(name).parts)


def _is_photo_name(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PHOTO_SUFFIXES and not _is_hidden(name)


def as_text(name: str) -> str:
    """A file's name as UTF-8 can hold it: bytes that are no text become U+FFFD."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _check_bytes(size: int) -> None:
    if size > MAX_PHOTO_BYTES:
        raise InputError(f"{size} bytes are more than the {MAX_PHOTO_BYTES} of any real photo")


def _read(file: IO[bytes]) -> bytes:
    """All bytes of a photo, whatever size it has declared; raises InputError if it has no end."""
    parts: list[bytes] = []
    size = 0
    while part := file.read(STEP):
        parts.append(part)
        size += len(part)
        _check_bytes(size)
    return b"".join(parts)


def read_file(path: Path) -> bytes:
    """The bytes of a photo; raises InputError with the reason alone."""
    note_input(path)
    try:
        _check_bytes(path.stat().st_size)
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        dangling = isinstance(error, FileNotFoundError) and path.is_symlink()
        reason = "a link that leads nowhere" if dangling else error.strerror or str(error)
        raise InputError(reason) from error


def _read_found(path: Path) -> bytes:
    """As `read_file`, for a name that nobody has given: a pipe would be waited for."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise InputError("not an ordinary file")
    return read_file(path)


def _identity(path: str) -> tuple[int, int] | str:
    """What a folder is, whatever it is called; its name where that can't be told."""
    try:
        found = os.stat(path)
    except OSError:
        return path
    return found.st_dev, found.st_ino


def _walk(folder: Path) -> tuple[list[Path], set[Path]]:
    """The files under a folder, and its folders that can't be listed.

    Links to folders are followed; each folder is listed once, under its own name where it has one
    in here, so that no link leads round in circles.
    """
    files: list[Path] = []
    errors: list[OSError] = []
    seen: set[tuple[int, int] | str] = set()
    tops = [str(folder)]
    while tops:
        links: list[str] = []
        for top in tops:
            if _identity(top) in seen:
                continue
            for place, folders, names in os.walk(top, onerror=errors.append):
                seen.add(_identity(place))
                files += [Path(place, name) for name in names]
                paths = {os.path.join(place, name) for name in folders if not _is_hidden(name)}
                links += [path for path in paths if os.path.islink(path)]
                inside = paths.difference(links)
                folders[:] = [os.path.basename(p) for p in inside if _identity(p) not in seen]
        tops = sorted(links)
    return files, {Path(error.filename) for error in errors}


def _folder_photos(folder: Path) -> Iterator[Photo]:
    """The photos of a folder, and what can't be read in it: reading that says why."""
    found, locked = _walk(folder)
    for path in sorted([*found, *locked]):
        name = path.relative_to(folder).as_posix()
        # A link that leads nowhere may have been one to a folder, whatever its name.
        is_lost = path in locked or (os.path.islink(path) and not os.path.exists(path))
        if _is_photo_name(name) or (is_lost and not _is_hidden(name)):
            yield Photo(as_text(name), partial(_read_found, path))


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """As `ZipFile.open`, which unpacks bzip2 at once, a few hundred bytes to gigabytes."""
    if info.compress_type != zipfile.ZIP_BZIP2:
        return archive.open(info)
    packed = copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    packed.CRC = None  # type: ignore[assignment]  # bzip2 has its own
    return bz2.open(archive.open(packed))


def _zip_photos(path: Path) -> Iterator[Photo]:
    with zipfile.ZipFile(path) as archive:
        files = (info for info in archive.infolist() if not info.is_dir())
        members = [info for info in files if _is_photo_name(info.filename)]

        def read(info: zipfile.ZipInfo) -> bytes:
            _check_bytes(info.file_size)
            try:
                with _open_member(archive, info) as member:
                    return _read(member)
            except InputError:
                raise
            except DAMAGE as error:
                raise InputError(f"damaged in the archive: {error}") from error
            except (RuntimeError, NotImplementedError) as error:  # encrypted, odd compression
                raise InputError(f"can't be unpacked: {error}") from error

        for info in sorted(members, key=lambda info: info.filename):
            yield Photo(info.filename, partial(read, info))


class _Member(tarfile.TarInfo):
    """A member whose damaged header is an error; tarfile takes it for the end of the archive.

    So is a header that goes on for longer than any name, and the map of a sparse file, which no
    photo is: tarfile would read them into memory, and compressed they can be of any length.
    """

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _Member:
        try:
            return super().fromtarfile(tarfile_)
        except (
            tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
            tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
        ) as error:
            raise tarfile.ReadError(str(error)) from error

    def _proc_member(self, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        """tarfile calls it with each header that it has read, to be overridden (its source)."""
        if self.type in LONG_HEADERS and self.size > MAX_NAME_BYTES:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(tarfile_)  # type: ignore[misc]

    def _proc_sparse(self, *arguments: object) -> tarfile.TarInfo:
        raise tarfile.ReadError("it holds a sparse file")

    _proc_gnusparse_10 = _proc_sparse  # as pax writes it


def _is_tar(path: Path) -> bool:
    try:
        tarfile.open(path, tarinfo=_Member).close()
    except DAMAGE:  # also in what it is compressed with
        return False
    return True


def _refuse(member: tarfile.TarInfo) -> bytes:
    raise InputError("its name has a zero byte")


def _tar_photos(path: Path) -> Iterator[Photo]:
    with tarfile.open(path, tarinfo=_Member) as archive:

        def read(member: tarfile.TarInfo) -> bytes:
            _check_bytes(member.size)
            try:
                file = archive.extractfile(member)
                data = file.read() if file else b""
            except DAMAGE as error:
                raise InputError(f"damaged in the archive: {error}") from error
            return data

        try:
            while member := archive.next():  # in the archive's order: it is read forward once
                # Else tarfile keeps every member it has seen.
                archive.members = []  # type: ignore[attr-defined]
                if member.isfile() and _is_photo_name(member.name):
                    known = "\0" not in member.name  # else no file and no face set can hold it
                    yield Photo(as_text(member.name), partial(read if known else _refuse, member))
        except DAMAGE as error:
            raise InputError(f"{path} is damaged: {error}") from error


def find_photos(sources: Paths) -> Iterator[Photo]:
    """Yields the photos of folders (recursively), zip and tar archives, and single files.

    In folders and archives, files whose names don't end like a picture's are passed over; a
    single file is always taken. Links to folders are followed, each folder once. What can't be
    read, such as a link that leads nowhere, comes as a photo. Folders and zips come sorted by name.

    Raises:
        MissingFileError: a source does not exist.
        InputError: an archive is damaged.
    """
    for source in path_list(sources):
        path = Path(source)
        if not str(source):
            raise MissingFileError("a photo or folder with an empty name was given")
        note_input(path)
        if os.path.isdir(path):  # unlike Path's, it has no exceptions for odd names
            yield from _folder_photos(path)
        elif not os.path.exists(path):
            raise MissingFileError(f"{path} does not exist")
        elif _is_photo_name(path.name):
            yield Photo(as_text(str(source)), partial(read_file, path))
        elif zipfile.is_zipfile(path):
            try:
                yield from _zip_photos(path)
            except (*DAMAGE, NotImplementedError) as error:
                raise InputError(f"{path} is damaged: {error}") from error
        elif _is_tar(path):
            yield from _tar_photos(path)
        elif path.suffix.lower() in ARCHIVE_SUFFIXES:
            raise InputError(f"{path} is damaged: neither a zip nor a tar archive")
        else:
            yield Photo(as_text(str(source)), partial(read_file, path))


def count_photos(sources: Paths) -> int | None:
    """How many photos `find_photos` will yield, or None where only reading a tar would tell."""
    total = 0
    for source in path_list(sources):
        path = Path(source)
        if os.path.isfile(path) and not _is_photo_name(path.name) and not zipfile.is_zipfile(path):
            if _is_tar(path):
                return None
            total += 1
        else:
            total += sum(1 for _ in find_photos([source]))
    return total
