"""Radii: how far from the origin training faces lie, and points moved to other radii.

The radius of a point is its L2 norm. In many dimensions almost all points of a normal
distribution, and of the training faces of a good VAE, lie in a thin shell: for 256 dimensions
between 14 and 18 (article XIII).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.io.weights import Weights

SHARES = (0, 0.001, 0.01, *(percent / 100 for percent in range(5, 100, 5)), 0.99, 0.999, 1)


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
        inside, outside = (radii < self.radii[0]).mean(), (radii > self.radii[-1]).mean()
        if inside + outside <= 0.5:
            return ""
        median = np.quantile(radii, 0.5)  # np.median imports np.ma, which takes 5 ms
        return self._told(f"most points (radius {median:.1f}) lie", near=inside > outside)

    def warning_of_far(self, points: np.ndarray) -> str:
        """What to tell where one of some faces lies further out than all training faces.

        Nearer than them lies what the encoder makes of every photo, its mu: that is not told.

        Args:
            points: (n, latent_dim), n at least 1, once they are edited.

        Returns:
            As `warning`.
        """
        furthest = np.linalg.norm(points.astype(np.float64), axis=1).max()
        if furthest <= self.radii[-1]:
            return ""
        return self._told(f"faces (radius up to {furthest:.1f}) lie", near=False)

    def _told(self, what: str, *, near: bool) -> str:
        where = "nearer to the origin" if near else "further out"
        effect = (
            "nearer, the more alike the faces" if near else "further, the less is left of a face"
        )
        least, most = self.radii[0], self.radii[-1]
        return f"{what} {where} than all training faces ({least:.1f} to {most:.1f}); the {effect}"


def warn_of_far(weights: Weights, points: np.ndarray, on_warning: Callable[[str], object]) -> None:
    """Tells where an edit leads faces further out than all training faces, if these are known.

    Args:
        weights: the model that decodes the points.
        points: (n, latent_dim), n at least 1, once they are edited.
        on_warning: called with a line.

    Raises:
        InputError: what the weights say of their training faces is damaged.
    """
    training = RadiusQuantiles.of_weights(weights)
    if training is not None and (warning := training.warning_of_far(points)):
        on_warning(warning)
