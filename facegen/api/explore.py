"""explore: the faces that the explorer shows, made as `generate`, `edit` and `morph` make them.

The explorer's page (`facegen.web`) asks for faces by descriptions, which are plain data: where a
point comes from, what is done to it, how it is decoded. Here they become pixels, and the PNG that
the command line would have written.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from facegen.api.edit import edit_provenance
from facegen.api.explore_files import ExplorerFiles, OpenFiles
from facegen.api.morph_mix import mix_provenance
from facegen.errors import InputError
from facegen.images.alignment import load_photo
from facegen.images.recorded_photos import photo_source
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import png_bytes
from facegen.io.weights import Weights
from facegen.latent.edits import Edit
from facegen.latent.interpolation import mix
from facegen.latent.sampler_choice import SamplerChoice
from facegen.model.codec import Codec
from facegen.model.named_points import Point, PointReader

MAX_PHOTOS = 16  # that are kept in memory: of each the point and the face, 30 kB
MAX_PHOTO_PIXELS = 50_000_000  # 400 MB to decode; a telephone's largest


@dataclass(frozen=True)
class Source:
    """Where a point comes from: a seed, the store, or a photo that was given.

    Attributes:
        seed: with `row`, a face of `generate`; None of the others.
        row: of the seed, or of the store.
        photo: the SHA-256 of a photo's bytes.
    """

    seed: int | None = None
    row: int = 0
    photo: str | None = None


@dataclass(frozen=True)
class Wish:
    """One face that is asked for: an edit of one source, or a mix of two or four.

    Attributes:
        sources: one, or the corners of a mix.
        place: of a mix, (u) or (u, v) as `facegen.latent.interpolation.mix` takes them; else ().
        attribute, without, radius: what is done to each source, as `facegen.edit` takes them.
    """

    sources: tuple[Source, ...]
    place: tuple[float, ...] = ()
    attribute: Mapping[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    radius: float | None = None


@dataclass(frozen=True)
class Look:
    """How the faces of a request are sampled, decoded and sharpened."""

    decoder: str
    sharpening: Sharpening = Sharpening()
    sampler: SamplerChoice = SamplerChoice()


class Explorer:
    """A model and the files beside it, ready to show faces. Threads may share one."""

    def __init__(self, files: ExplorerFiles, *, threads: int | None = None):
        """Reads what says what the weights are; all else once it is needed.

        Raises:
            MissingFileError, InputError: the weights are missing or damaged.
        """
        self.files = files
        self.weights = Weights.load(files.weights)
        names = ["plain"]
        if "crisp_decoder.tflite" in self.weights.config["files"]:
            names.insert(0, "crisp")
        self.codecs = {name: Codec(self.weights, decoder=name, threads=threads) for name in names}
        self._photos: OrderedDict[str, Point] = OrderedDict()
        self._lock = Lock()  # of what is read once, and of the photos
        self.opened = OpenFiles(files, self.weights)

    def warm_up(self) -> None:
        """Reads what the first faces need, before they are asked for."""
        self.faces([Wish((Source(0),))], Look(next(iter(self.codecs))))
        _ = self.opened.directions, self.opened.components

    @property
    def codec(self) -> Codec:
        """That of the default decoder."""
        return next(iter(self.codecs.values()))

    def faces(self, wishes: Sequence[Wish], look: Look) -> tuple[np.ndarray, list[float]]:
        """The faces that are asked for.

        Returns:
            uint8 (N, image_size, image_size, 3), and for each face the distance from the origin at
            which it lies by itself: before it goes to a radius, or along directions.

        Raises:
            InputError: a wish names what isn't there, or can't be granted.
        """
        found = [self._place(wish, look) for wish in wishes]
        z = np.stack([place for place, _ in found])
        faces = look.sharpening.apply_to_faces(self.codecs[look.decoder].decode(z))
        return faces, [radius for _, radius in found]

    def png(self, wish: Wish, look: Look) -> bytes:
        """One face as the PNG that the command line would have written, with its provenance.

        Raises:
            InputError: as `faces`.
        """
        faces, _ = self.faces([wish], look)
        codec, points, edit = self.codecs[look.decoder], self._points(wish, look), self._edit(wish)
        provenance = (
            mix_provenance(codec, points, place=wish.place, edit=edit, sharpening=look.sharpening)
            if wish.place
            else edit_provenance(codec, points, edit, sharpening=look.sharpening)
        )
        return png_bytes(Image.fromarray(faces[0]), provenance)

    def add_photo(self, data: bytes, name: str) -> tuple[Source, str | None]:
        """Encodes a photo and keeps its point, in memory alone.

        Args:
            data: an encoded photo.
            name: of its file, to record.

        Returns:
            How to ask for its face, and why its own face was not sought or found, if so.

        Raises:
            InputError: it can't be used; the message is the reason alone.
        """
        face, note = load_photo(data, size=self.codec.image_size, max_pixels=MAX_PHOTO_PIXELS)
        z = self.codec.encode(face[None])[0][0]
        recorded = photo_source(name, data)
        digest = recorded["sha256"]
        with self._lock:
            self._photos[digest] = Point(z, recorded, face)
            while len(self._photos) > MAX_PHOTOS:
                self._photos.popitem(last=False)
        return Source(photo=digest), note

    def original(self, source: Source) -> np.ndarray:
        """What a photo or a row was encoded from, uint8 (image_size, image_size, 3).

        Raises:
            InputError: there is none.
        """
        if source.photo is not None:
            original = self._photo(source.photo).original
            assert original is not None  # it was encoded from it
            return original
        if source.seed is not None or self.opened.face_set is None:
            raise InputError("this face was not encoded from a picture that is here")
        return self.opened.face_set.read(np.array([source.row]))[0]

    def _photo(self, digest: str) -> Point:
        with self._lock:
            if digest not in self._photos:
                raise InputError("the photo is no longer in memory; drop it on the page again")
            self._photos.move_to_end(digest)
            return self._photos[digest]

    def _point(self, source: Source, look: Look) -> Point:
        if source.photo is not None:
            return self._photo(source.photo)
        if source.seed is not None:
            reader = PointReader(
                self.codecs[look.decoder], sampler=self.opened.sampler(look.sampler)
            )
            return next(reader.read(f"seed:{source.seed}:{source.row}"))
        if self.opened.store is None:
            raise InputError("there is no store; give one with --latents")
        z = self.opened.store.read([source.row], "mu")
        self.opened.store.check_finite(z, [source.row], "mu", "choose another row")
        origin = {
            "latents": self.opened.store.path.name,
            "fingerprint": self.opened.store.origin.fingerprint,
        }
        return Point(z[0], {**origin, "row": source.row})

    def _points(self, wish: Wish, look: Look) -> list[Point]:
        return [self._point(source, look) for source in wish.sources]

    def _edit(self, wish: Wish) -> Edit:
        if not wish.attribute:
            return Edit(radius=wish.radius)
        from facegen.latent.components import is_component
        from facegen.latent.directions import Move

        named = [is_component(name) for name in (*wish.attribute, *wish.without)]
        directions = None if all(named) else self.opened.directions
        components = self.opened.components if any(named) else None
        return Edit(Move(directions, wish.attribute, wish.without, components), wish.radius)

    def _place(self, wish: Wish, look: Look) -> tuple[np.ndarray, float]:
        """A wish's point, and the radius at which its face lies by itself."""
        z = np.stack([point.z for point in self._points(wish, look)])
        edited = self._edit(wish).apply(z)
        if wish.place:
            edited = z = mix(edited, [wish.place])
        return edited[0], float(np.linalg.norm(z[0].astype(np.float64)))


def explore(
    *,
    weights: str | os.PathLike | None = None,
    attributes: str | os.PathLike | None = None,
    sampler: str | os.PathLike | None = None,
    latents: str | os.PathLike | None = None,
    faces: str | os.PathLike | None = None,
    map: str | os.PathLike | None = None,
    threads: int | None = None,
) -> Explorer:
    """Opens a model and files beside it, as the explorer shows them.

    `facegen.web.server` shows them in a browser; `facegen.web.static_page` makes a folder of them.

    Args:
        weights: a folder of weights; by default the model that comes with facegen.
        attributes: directions, of labels or without; by default those beside the weights.
        sampler: one that `facegen.fit` has written.
        latents, faces: a store, and the face set that it was made of.
        map: places of the store's rows, as `facegen analyze tsne --csv` writes them.
        threads: threads that compute; by default one per processor.

    Raises:
        MissingFileError, InputError: one of them is missing, damaged, or doesn't fit the weights.
    """
    given = (weights, attributes, sampler, latents, faces, map)
    files = ExplorerFiles(*(None if path is None else Path(path) for path in given))
    explorer = Explorer(files, threads=threads)
    explorer.opened.check()
    return explorer
