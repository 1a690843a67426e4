"""Radii: how far from the origin training faces lie, and points moved to other radii.

The radius of a point is its L2 norm. In many dimensions almost all points of a normal
distribution, and of the training faces of a good VAE, lie in a thin shell: for 256 dimensions
between 14 and 18 (article XIII).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegen import sampling
from facegen.errors import InputError
from facegen.sampling import PointSampler
from facegen.weights import Weights


@dataclass(frozen=True)
class RadiusQuantiles:
    """The distribution of the radii of training faces.

    Attributes:
        shares: rising from 0 to 1.
        radii: below radii[i] lie shares[i] of the faces.
    """

    shares: tuple[float, ...]
    radii: tuple[float, ...]

    @classmethod
    def parse(cls, quantiles: Any) -> RadiusQuantiles:
        """From share to radius, such as {"0": 13.6, "0.5": 16.0, "1": 19.1}.

        Raises:
            InputError: they are no quantiles.
        """
        try:
            shares, radii = zip(*((float(s), float(r)) for s, r in quantiles.items()), strict=True)
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError("the quantiles of the radius are damaged: no numbers") from error
        if not (
            np.isfinite(radii).all()
            and (shares[0], shares[-1]) == (0, 1)
            and (np.diff(shares) > 0).all()
            and radii[0] >= 0
            and (np.diff(radii) >= 0).all()
        ):
            raise InputError("the quantiles of the radius are damaged: they don't rise")
        return cls(shares, radii)

    @classmethod
    def of_weights(cls, weights: Weights) -> RadiusQuantiles | None:
        """Those of the training faces, from config.json; None where it has none.

        Raises:
            InputError: they are damaged.
        """
        metrics = weights.config.get("metrics")
        if not isinstance(metrics, Mapping) or "radius_quantiles" not in metrics:
            return None
        try:
            return cls.parse(metrics["radius_quantiles"])
        except InputError as error:
            raise InputError(f"{weights.path}: {error}") from error

    @property
    def table(self) -> dict[str, float]:
        """As `parse` reads them."""
        return {f"{s:g}": r for s, r in zip(self.shares, self.radii, strict=True)}

    def radius(self, shares: np.ndarray) -> np.ndarray:
        """The radii below which these shares of the faces lie, interpolated on a line."""
        return np.interp(shares, self.shares, self.radii)

    def warning(self, points: np.ndarray) -> str:
        """What to tell where more than half of the points lie where no training face does.

        Args:
            points: (n, latent_dim), n at least 1.

        Returns:
            Half a sentence, or "" where nothing is to be told.
        """
        radii = np.linalg.norm(points.astype(np.float64), axis=1)
        least, most = self.radii[0], self.radii[-1]
        inside, outside = (radii < least).mean(), (radii > most).mean()
        if inside + outside <= 0.5:
            return ""
        near = inside > outside
        where = "nearer to the origin" if near else "further out"
        effect = (
            "nearer, the more alike the faces" if near else "further, the less is left of a face"
        )
        return (
            f"most points (radius {np.median(radii):.1f}) lie {where} than all training faces "
            f"({least:.1f} to {most:.1f}); the {effect}"
        )


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
        return sampling.scale_to(self.sampler.sample(rows, latent_dim, seed=seed), self.radius)

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
        chances = [sampling.generator(seed, row, sampling.RADIUS).random() for row in rows]
        percentiles = self.low + (self.high - self.low) * np.array(chances)
        points = self.sampler.sample(rows, latent_dim, seed=seed)
        return sampling.scale_to(points, self.training.radius(percentiles / 100))

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
