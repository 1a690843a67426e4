"""Photos named one by one become faces, each with what a recipe records of its photo."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.images.alignment import load_photo
from facegen.images.photo_sources import as_text, find_photos
from facegen.images.photos import Box
from facegen.paths import Paths, path_list


@dataclass(frozen=True)
class RecordedPhoto:
    """A photo, loaded and cropped.

    Attributes:
        name: its path inside the folder or archive, or as it was given.
        face: uint8 (size, size, 3).
        source: what is recorded of it: enough to find it again and to crop it alike.
        note: why its face was not sought or found, if so.
    """

    name: str
    face: np.ndarray
    source: dict[str, Any]
    note: str | None


def load_recorded_photos(
    sources: Paths,
    *,
    size: int,
    box: Box | None,
    align: str,
    on_skip: Callable[[str, str], object],
) -> Iterator[RecordedPhoto]:
    """Yields the photos that can be used (`facegen.images.photo_sources.find_photos`).

    Args:
        size, box, align: as `facegen.images.alignment.load_photo`.
        on_skip: called with the name and the reason of each photo that can't be used.

    Raises:
        MissingFileError, InputError: a source does not exist, or an archive is damaged.
    """
    for source in path_list(sources):
        for photo in find_photos([source]):
            try:
                data = photo.read()
                face, note = load_photo(data, size=size, box=box, align=align)
            except InputError as error:
                on_skip(photo.name, str(error))
                continue
            recorded = photo_source(photo.name, data, align=align, box=box)
            if photo.name != as_text(str(source)) and Path(source).name:  # a folder, an archive
                recorded["within"] = as_text(Path(source).name)
            yield RecordedPhoto(photo.name, face, recorded, note)


def photo_source(
    name: str, data: bytes, *, align: str = "auto", box: Box | None = None
) -> dict[str, Any]:
    """What is recorded of a photo's bytes: enough to find it again and to crop it alike."""
    digest = hashlib.sha256(data).hexdigest()
    return {"photo": name, "sha256": digest, "align": align, "box": list(box) if box else None}
