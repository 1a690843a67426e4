"""Points of the latent space as people name them: a photo, a stored face, a seed.

    me.jpg, photos/         photos, as `facegen.images.photo_sources.find_photos` finds them
    faces.h5:17             row 17 of a face set
    latents.h5:17           row 17 of an encoded store: its mu
    seed:5, seed:5:3        face 0, or 3, of 'facegen generate --seed 5'
    seed:5:3:r-limit=2.5    the same of 'facegen generate --seed 5 --r-limit 2.5'
Rows may be lists and ranges: latents.h5:3,17,20-40.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.images.photos import Box
from facegen.images.recorded_photos import load_recorded_photos
from facegen.latent.sampler_choice import SamplerChoice
from facegen.latent.samplers import PointSampler, Sampler
from facegen.model.codec import Codec
from facegen.paths import Paths, is_hdf5_name, path_list
from facegen.row_ranges import parse_rows
from facegen.seeds import check_seed

MAX_POINTS = 10_000  # of one name: they are in memory all at once, with their pictures
SEED = re.compile(r"seed:(\d{1,19})(?::([\d,-]+))?(?::([a-z-]+=.*))?")
STORED = re.compile(r"(.+\.(?:h5|hdf5)):([\d,-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Point:
    """A point of the latent space.

    Attributes:
        z: float32 (latent_dim).
        source: what it comes from, to tell people and to record.
        original: uint8 (image_size, image_size, 3), the face it was encoded from, if any.
    """

    z: np.ndarray
    source: dict[str, Any]
    original: np.ndarray | None = None


def _refuse(name: str, reason: str) -> None:
    raise InputError(f"{name}: {reason}")


@dataclass(frozen=True)
class PointReader:
    """Finds points by name.

    Attributes:
        codec: encodes photos; stored points must be its encoder's.
        align, box: how photos are cropped (`facegen.images.alignment.load_photo`).
        sampler: where faces of a seed come from, unless their names say it.
        on_skip: called with the name and the reason of each photo that can't be used; by default
            they are an InputError.
        on_note: called with the name and the reason where a face was not sought or found.
    """

    codec: Codec
    align: str = "auto"
    box: Box | None = None
    on_skip: Callable[[str, str], object] = _refuse
    on_note: Callable[[str, str], object] = lambda name, reason: None
    sampler: PointSampler = Sampler()

    def read(self, names: Paths) -> Iterator[Point]:
        """Yields the points of one name or of several, none for a photo that can't be used.

        Raises:
            MissingFileError: a file does not exist.
            InputError: a name is wrong, a row is not there, a store is another encoder's.
        """
        for name in map(str, path_list(names)):
            if match := SEED.fullmatch(name):
                yield from self._of_seed(int(match[1]), match[2] or "0", match[3])
            elif match := STORED.fullmatch(name):
                yield from self._of_rows(Path(match[1]), match[2])
            elif is_hdf5_name(name):
                raise InputError(f"{name}: name rows of it, such as {name}:17 or {name}:3,20-40")
            else:
                yield from self._of_photos(name)

    def _encoded(self, faces: np.ndarray, sources: Iterable[dict[str, Any]]) -> Iterator[Point]:
        mu, _ = self.codec.encode(faces)
        for z, source, face in zip(mu, sources, faces, strict=True):
            yield Point(z, source, face)

    def _of_seed(self, seed: int, rows: str, choice: str | None) -> Iterator[Point]:
        numbers = parse_rows(rows, most=MAX_POINTS).tolist()
        sampler = self.sampler
        if choice is not None:
            sampler = SamplerChoice.parse(choice).make(self.codec.weights)[0]
        points = sampler.sample(numbers, self.codec.latent_dim, seed=check_seed(seed))
        chosen = {} if sampler == Sampler() else {"sampler": sampler.provenance}
        for row, z in zip(numbers, points, strict=True):
            yield Point(z, {"seed": seed, "row": row, **chosen})

    def _of_rows(self, path: Path, rows: str) -> Iterator[Point]:
        from facegen.io import face_set, hdf5  # HDF5 costs 0.2 s

        if hdf5.kind_of(path) == face_set.FORMAT:
            yield from self._of_face_set(path, rows)
        else:
            yield from self._of_store(path, rows)

    def _of_face_set(self, path: Path, text: str) -> Iterator[Point]:
        from facegen.io.face_set import FaceSet

        with FaceSet.open(path) as opened:
            rows = parse_rows(text, opened.check_rows, most=MAX_POINTS)
            origin = {"faces": path.name, "fingerprint": opened.fingerprint}
            sources = [{**origin, "row": row} for row in rows.tolist()]
            yield from self._encoded(opened.read(rows), sources)

    def _of_store(self, path: Path, text: str) -> Iterator[Point]:
        from facegen.io.latent_store import Latents

        with Latents.open(path) as store:
            store.check(self.codec.weights)
            origin = {"latents": path.name, "fingerprint": store.origin.fingerprint}
            rows = parse_rows(text, store.check_rows, most=MAX_POINTS)
            points = store.read(rows, "mu")
            store.check_finite(points, rows, "mu", "choose other rows")
            for row, z in zip(rows.tolist(), points, strict=True):
                yield Point(z, {**origin, "row": row})

    def _of_photos(self, name: str) -> Iterator[Point]:
        for photo in load_recorded_photos(
            name,
            size=self.codec.image_size,
            box=self.box,
            align=self.align,
            on_skip=self.on_skip,
        ):
            if photo.note:
                self.on_note(photo.name, photo.note)
            yield from self._encoded(photo.face[None], [photo.source])
