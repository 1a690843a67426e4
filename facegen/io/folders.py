"""Folders that appear whole or not at all, such as a page for a web host.

A folder grows under a temporary name beside its place, and gets its own when it is whole. Its
facegen.json lists its files: nothing else in it is facegen's, and nothing else is ever removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from facegen.errors import OutputError
from facegen.io.files import output_errors, sync_folder
from facegen.io.provenance import with_version
from facegen.io.temporaries import LEFTOVER, NO_LINK, taken, try_lock
from facegen.signals import undisturbed
from facegen.strict_json import to_json

MANIFEST = "facegen.json"
MAX_MANIFEST_BYTES = 1 << 20  # a page's has 3,000


def check_folder(path: str | os.PathLike, kind: str, *, force: bool = False) -> Path:
    """Says before the work begins whether a folder can be written at `path`.

    Args:
        kind: of the folder, as its manifest names it.
        force: replace a folder of that kind that facegen made.

    Returns:
        The folder's own path, where `path` is a link.

    Raises:
        OutputError: something is there (without `force`), or something that facegen didn't make;
            or the folder around it is missing.
    """
    path, place = Path(path), Path(os.path.realpath(path))
    if os.path.lexists(place) and not place.is_dir():
        raise OutputError(f"{path} is a file; name a folder")
    if Path.cwd().is_relative_to(place):  # it would be gone from under whoever is in it
        raise OutputError(f"{path} is the current folder; name a new one, inside or elsewhere")
    if not place.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist; create it first")
    if not os.access(place.parent, os.W_OK):
        raise OutputError(f"no permission to write in the folder {path.parent}")
    with output_errors(path):
        if place.is_dir() and any(place.iterdir()):
            if not force:
                raise taken(path)
            _check_own(path, kind)
    return place


def _check_own(path: Path, kind: str) -> None:
    """Raises OutputError unless facegen made all that is in a folder."""
    listed = _listed(path, kind)
    if listed is None:
        raise OutputError(f"{path} is no {kind} that facegen made; name another folder")
    inside = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    for file in sorted(inside):
        if file.relative_to(path).as_posix() not in {*listed, MANIFEST}:
            raise OutputError(f"{file} is not facegen's; move it away, or name another folder")


def read_manifest(path: Path) -> dict[str, Any] | None:
    """What facegen.json says of a folder: "kind", "files" and how it was made; else None."""
    try:
        with open(path / MANIFEST, "rb") as file:
            manifest = json.loads(file.read(MAX_MANIFEST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        return None
    return manifest


def _listed(path: Path, kind: str) -> set[str] | None:
    """The files that a folder's manifest lists, or None where it is no such folder."""
    manifest = read_manifest(path)
    return None if manifest is None or manifest.get("kind") != kind else set(manifest["files"])


class FolderStage:
    """A folder that grows beside its place; its lock is held as long as it does."""

    def __init__(self, parent: Path, kind: str):
        self._kind = kind
        self._digests: dict[str, str] = {}
        self._path = parent / f".facegen-{os.urandom(8).hex()}.tmp"
        self._lock = -1

    @undisturbed
    def make(self) -> None:
        """Makes the folder."""
        self._path.mkdir()
        with suppress(OSError):  # where there are no locks, nobody can take it for a leftover
            self._lock = os.open(self._path, os.O_RDONLY)
            try_lock(self._lock, shared=True)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Adds a file; its name may have folders, with slashes."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._digests[name] = hashlib.sha256(content).hexdigest()

    def write_manifest(self, provenance: dict[str, Any]) -> None:
        """Adds facegen.json, the last file."""
        manifest = {"kind": self._kind, **with_version(provenance), "files": dict(self._digests)}
        self.write_bytes(MANIFEST, (to_json(manifest, indent=2) + "\n").encode())

    @undisturbed
    def publish(self, path: Path) -> None:
        """Gives the folder its name; call `check_folder` before."""
        old = None
        if path.is_dir() and any(path.iterdir()):
            old = path.with_name(f".facegen-{os.urandom(8).hex()}.tmp")
            listed = _listed(path, self._kind) or set()
            os.rename(path, old)
        try:
            os.rename(self._path, path)
        except OSError:
            if old is not None:
                os.rename(old, path)
            raise
        if old is not None:
            _remove_files(old, listed)

    @undisturbed
    def remove(self) -> None:
        """Ends the folder, unless it has got a name."""
        shutil.rmtree(self._path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)


def _remove_files(folder: Path, names: set[str]) -> None:
    """Removes files of ours, and the folders that are empty then."""
    for inside, _, found in os.walk(folder, topdown=False):
        for path in (Path(inside, name) for name in found):
            if path.relative_to(folder).as_posix() in {*names, MANIFEST}:
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):
            os.rmdir(inside)


@undisturbed
def _remove_leftovers(parent: Path) -> None:
    """Removes what killed runs left: folders without a manifest, whose lock can be taken."""
    with suppress(OSError):
        for entry in os.scandir(parent):
            if not LEFTOVER.fullmatch(entry.name) or not entry.is_dir(follow_symlinks=False):
                continue
            with suppress(OSError):
                descriptor = os.open(entry.path, os.O_RDONLY | NO_LINK)
                try:
                    if not os.path.exists(Path(entry.path, MANIFEST)) and try_lock(descriptor):
                        shutil.rmtree(entry.path, ignore_errors=True)
                finally:
                    os.close(descriptor)


@contextmanager
@undisturbed  # what runs in the block is not part of it
def _temporary_folder(parent: Path, kind: str) -> Iterator[FolderStage]:
    """Gives a folder that is gone at the end, unless it has been published."""
    _remove_leftovers(parent)
    stage = FolderStage(parent, kind)
    try:
        stage.make()
        yield stage
    finally:
        stage.remove()


@contextmanager
def atomic_folder(
    path: str | os.PathLike, kind: str, provenance: dict[str, Any], *, force: bool = False
) -> Iterator[FolderStage]:
    """Gives a folder to write files into, which becomes `path` if the block succeeds.

    However the block ends, `path` is either what it was or the whole new folder.

    Args:
        kind: of the folder, such as "static explorer".
        provenance: how it is made, for its manifest.
        force: replace one of that kind; what facegen didn't make is never removed.

    Raises:
        OutputError: as `check_folder`, or it can't be written (no room, no permission).
    """
    place = check_folder(path, kind, force=force)
    with output_errors(path), _temporary_folder(place.parent, kind) as stage:
        yield stage
        stage.write_manifest(provenance)
        check_folder(path, kind, force=force)
        stage.publish(place)
        sync_folder(place.parent)
