"""What an output was made from, found again: weights, samplers, points and stores.

Input files are found by their recorded names, and compared by their digests or fingerprints.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facegen.codec import Codec
from facegen.directions import FILE_NAME, Directions, Move
from facegen.editing import MovedPoints
from facegen.errors import InputError, MissingFileError
from facegen.faces import FaceSet
from facegen.files import sha256_of
from facegen.fitted import FittedSampler
from facegen.generating import Sampler, StoredPoints
from facegen.latents import Latents
from facegen.points import Point, PointReader
from facegen.radii import AtPercentiles, OnShell, RadiusQuantiles, Truncated
from facegen.recording import describe_store
from facegen.sampling import PointSampler
from facegen.weights import DECODERS, Weights


@dataclass(frozen=True)
class Materials:
    """Where to find what an output was made from.

    Attributes:
        provenance: what the output says of how it was made.
        folders: where input files may be, by their recorded names.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: that compute; by default one per processor.
    """

    provenance: dict[str, Any]
    folders: Sequence[Path]
    weights: str | os.PathLike | None = None
    threads: int | None = None

    @cached_property
    def codec(self) -> Codec:
        """The model that made it.

        Raises:
            InputError: the weights are others than those; the message names them.
        """
        made_by = self.provenance["weights"]
        found = Weights.load(self.weights)
        decoder = made_by.get("decoder", "plain")
        halves = {"encoder": "encoder_sha256", DECODERS[decoder]: "decoder_sha256"}
        for half, key in halves.items():
            available = (found.path / f"{half}.tflite").exists()
            if key in made_by and (not available or found.digest(f"{half}.tflite") != made_by[key]):
                raise InputError(
                    f"the original was made by the weights {made_by['name']} ({decoder} {key} "
                    f"{made_by[key][:12]}), {found.path} has others; name theirs with --weights"
                )
        return Codec(found, decoder=decoder, threads=self.threads)

    def find(self, name: str) -> Path:
        """An input file.

        Raises:
            MissingFileError: it is in none of the folders.
        """
        for path in (Path(name), *(folder / Path(name).name for folder in self.folders)):
            if path.is_file():
                return path
        places = ", ".join(str(folder) for folder in self.folders)
        raise MissingFileError(f"the original needs {name}, which is not in {places}; see --from")

    def find_same(self, name: str, sha256: str) -> Path:
        """An input file with this digest.

        Raises:
            MissingFileError: it is in none of the folders.
            InputError: another file has its name.
        """
        path = self.find(name)
        if sha256_of(path) != sha256:
            raise InputError(f"{path} is another file than the one that the original was made from")
        return path

    def find_faces(self, name: str, fingerprint: str) -> Path:
        """A face set with this fingerprint.

        Raises:
            MissingFileError: it is in none of the folders.
            InputError: another has its name.
        """
        path = self.find(name)
        with FaceSet.open(path) as faces:
            _check_same(path, {"fingerprint": faces.fingerprint}, {"fingerprint": fingerprint})
        return path

    def find_store(self, recorded: dict[str, Any]) -> Path:
        """A store with the same rows (`facegen.recording.describe_store`).

        Raises:
            MissingFileError: it is in none of the folders.
            InputError: another store has its name.
        """
        path = self.find(recorded["latents"])
        with Latents.open(path) as store:
            found = describe_store(store)
        names = ("weights", "source")  # to tell people; the same rows may have others
        expected = {k: v for k, v in recorded["origin"].items() if k not in names}
        _check_same(path, found["origin"], expected)
        _check_same(path, found, {"rows_done": recorded["rows_done"]})
        return path

    def points(self, sources: Sequence[dict[str, Any]]) -> list[Point]:
        """Points by their recorded sources.

        Raises:
            MissingFileError, InputError: a file is not found, or is another one than it was.
        """
        points = []
        for source in sources:
            reader = PointReader(
                self.codec,
                align=source.get("align", "auto"),
                box=tuple(source["box"]) if source.get("box") else None,
            )
            name = self._name(source)
            (point,) = reader.read([name])
            keys = {"fingerprint", "sha256"} & source.keys()
            _check_same(name, point.source, {key: source[key] for key in keys})
            points.append(point)
        return points

    def _name(self, source: dict[str, Any]) -> str:
        """A source as `facegen.points` names it."""
        if "seed" in source:
            return f"seed:{source['seed']}:{source['row']}"
        for kind in ("faces", "latents"):
            if kind in source:
                return f"{self.find(source[kind])}:{source['row']}"
        return str(self.find(source["photo"]))

    def sampler(self) -> PointSampler:
        """The sampler that its points came from."""
        recorded = self.provenance["sampler"]
        sampler, mean = self._point_source(recorded)
        if "radius" in recorded:
            sampler = OnShell(sampler, recorded["radius"])
        if "radius_percentile" in recorded:
            radii = RadiusQuantiles.parse(recorded["radius_quantiles"])
            low, high = recorded["radius_percentile"]
            sampler = AtPercentiles(sampler, low, high, radii)
        if "truncation" in recorded:
            sampler = Truncated(sampler, mean, recorded["truncation"])
        if "move" in recorded:
            sampler = MovedPoints(sampler, self.move(recorded["move"]))
        return sampler

    def _point_source(self, recorded: dict[str, Any]) -> tuple[PointSampler, np.ndarray]:
        """Where points come from before they are moved, and their mean."""
        mean = np.zeros(self.codec.latent_dim, np.float32)
        name = recorded["name"]
        if name == "normal":
            return Sampler(sigma=recorded["sigma"]), mean
        if name == "uniform":
            return Sampler(r_limit=recorded["r_limit"]), mean
        if name == "fitted":
            path = self.find_same(recorded["sampler"], recorded["sampler_sha256"])
            fitted = FittedSampler.load(path)
            return fitted, fitted.mean
        if name == "latents":
            stored = StoredPoints(Latents.open(self.find(recorded["latents"])), recorded["points"])
            keys = ("latents_fingerprint", "epsilon_scale", "encoder_sha256")
            expected = {key: recorded[key] for key in keys}
            _check_same(stored.store.path, stored.provenance, expected)
            return stored, mean
        raise InputError(f"the original's points come from a sampler {name!r}; upgrade facegen")

    def move(self, recorded: dict[str, Any]) -> Move:
        """A move along labels' directions."""
        beside = self.codec.weights.path / FILE_NAME
        if beside.is_file() and sha256_of(beside) == recorded["attributes_sha256"]:
            path = beside
        else:
            path = self.find_same(recorded["attributes_file"], recorded["attributes_sha256"])
        return Move(Directions.read(path), recorded["attributes"], recorded["without"])


def _check_same(path: str | os.PathLike, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raises InputError unless a file has all the expected values."""
    for key, value in expected.items():
        if found.get(key) != value:
            raise InputError(f"{path} is not what the original was made from: its {key} is another")
