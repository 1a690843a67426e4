"""What an output was made from, found again: weights, samplers, points and moves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np

from facegen.errors import InputError
from facegen.io import attribute_file, component_file, sampler_file
from facegen.io.files import sha256_of
from facegen.io.latent_store import Latents
from facegen.io.weights import Weights
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
)
from facegen.recipes.photo_search import PhotoSearch
from facegen.recipes.places import Places
from facegen.row_ranges import format_rows


@dataclass(frozen=True)
class Materials:
    """Where to find what an output was made from.

    Attributes:
        model: the weights that made it; None where there are none to compare.
        places: where input files may be; of the given ones all photos are searched, too.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: that compute; by default one per processor.
    """

    model: Model | None
    places: Places
    weights: str | os.PathLike | None = None
    threads: int | None = None

    @cached_property
    def codec(self) -> Codec:
        """The model that made it, as `codec_of`."""
        if self.model is None:
            return Codec(Weights.load(self.weights), threads=self.threads)
        return self.codec_of(self.model)

    def codec_of(self, made_by: Model) -> Codec:
        """A model that made it: the weights given, or those of its name in the folders.

        Raises:
            InputError: the weights are others than those; the message names them.
        """
        found = given = Weights.load(self.weights)
        if wrong := made_by.differs(given):
            others = (one for one in self.places.weights(made_by.name) if not made_by.differs(one))
            if (other := next(others, None)) is None:
                raise InputError(
                    f"the original was made by the weights {made_by.name} ({made_by.decoder} "
                    f"{wrong}), {given.path} has others; name theirs with --weights, or their "
                    "folder's folder with --from"
                )
            found = other
        return Codec(found, decoder=made_by.decoder, threads=self.threads)

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
        search = PhotoSearch(
            self.codec, self.places.candidates, self.places.given, self.places.missing
        )
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
            name = f"{self.places.find_faces(first.file, first.digest, numbers)}:{rows}"
        else:
            name = f"{self.places.find_stored(first.file, {'fingerprint': first.digest})}:{rows}"
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
            path = self.places.find_same(made.file, sampler_file.FORMAT, made.sha256)
            found = FittedSampler.load(path)
            return found, found.mean
        if made.expected is not None:
            path = self.places.find_stored(made.file, made.expected)
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
        return self.places.find_same(name, kind.FORMAT, sha256)
