"""Samplers: all the ways to choose points. Each says what it is, so that it can be made again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from facegen.errors import InputError
from facegen.io.files import sha256_of
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.radius_quantiles import RadiusQuantiles

if TYPE_CHECKING:  # HDF5 costs 0.2 s, which most sheets don't need
    from facegen.io.latent_store import Latents
    from facegen.io.sampler_file import Fit
    from facegen.latent.directions import Move


class PointSampler(Protocol):
    """Where points come from: whatever gives the points of rows and says what it is."""

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim)."""

    @property
    def provenance(self) -> dict[str, Any]:
        """As JSON: all that is needed, beside the seed, to sample the same points again."""


@dataclass(frozen=True)
class Sampler:
    """Points from a distribution that needs no data; docs/samplers.md has all others too.

    Attributes:
        sigma: points from N(0, sigma^2) in every coordinate, unless r_limit is given.
        r_limit: points uniform in [-r_limit, r_limit] in every coordinate.
    """

    sigma: float = 1.0
    r_limit: float | None = None

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim)."""
        if self.r_limit is None:
            return random_points.normal(rows, latent_dim, seed=seed, sigma=self.sigma)
        return random_points.uniform(rows, latent_dim, seed=seed, r_limit=self.r_limit)

    @property
    def provenance(self) -> dict[str, Any]:
        if self.r_limit is None:
            return {"name": "normal", "sigma": self.sigma}
        return {"name": "uniform", "r_limit": self.r_limit}


@dataclass(frozen=True)
class StoredPoints:
    """The points of an encoded store, in a sampler's place.

    Attributes:
        store: open for reading.
        array: "z" or "mu".
    """

    store: Latents
    array: str = "z"

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim).

        Raises:
            InputError: one is not finite, or can't be read.
        """
        points = self.store.read(rows, self.array)
        self.store.check_finite(points, rows, self.array, "choose other rows")
        return points

    @property
    def provenance(self) -> dict[str, Any]:
        return {
            "name": "latents",
            "points": self.array,
            "latents": self.store.path.name,
            "latents_fingerprint": self.store.origin.fingerprint,
            "epsilon_scale": self.store.origin.epsilon_scale,
            "encoder_sha256": self.store.origin.encoder_sha256,
        }


@dataclass(frozen=True)
class MovedPoints:
    """The points of a sampler, all moved alike; in a sampler's place.

    Attributes:
        sampler: where the points come from.
        move: along which directions, and how far.
    """

    sampler: PointSampler
    move: Move

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim)."""
        return self.sampler.sample(rows, latent_dim, seed=seed) + self.move.offset()

    @property
    def provenance(self) -> dict[str, Any]:
        return {**self.sampler.provenance, "move": self.move.provenance}


@dataclass(frozen=True)
class OnShell:
    """Points of another sampler, moved along their directions to one radius.

    Those of a normal distribution are then uniform on the shell: no direction is preferred.
    Source: Muller 1959, "A note on a method for generating points uniformly on n-dimensional
    spheres".
    """

    sampler: PointSampler
    radius: float

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim)."""
        return random_points.scale_to(self.sampler.sample(rows, latent_dim, seed=seed), self.radius)

    @property
    def provenance(self) -> dict[str, Any]:
        return {**self.sampler.provenance, "radius": self.radius}


@dataclass(frozen=True)
class AtPercentiles:
    """Points of another sampler, moved along their directions to radii of training faces.

    Attributes:
        low, high: percentiles, 0 <= low <= high <= 100; radii are drawn between them.
        training: radii of the training faces.
    """

    sampler: PointSampler
    low: float
    high: float
    training: RadiusQuantiles

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim)."""
        chances = [
            random_points.generator(seed, row, random_points.RADIUS).random() for row in rows
        ]
        percentiles = self.low + (self.high - self.low) * np.array(chances)
        points = self.sampler.sample(rows, latent_dim, seed=seed)
        return random_points.scale_to(points, self.training.radius(percentiles / 100))

    @property
    def provenance(self) -> dict[str, Any]:
        return {
            **self.sampler.provenance,
            "radius_percentile": [self.low, self.high],
            "radius_quantiles": self.training.table,
        }


@dataclass(frozen=True)
class Truncated:
    """Points of another sampler, drawn towards its mean: mean + truncation * (z - mean).

    Fewer mistakes for less variety. Source: Karras, Laine and Aila 2019, "A style-based generator
    architecture", section B; the truncation of Brock, Donahue and Simonyan 2019 (BigGAN) is
    another: it draws coordinates again that are too large.

    Attributes:
        mean: float32 (latent_dim), of the sampler's points.
        truncation: in (0, 1]; 1 changes nothing.
    """

    sampler: PointSampler
    mean: np.ndarray
    truncation: float

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim)."""
        points = self.sampler.sample(rows, latent_dim, seed=seed)
        return self.mean + np.float32(self.truncation) * (points - self.mean)

    @property
    def provenance(self) -> dict[str, Any]:
        return {**self.sampler.provenance, "truncation": self.truncation}


@dataclass(frozen=True)
class FittedSampler:
    """A mixture of Gaussians, in a sampler's place.

    Attributes:
        weights: float64 (K), with the sum 1.
        means: float32 (K, latent_dim).
        factors: float32 (K, latent_dim, latent_dim), lower Cholesky factors of the covariances.
        radii: of the fitted rows.
        fit: what it is fitted to.
        path, sha256: the file it was read from, and its digest.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    radii: RadiusQuantiles
    fit: Fit
    path: Path | None = None
    sha256: str | None = None

    @classmethod
    def load(cls, path: str | os.PathLike) -> FittedSampler:
        """Reads sampler.h5.

        Raises:
            MissingFileError: no such file.
            InputError: not a sampler, damaged, truncated, or of a newer version.
        """
        from facegen.io.sampler_file import read_sampler

        read = read_sampler(path)
        try:
            radii = RadiusQuantiles.parse(dict(read.radius_quantiles.tolist()))
        except (InputError, ValueError) as error:
            raise InputError(f"{path} is damaged: {error}") from error
        digest = sha256_of(path)
        return cls(read.weights, read.means, read.factors, radii, read.fit, Path(path), digest)

    def save(
        self,
        path: str | os.PathLike,
        *,
        provenance: dict[str, Any] | None = None,
        force: bool = False,
    ) -> Path:
        """Writes sampler.h5.

        Args:
            provenance: all that is needed to make it again.

        Raises:
            OutputError: it exists (without `force`) or can't be written.
        """
        from facegen.io.sampler_file import FittedArrays, write_sampler

        quantiles = np.column_stack([self.radii.shares, self.radii.radii])
        arrays = FittedArrays(self.weights, self.means, self.factors, quantiles, self.fit)
        write_sampler(path, arrays, provenance=provenance, force=force)
        return Path(path)

    def check(self, weights: Weights) -> None:
        """Raises InputError if it was fitted to points of another encoder than the weights'."""
        weights.check_encoder(
            self.path or "the sampler",
            self.fit.encoder_sha256,
            self.fit.weights,
            instead="fit another with 'facegen fit', or ",
        )

    @property
    def latent_dim(self) -> int:
        """Coordinates of a point."""
        return self.means.shape[1]

    @property
    def mean(self) -> np.ndarray:
        """The mean of the points, float32 (latent_dim)."""
        return (self.weights @ self.means).astype(np.float32)

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim).

        Raises:
            InputError: its points have another number of coordinates.
        """
        if latent_dim != self.latent_dim:
            raise InputError(
                f"the sampler's points have {self.latent_dim} coordinates, not {latent_dim}"
            )
        return random_points.mixture(rows, self.weights, self.means, self.factors, seed=seed)

    @property
    def provenance(self) -> dict[str, Any]:
        return {
            "name": "fitted",
            "kind": self.fit.kind,
            "sampler": self.path.name if self.path else None,
            "sampler_sha256": self.sha256,
        }
