"""Principal directions of points: what they hold, and what the points are like along them.

Takes arrays, opens no file and knows no model. Source: Hotelling 1933, "Analysis of a complex of
statistical variables into principal components"; docs/analysis.md explains the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facegen.analysis.scan import AXIS_BIN, AXIS_LIMIT
from facegen.latent.components import factorize
from facegen.latent.gaussians import JointMoments

SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)  # of the variance: how many directions hold so much
FIRST = (2, 10, 30, 100)  # directions: how much they hold; 30 are the articles'
SHOWN = 3  # directions whose distribution is counted


@dataclass(frozen=True)
class Rotation:
    """Principal directions, to turn points by.

    Attributes:
        mean: of the points, float64 (latent_dim).
        variances: along the directions, the largest first, float64 (m).
        vectors: orthonormal rows, float64 (m, latent_dim); m is less than latent_dim where
            coordinates vary not at all.
    """

    mean: np.ndarray
    variances: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, moments: JointMoments) -> Rotation:
        """That of points, at least one of which differs from the others."""
        return cls(moments.mean, *factorize(moments.covariance))

    def turn(self, points: np.ndarray, count: int | None = None) -> np.ndarray:
        """The points' places along the first `count` directions, float64 (n, count)."""
        return (points - self.mean) @ self.vectors[:count].T


@dataclass
class Shapes:
    """How far the distributions of columns of numbers are from normal ones.

    Attributes:
        deviations: standard deviation of each column, whose mean is 0; float64 (m).
        rows: how many were added.
        counts: int64 (3, 160), of the first three columns in standard deviations, as
            `facegen.analysis.scan.Coordinates.axis_counts`.
    """

    deviations: np.ndarray
    rows: int = 0
    counts: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._cubes, self._fourths = np.zeros((2, len(self.deviations)))
        bins = round(2 * AXIS_LIMIT / AXIS_BIN)
        self.counts = np.zeros((min(SHOWN, len(self.deviations)), bins), np.int64)

    def add(self, values: np.ndarray) -> None:
        """Adds rows, float64 (n, m)."""
        self.rows += len(values)
        scaled = values / np.where(self.deviations > 0, self.deviations, 1)
        squares = scaled**2
        self._cubes += np.einsum("ij,ij->j", squares, scaled)
        self._fourths += np.einsum("ij,ij->j", squares, squares)
        edges = np.arange(self.counts.shape[1] + 1) * AXIS_BIN - AXIS_LIMIT
        inside = np.nextafter(AXIS_LIMIT, 0)
        for counts, column in zip(self.counts, scaled.T, strict=False):
            counts += np.histogram(column.clip(-inside, inside), edges)[0]

    @property
    def skewness(self) -> np.ndarray:
        """Mean of x^3, x in standard deviations: 0 of a normal distribution."""
        return self._cubes / self.rows

    @property
    def kurtosis(self) -> np.ndarray:
        """Mean of x^4, less 3: 0 of a normal distribution, above where there are far values."""
        return np.where(self.deviations > 0, self._fourths / self.rows - 3, 0)


def correlations(covariance: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each pair of columns that vary, float64 (pairs).

    Args:
        covariance: float64 (m, m).
    """
    matrix = covariance[np.ix_(*[np.flatnonzero(np.diag(covariance) > 0)] * 2)]
    deviations = np.sqrt(np.diag(matrix))
    matrix = matrix / np.outer(deviations, deviations)
    return matrix[np.triu_indices(len(matrix), 1)]


def correlation_numbers(found: np.ndarray) -> dict[str, float] | None:
    """Largest and mean size of correlations, and the share above 0.1; None of no pair."""
    if not len(found):
        return None
    sizes = np.abs(found)
    return {
        "largest": float(sizes.max()),
        "mean": float(sizes.mean()),
        "share_above_0.1": float((sizes > 0.1).mean()),
    }


def spectrum_numbers(variances: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """What the largest of variances hold.

    Returns:
        JSON values: variances, the largest first; holding, share of their sum to how many hold it;
        first, how many to the share that they hold.
    """
    ordered = np.sort(np.asarray(variances, np.float64))[::-1]
    held = np.cumsum(ordered) / ordered.sum()
    return {
        "variances": ordered.tolist(),
        "holding": {f"{s:g}": int(np.searchsorted(held, s - 1e-12) + 1) for s in SHARES},
        "first": {str(n): float(held[n - 1]) for n in FIRST if n <= len(held)},
    }


def pca_numbers(
    training: JointMoments,
    held_out: JointMoments,
    rotation: Rotation,
    before: Shapes,
    after: Shapes,
) -> dict[str, Any]:
    """What a rotation to principal directions makes of points.

    Args:
        training: of the rows that the directions were found from.
        held_out: of others, at best.
        rotation: found from the former.
        before, after: the training rows' coordinates, and their places along the directions.

    Returns:
        JSON values: rows, held_out_rows, latent_dim; variance, of all; effective_directions, the
        participation ratio (sum of the variances)^2 / (sum of their squares); directions and
        coordinates, each `spectrum_numbers` with skewness and kurtosis in that order; the
        correlations of coordinates, and of held-out rows before and after.
    """
    covariance = training.covariance
    variances, own = np.diag(covariance), np.argsort(-np.diag(covariance), kind="stable")
    total = float(variances.sum())
    axes = [
        {"direction": i + 1, "from": -AXIS_LIMIT, "bin_width": AXIS_BIN, "counts": counts.tolist()}
        for i, counts in enumerate(after.counts)
    ]
    numbers: dict[str, Any] = {
        "rows": training.rows,
        "held_out_rows": held_out.rows,
        "latent_dim": len(covariance),
        "variance": total,
        "effective_directions": total**2 / float((rotation.variances**2).sum()),
        "directions": {**spectrum_numbers(rotation.variances), **_shape_numbers(after)},
        "coordinates": {**spectrum_numbers(variances), **_shape_numbers(before, own)},
        "axes": axes,
        "correlation": correlation_numbers(correlations(covariance)),
        "held_out_correlation": None,
    }
    if held_out.rows > 1:
        turned = rotation.vectors @ held_out.covariance @ rotation.vectors.T
        numbers["held_out_correlation"] = {
            "chance": float(np.sqrt(2 / np.pi / held_out.rows)),
            "before": correlation_numbers(correlations(held_out.covariance)),
            "after": correlation_numbers(correlations(turned)),
        }
    return numbers


def _shape_numbers(shapes: Shapes, order: np.ndarray | None = None) -> dict[str, list[float]]:
    order = np.arange(len(shapes.deviations)) if order is None else order
    return {
        "skewness": shapes.skewness[order].tolist(),
        "excess_kurtosis": shapes.kurtosis[order].tolist(),
    }
