"""prepare's photos become faces: read in one process, decoded in several, in flat memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from facegen.errors import InputError
from facegen.images.alignment import load_photo
from facegen.images.photo_sources import Photo
from facegen.images.photos import CELEBA_BOX, Box, centre_square, crop_box, upright_size
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.prepare_options import PrepareOptions
from facegen.workers import map_in_workers

BATCH_PHOTOS = 32
BATCH_BYTES = 8_000_000  # a batch ends here too, so that large photos don't pile up in memory

Encoded = tuple[str, bytes, bytes]  # a photo's name, its bytes and their SHA-256
Loaded = tuple[str, bytes, np.ndarray | str]  # name, digest, pixels or why there are none


@dataclass(frozen=True)
class PhotoReader:
    """How photos are read and decoded, and who is told of it.

    Attributes:
        options: how they become faces.
        max_pixels: larger ones are skipped.
        workers: processes that decode.
        skip: called with the name and the reason of each photo that can't be used.
        progress: called with the number of photos that became faces.
        wanted: called with the name and the SHA-256 of each photo; what it says no to is not
            decoded.
        middle_taken: called with the name of a photo that is not square, of which the middle was
            taken; one photo of each batch is looked at.
    """

    options: PrepareOptions
    max_pixels: int
    workers: int
    skip: Callable[[str, str], None]
    progress: Callable[[int], object]
    wanted: Callable[[str, bytes], bool] = lambda name, digest: True
    middle_taken: Callable[[str], None] = lambda name: None

    def append_to(self, writer: FaceSetWriter, photos: Iterable[Photo]) -> list[str]:
        """Appends what can be loaded and returns the names of it."""
        kept: list[str] = []
        for loaded in self._load(photos):
            good = [photo for photo in loaded if not isinstance(photo[2], str)]
            for name, _, reason in loaded:
                if isinstance(reason, str):
                    self.skip(name, reason)
            if good:
                names, digests, images = zip(*good, strict=True)
                sources = np.frombuffer(b"".join(digests), np.uint8).reshape(len(good), -1)
                writer.append(np.stack(images), names, sources)
                kept += names
                self.progress(len(good))
        return kept

    def _takes_middle(self, data: bytes) -> bool:
        if self.options.align or self.options.box:
            return False
        try:
            width, height = upright_size(data, max_pixels=self.max_pixels)
        except InputError:
            return False  # whoever decodes it says so
        return width != height and crop_box(width, height) == centre_square(width, height)

    def _load(self, photos: Iterable[Photo]) -> Iterator[list[Loaded]]:
        options = self.options
        align = "yes" if options.align else "no"
        loading = (options.size, options.box, self.max_pixels, align)
        return map_in_workers(load_batch, self.batches(photos), loading, workers=self.workers)

    def batches(self, photos: Iterable[Photo]) -> Iterator[list[Encoded]]:
        """Yields the photos with their bytes; archives are read here, in one process."""
        batch: list[Encoded] = []
        held = 0
        for photo in photos:
            try:
                data = photo.read()
            except InputError as error:
                self.skip(photo.name, str(error))
                continue
            digest = hashlib.sha256(data).digest()
            if not self.wanted(photo.name, digest):
                continue
            batch.append((photo.name, data, digest))
            held += len(data)
            if len(batch) == 1 and self._takes_middle(data):
                self.middle_taken(photo.name)
            if len(batch) >= BATCH_PHOTOS or held >= BATCH_BYTES:
                yield batch
                batch, held = [], 0
        if batch:
            yield batch


def load_batch(
    batch: list[Encoded], size: int, box: Box | None, max_pixels: int, align: str
) -> list[Loaded]:
    """What a worker does."""
    loaded: list[Loaded] = []
    for name, data, digest in batch:
        try:
            face, _ = load_photo(data, size=size, box=box, max_pixels=max_pixels, align=align)
            loaded.append((name, digest, face))
        except InputError as error:
            loaded.append((name, digest, str(error)))
    return loaded


def describe_crop(options: PrepareOptions) -> str:
    """The crop in words, as a face set records it."""
    if options.align:
        return f"aligned by the eyes, box {options.box or CELEBA_BOX}"
    if options.box:
        return "x".join(map(str, options.box))
    return f"CelebA box {CELEBA_BOX}, else centre square"
