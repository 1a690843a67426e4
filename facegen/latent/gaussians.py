"""Gaussians and mixtures of Gaussians, fitted to points."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

import numpy as np

from facegen.errors import InputError
from facegen.io.sampler_file import Fit
from facegen.latent.radius_quantiles import SHARES, RadiusQuantiles
from facegen.latent.samplers import FittedSampler


@dataclass
class JointMoments:
    """Mean and covariance of points that come in batches.

    Batches are merged as in Chan, Golub and LeVeque 1979, so a mean far from 0 costs no digits.

    Attributes:
        rows: how many points.
        mean: float64 (latent_dim).
        scatter: float64 (latent_dim, latent_dim), the sum of (x - mean) (x - mean)^T.
        radii: of the points, in batches.
    """

    rows: int = 0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(()))
    scatter: np.ndarray = field(default_factory=lambda: np.zeros(()))
    radii: list[np.ndarray] = field(default_factory=list)

    def add(self, points: np.ndarray) -> None:
        """Adds points (n, latent_dim), n at least 1."""
        points = points.astype(np.float64)
        self.radii.append(np.linalg.norm(points, axis=1))
        mean, total = points.mean(axis=0), self.rows + len(points)
        points -= mean
        shift = mean - self.mean
        between = np.outer(shift, shift) * (self.rows * len(points) / total)
        self.scatter = self.scatter + points.T @ points + between
        self.mean = self.mean + shift * (len(points) / total)
        self.rows = total

    @property
    def covariance(self) -> np.ndarray:
        """The maximum-likelihood estimate: mean of (x - mean) (x - mean)^T."""
        return self.scatter / self.rows

    def radius_quantiles(self) -> RadiusQuantiles:
        """Quantiles of the points' radii at SHARES."""
        radii = np.quantile(np.concatenate(self.radii), SHARES).round(4)
        return RadiusQuantiles(SHARES, tuple(radii.tolist()))


def oas_shrinkage(covariance: np.ndarray, rows: float) -> float:
    """How far to draw a covariance towards a multiple of the identity, in [0, 1].

    Oracle approximating shrinkage, which needs nothing but the covariance and the number of
    points. Source: Chen, Wiesel, Eldar and Hero 2010, "Shrinkage algorithms for MMSE covariance
    estimation", equation 23, without its 2/p, as scikit-learn's `oas`.

    Args:
        covariance: float64 (p, p), the maximum-likelihood estimate.
        rows: the number of points it is estimated from.
    """
    dimensions = len(covariance)
    squares = (covariance**2).mean()
    variance = np.trace(covariance) / dimensions
    numerator = squares + variance**2
    denominator = (rows + 1) * (squares - variance**2 / dimensions)
    return 1.0 if denominator <= 0 else float(min(1.0, numerator / denominator))


def shrunk_factor(covariance: np.ndarray, rows: float) -> tuple[np.ndarray, float]:
    """The lower Cholesky factor of a covariance once its correlations are shrunk.

    The variances stay as they are, for those of a VAE's mu differ by factors of thousands: the
    target is the covariance's diagonal, as in Schaefer and Strimmer 2005, "A shrinkage approach
    to large-scale covariance matrix estimation", target D. docs/samplers.md has the figures.

    Args:
        covariance: float64 (p, p), the maximum-likelihood estimate.
        rows: the number of points it is estimated from.

    Returns:
        float32 (p, p), and the shrinkage in (0, 1].

    Raises:
        InputError: all variances are 0.
    """
    deviations = np.sqrt(np.diag(covariance))
    if not deviations.any():
        raise InputError("the points are all the same: there is nothing to fit")
    scale = np.where(deviations > 0, deviations, 1)
    correlations = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlations, 1)
    shrinkage = oas_shrinkage(correlations, rows)
    correlations *= 1 - shrinkage
    np.fill_diagonal(correlations, 1)
    factor = deviations[:, None] * np.linalg.cholesky(correlations)
    return factor.astype(np.float32), shrinkage


def fit_gaussian(moments: JointMoments, fit: Fit) -> FittedSampler:
    """A Gaussian with the mean and the covariance of the points (`shrunk_factor`)."""
    factor, shrinkage = shrunk_factor(moments.covariance, moments.rows)
    return FittedSampler(
        weights=np.ones(1),
        means=moments.mean[None].astype(np.float32),
        factors=factor[None],
        radii=moments.radius_quantiles(),
        fit=replace(fit, rows=moments.rows, shrinkage=shrinkage),
    )


def fit_mixture(
    points: np.ndarray, components: int, radii: RadiusQuantiles, fit: Fit
) -> FittedSampler:
    """A mixture of Gaussians with full covariances, fitted by expectation maximisation.

    Each component has a share of the points only, so its covariance is shrunk (`shrunk_factor`).

    Args:
        points: float32 (n, latent_dim), n at least `components`.

    Raises:
        InputError: a component collapsed.
    """
    import sklearn
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(components, covariance_type="full", random_state=fit.seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is recorded
        try:
            # In float32 the covariances of a few hundred points are not positive definite.
            model.fit(points.astype(np.float64))
        except ValueError as error:
            raise InputError(
                f"{len(points)} rows are too few, or too alike, for a mixture of {components}; "
                "fewer --components may do"
            ) from error
    weights = model.weights_ / model.weights_.sum()
    covariances = zip(model.covariances_, weights, strict=True)
    factors = [
        shrunk_factor(covariance, weight * len(points))[0] for covariance, weight in covariances
    ]
    return FittedSampler(
        weights=weights,
        means=model.means_.astype(np.float32),
        factors=np.stack(factors),
        radii=radii,
        fit=replace(
            fit,
            rows=len(points),
            converged=bool(model.converged_),
            sklearn_version=sklearn.__version__,
        ),
    )
