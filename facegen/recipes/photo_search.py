"""Photos found again by their names and digests: in folders, their subfolders, zips and tars."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from facegen.errors import InputError, MissingFileError
from facegen.images.alignment import load_photo
from facegen.images.photo_sources import ARCHIVE_SUFFIXES, MAX_PHOTO_BYTES, find_photos, read_file
from facegen.io.files import sha256_of
from facegen.model.codec import Codec
from facegen.model.named_points import Point
from facegen.recipes.ingredients import Source


@dataclass(frozen=True)
class PhotoSearch:
    """Looks for photos, first where they are quickly found, and everywhere in one pass.

    Attributes:
        codec: encodes them.
        candidates: gives the files that a recorded name may mean.
        given: folders and archives that the user has named; of folders the subfolders, and the
            archives in them, are searched, too.
        missing: makes the error for a name that is nowhere.
    """

    codec: Codec
    candidates: Callable[[str], Iterator[Path]]
    given: Sequence[Path]
    missing: Callable[[str], MissingFileError]

    def points(self, sources: Sequence[Source]) -> list[Point]:
        """The points of photos, in the order of their sources.

        Raises:
            MissingFileError: there is none of that name.
            InputError: all are other photos, or the right one can't be used.
        """
        wanted: dict[str, list[int]] = {}
        for i, source in enumerate(sources):
            wanted.setdefault(source.digest, []).append(i)
        found: dict[int, Point] = {}
        seen: set[str] = set()  # names of photos that are others
        for name, digest, read in self._photos(sources):
            if digest not in wanted:
                seen.add(name)
                continue
            data = read()
            found |= {i: self._point(sources[i], data) for i in wanted.pop(digest)}
            if not wanted:
                return [found[i] for i in range(len(sources))]
        lost = sources[min(i for some in wanted.values() for i in some)].file
        if PurePosixPath(lost).name in seen:
            raise InputError(f"{lost} is another file than the one that the original was made from")
        raise self.missing(lost)

    def _point(self, source: Source, data: bytes) -> Point:
        size = self.codec.image_size
        try:
            face, _ = load_photo(data, size=size, box=source.box, align=source.align)
        except InputError as error:
            raise InputError(f"{source.file}: {error}") from error
        return Point(self.codec.encode(face[None])[0][0], source.recorded, face)

    def _photos(self, sources: Sequence[Source]) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
        """Yields (name without folders, digest, read) of all photos that may be one of those."""
        for source in sources:
            inside = [f"{source.within}/{source.file}"] if source.within else []
            for path in (p for name in (*inside, source.file) for p in self.candidates(name)):
                if os.path.getsize(path) <= MAX_PHOTO_BYTES:
                    yield path.name, sha256_of(path), partial(read_file, path)
        names = {PurePosixPath(source.file).name for source in sources}
        for place in self._places(sources):
            for photo in find_photos([place]):
                name = PurePosixPath(photo.name).name
                if name in names:
                    data = photo.read()
                    yield name, hashlib.sha256(data).hexdigest(), partial(bytes, data)

    def _places(self, sources: Sequence[Source]) -> Iterator[Path]:
        """Folders and archives to look through: those recorded, and those that the user names."""
        for within in dict.fromkeys(source.within for source in sources if source.within):
            yield from self.candidates(within)
        for place in self.given:
            yield place
            if place.is_dir():
                archives = (p for p in place.iterdir() if p.suffix.lower() in ARCHIVE_SUFFIXES)
                yield from sorted(archive for archive in archives if archive.is_file())
