"""What an output was made from, found again: weights, samplers, points and stores.

Input files are found by their recorded names, and told from others of the same name by their
digests or fingerprints.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from facegen.errors import InputError, MissingFileError
from facegen.io import attribute_file, component_file, hdf5, sampler_file
from facegen.io.face_set import FaceSet
from facegen.io.face_set_history import History
from facegen.io.files import sha256_of
from facegen.io.latent_store import Latents
from facegen.io.weights import DECODERS, Weights
from facegen.latent.components import Components
from facegen.latent.directions import Directions, Move
from facegen.latent.edits import Edit
from facegen.latent.samplers import (
    AtPercentiles,
    FittedSampler,
    MovedPoints,
    OnShell,
    PointSampler,
    Sampler,
    StoredPoints,
    Truncated,
)
from facegen.model.codec import Codec
from facegen.model.named_points import Point, PointReader
from facegen.recipes.ingredients import (
    EditRecipe,
    Model,
    MoveRecipe,
    SamplerRecipe,
    Source,
    StoreRecipe,
)
from facegen.recipes.photo_search import PhotoSearch
from facegen.row_ranges import format_rows


@dataclass(frozen=True)
class Materials:
    """Where to find what an output was made from.

    Attributes:
        model: the weights that made it; None where there are none to compare.
        folders: where input files may be, by their recorded names.
        given: folders and archives that the user has named, whose photos are searched, too.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: that compute; by default one per processor.
    """

    model: Model | None
    folders: Sequence[Path]
    given: Sequence[Path] = ()
    weights: str | os.PathLike | None = None
    threads: int | None = None

    @cached_property
    def codec(self) -> Codec:
        """The model that made it.

        Raises:
            InputError: the weights are others than those; the message names them.
        """
        found, made_by = Weights.load(self.weights), self.model
        if made_by is None:
            return Codec(found, threads=self.threads)
        halves = {"encoder_sha256": "encoder", "decoder_sha256": DECODERS[made_by.decoder]}
        for key, digest in made_by.digests.items():
            graph = f"{halves[key]}.tflite"
            if not (found.path / graph).exists() or found.digest(graph) != digest:
                raise InputError(
                    f"the original was made by the weights {made_by.name} ({made_by.decoder} {key} "
                    f"{digest[:12]}), {found.path} has others; name theirs with --weights"
                )
        return Codec(found, decoder=made_by.decoder, threads=self.threads)

    def _candidates(self, name: str) -> Iterator[Path]:
        """The files of that name."""
        for folder in (Path(), *self.folders, *self.given):
            for path in dict.fromkeys((folder / name, folder / Path(name).name)):
                if os.path.isfile(path):  # unlike Path's, it has no exceptions for odd names
                    yield path

    def _find(self, name: str, check: Callable[[Path], object]) -> Path:
        """The first file of a name that is right: `check` raises InputError for others.

        Raises:
            MissingFileError: there is none of that name.
            InputError: all are others; the first one's error.
        """
        wrong: InputError | None = None
        for path in self._candidates(name):
            try:
                check(path)
                return path
            except InputError as error:
                wrong = wrong or error
        raise wrong or self._missing(name)

    def _missing(self, name: str) -> MissingFileError:
        places = ", ".join(dict.fromkeys(map(str, (*self.folders, *self.given))))
        return MissingFileError(f"the original needs {name}, which is not in {places}; see --from")

    def _find_same(self, name: str, kind: str, sha256: str) -> Path:
        """An HDF5 file of this kind and with this digest."""

        def check(path: Path) -> None:
            if hdf5.kind_of(path) != kind or sha256_of(path) != sha256:
                raise _another(path)

        return self._find(name, check)

    def find_faces(self, name: str, fingerprint: str, rows: Sequence[int] | None = None) -> Path:
        """A face set with this fingerprint.

        Args:
            rows: the rows that are needed: the face set may have grown since, if they are the same.

        Raises:
            MissingFileError, InputError: there is none, or all of its name are others.
        """

        def check(path: Path) -> None:
            with FaceSet.open(path) as faces:
                _check_faces(faces, fingerprint, rows)

        return self._find(name, check)

    def find_stored(self, name: str, expected: dict[str, Any]) -> Path:
        """A store with some values of its `facegen.io.latent_store.Origin`.

        Raises:
            MissingFileError, InputError: there is none, or all of its name are others.
        """

        def check(path: Path) -> None:
            with Latents.open(path) as store:
                _check_same(path, store.provenance["origin"], expected)

        return self._find(name, check)

    def find_store(self, recorded: StoreRecipe) -> Path:
        """A store with the same rows (`facegen.io.latent_store.Latents.provenance`).

        Raises:
            MissingFileError, InputError: there is none, or all of its name are others.
        """

        def check(path: Path) -> None:
            with Latents.open(path) as store:
                found = store.provenance
            _check_same(path, found["origin"], recorded.origin)
            _check_same(path, found, {"rows_done": recorded.rows_done})

        return self._find(recorded.file, check)

    def points(self, sources: Sequence[Source]) -> list[Point]:
        """Points by their recorded sources.

        Raises:
            MissingFileError, InputError: a file is not found, or is another one than it was.
        """
        found: dict[int, Point] = {}
        groups: dict[tuple, list[int]] = {}  # what is read at once: all photos, the rows of a file
        for i, source in enumerate(sources):
            is_photo = source.kind == "photo"
            sampler = str(source.recorded.get("sampler"))
            key = () if is_photo else (source.file, source.digest, source.seed, sampler)
            groups.setdefault((source.kind, *key), []).append(i)
        for (kind, *_), some in groups.items():
            chosen = [sources[i] for i in some]
            read = self._photos(chosen) if kind == "photo" else self._rows(chosen)
            found |= dict(zip(some, read, strict=True))
        return [found[i] for i in range(len(sources))]

    def _photos(self, sources: Sequence[Source]) -> list[Point]:
        search = PhotoSearch(self.codec, self._candidates, self.given, self._missing)
        return search.points(sources)

    def _rows(self, sources: Sequence[Source]) -> Iterator[Point]:
        """The points of some rows of one seed or one file."""
        rows, first = format_rows([source.row for source in sources]), sources[0]
        reader = PointReader(self.codec)
        if first.sampler is not None:
            reader = replace(reader, sampler=self.sampler(first.sampler))
        if first.kind == "seed":
            name = f"seed:{first.seed}:{rows}"
        elif first.kind == "faces":
            numbers = [source.row for source in sources]
            name = f"{self.find_faces(first.file, first.digest, numbers)}:{rows}"
        else:
            name = f"{self.find_stored(first.file, {'fingerprint': first.digest})}:{rows}"
        for point, source in zip(reader.read([name]), sources, strict=True):
            yield Point(point.z, source.recorded, point.original)

    def sampler(self, made: SamplerRecipe) -> PointSampler:
        """The sampler that its points came from."""
        sampler, mean = self._point_source(made)
        if made.radius is not None:
            sampler = OnShell(sampler, made.radius)
        if made.percentiles is not None and made.quantiles is not None:
            low, high = made.percentiles
            sampler = AtPercentiles(sampler, low, high, made.quantiles)
        if made.truncation is not None:
            sampler = Truncated(sampler, mean, made.truncation)
        if made.move is not None:
            sampler = MovedPoints(sampler, self.move(made.move))
        return sampler

    def _point_source(self, made: SamplerRecipe) -> tuple[PointSampler, np.ndarray]:
        """Where points come from before they are moved, and their mean."""
        mean = np.zeros(self.codec.latent_dim, np.float32)
        if made.name == "fitted":
            found = FittedSampler.load(self._find_same(made.file, sampler_file.FORMAT, made.sha256))
            return found, found.mean
        if made.expected is not None:
            path = self.find_stored(made.file, made.expected)
            return StoredPoints(Latents.open(path), made.array), mean
        if made.name == "uniform":
            return Sampler(r_limit=made.extent), mean
        return Sampler(sigma=made.extent), mean

    def edit(self, made: EditRecipe) -> Edit:
        """What is done to faces."""
        return Edit(None if made.move is None else self.move(made.move), made.radius)

    def move(self, made: MoveRecipe) -> Move:
        """A move along directions."""
        directions = components = None
        if "attributes" in made.files:
            directions = Directions.read(
                self._find_directions(attribute_file, *made.files["attributes"])
            )
        if "components" in made.files:
            components = Components.read(
                self._find_directions(component_file, *made.files["components"])
            )
        return Move(directions, made.attributes, made.without, components)

    def _find_directions(self, kind: ModuleType, name: str, sha256: str) -> Path:
        """A file of directions by its digest: the weights' own, or one of the recorded name."""
        own = self.codec.weights.path / kind.FILE_NAME
        if own.is_file() and sha256_of(own) == sha256:
            return own
        return self._find_same(name, kind.FORMAT, sha256)


def _another(path: Path) -> InputError:
    return InputError(f"{path} is another file than the one that the original was made from")


def _check_faces(faces: FaceSet, fingerprint: str, rows: Sequence[int] | None) -> None:
    """Raises InputError unless a face set is, or in these rows still is, what it was."""
    if faces.fingerprint == fingerprint:
        return
    history = History.read(faces.file)
    count = history.rows_of(fingerprint)
    kept = None if count is None else history.kept_rows(count, fingerprint)
    if count is None or kept is None:
        _check_same(faces.path, {}, {"fingerprint": fingerprint})
    elif rows is not None and all(row < len(kept) and kept[row] == row for row in rows):
        return
    elif len(kept) < count:
        raise InputError(
            f"{faces.path} is not what the original was made from any more: "
            f"{count - len(kept)} of its {count} photos were forgotten since"
        )
    else:
        raise InputError(
            f"{faces.path} has grown since the original was made from it, from {count} rows to "
            f"{len(faces)}"
        )


def _check_same(path: str | os.PathLike, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raises InputError unless a file has all the expected values."""
    for key, value in expected.items():
        if found.get(key) != value:
            raise InputError(f"{path} is not what the original was made from: its {key} is another")
