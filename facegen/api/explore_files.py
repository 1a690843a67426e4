"""What an explorer is given beside its weights: each file opened once, when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from facegen.errors import InputError
from facegen.io.weights import Weights
from facegen.latent.sampler_choice import SamplerChoice
from facegen.latent.samplers import PointSampler

if TYPE_CHECKING:  # HDF5 costs 0.2 s, which the first faces don't need
    from facegen.api.explore_map import StoreMaps
    from facegen.io.face_set import FaceSet
    from facegen.io.latent_store import Latents
    from facegen.latent.components import Components
    from facegen.latent.directions import Directions


@dataclass(frozen=True)
class ExplorerFiles:
    """The files that an explorer is given; None where there is none.

    Attributes:
        weights: a folder; by default the model that comes with facegen.
        attributes: directions, of labels or without; by default those beside the weights.
        sampler: a fitted one.
        latents, faces: a store, and the face set that it was made of.
        map: places of the store's rows, as `facegen analyze tsne --csv` writes them.
    """

    weights: Path | None = None
    attributes: Path | None = None
    sampler: Path | None = None
    latents: Path | None = None
    faces: Path | None = None
    map: Path | None = None


class OpenFiles:
    """Those files, open. Threads may share them.

    Every property raises MissingFileError or InputError where a file that was named is missing,
    damaged, or doesn't fit the weights.
    """

    def __init__(self, files: ExplorerFiles, weights: Weights):
        self.files = files
        self.weights = weights
        self._sampler = lru_cache(64)(lambda choice: choice.make(weights)[0])

    def check(self) -> None:
        """Opens all that were named, so that what is wrong with them is said at once."""
        if self.files.attributes is not None:
            _ = self.directions, self.components
        if self.files.sampler is not None:
            self.sampler(SamplerChoice(sampler=self.files.sampler))
        _ = self.store, self.face_set, self.maps

    @cached_property
    def directions(self) -> Directions | None:
        """Of the labels; None where there are none."""
        from facegen.io.attribute_file import FILE_NAME
        from facegen.latent.components import by_kind
        from facegen.latent.directions import find_directions

        named, _ = by_kind(self.files.attributes)
        if named is None and not (self.weights.path / FILE_NAME).is_file():
            return None
        return find_directions(self.weights, named)

    @cached_property
    def components(self) -> Components | None:
        """Directions without labels; None where there are none."""
        from facegen.io.component_file import FILE_NAME
        from facegen.latent.components import by_kind, find_components

        _, named = by_kind(self.files.attributes)
        if named is None and not (self.weights.path / FILE_NAME).is_file():
            return None
        return find_components(self.weights, named)

    @cached_property
    def store(self) -> Latents | None:
        """The encoded store; None where there is none."""
        if self.files.latents is None:
            return None
        from facegen.io.latent_store import Latents

        store = Latents.open(self.files.latents)
        store.check(self.weights)
        return store

    @cached_property
    def face_set(self) -> FaceSet | None:
        """The face set of the store; None where there is none."""
        if self.files.faces is None or self.store is None:
            return None
        from facegen.io.face_set import FaceSet

        faces = FaceSet.open(self.files.faces)
        faces.check_size(self.weights.model.image_size, "the model")
        if faces.fingerprint != self.store.origin.fingerprint:
            raise InputError(
                f"{self.files.faces} is not the face set that {self.files.latents} was made of"
            )
        return faces

    @cached_property
    def maps(self) -> StoreMaps | None:
        """The maps of the store, made or not; None where there is no store."""
        if self.store is None:
            return None
        from facegen.api.explore_map import StoreMaps

        return StoreMaps(self.store, self.files.map)

    def sampler(self, choice: SamplerChoice) -> PointSampler:
        """The sampler of a choice, read once."""
        found: PointSampler = self._sampler(choice)
        return found
