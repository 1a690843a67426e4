"""fit: a Gaussian, or a mixture of Gaussians, fitted to the points of an encoded store.

Source: Ghosh, Sajjadi, Vergari, Black and Schoelkopf 2020, "From variational to deterministic
autoencoders", section 4, "ex-post density estimation": a model whose points are not distributed
like the prior, such as a plain autoencoder, makes faces from a distribution fitted to them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.files import check_output
from facegen.fitted import KINDS, Fit, FittedSampler
from facegen.inputs import keep_inputs
from facegen.latents import Latents
from facegen.radii import RadiusQuantiles
from facegen.recording import describe_store
from facegen.sampling import select
from facegen.seeds import check_seed

BATCH = 4096  # rows in memory at a time
COMPONENTS = 10  # as Ghosh et al.
MIXTURE_ROWS = 50_000  # at most so many are fitted by a mixture: 102 MB for 256 dimensions
SHARES = (0, 0.001, 0.01, *(percent / 100 for percent in range(5, 100, 5)), 0.99, 0.999, 1)


@dataclass
class Moments:
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


def fit_gaussian(moments: Moments, fit: Fit) -> FittedSampler:
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


def _read_points(
    store: Latents, array: str, wanted: np.ndarray, progress: Callable[[int], object]
) -> Iterator[np.ndarray]:
    """Yields the wanted rows' points in batches; bool (rows_done) says which are wanted."""
    for rows, points in store.iterate(array, batch_size=BATCH):
        chosen = np.flatnonzero(wanted[rows])
        advice = "it can't be fitted. Was the training broken?"
        store.check_finite(points[chosen], rows.start + chosen, array, advice)
        progress(len(points))
        if len(chosen):
            yield points[chosen]


def _moments(batches: Iterator[np.ndarray]) -> Moments:
    moments = Moments()
    for points in batches:
        moments.add(points)
    return moments


@keep_inputs()
def fit(
    latents: str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    kind: str = "gaussian",
    components: int = COMPONENTS,
    points: str = "z",
    split: str = "train",
    seed: int = 0,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> FittedSampler:
    """Fits a sampler to the points of a store.

    Args:
        latents: latents.h5; of an incomplete one, the rows that are there.
        output: the sampler.h5 to write, if any.
        kind: "gaussian", mean and covariance, in one pass in flat memory; or "mixture", by
            scikit-learn, of at most 50,000 rows chosen by seed.
        components: Gaussians of a mixture.
        points: "z" or "mu".
        split: "train" leaves held-out faces out, "all" doesn't.
        seed: of the choice of rows and of the start of a mixture's fit.
        force: overwrite what exists.
        progress: called with the number of rows read since the last call.

    Returns:
        The sampler, for `generate`.

    Raises:
        MissingFileError, InputError: no store, a point that is not finite, too few rows.
        OutputError: the output exists (without `force`) or can't be written.
    """
    for name, value, values in (
        ("kind", kind, KINDS),
        ("points", points, ("z", "mu")),
        ("split", split, ("train", "all")),
    ):
        if value not in values:
            raise InputError(f"{name} must be one of {', '.join(values)}, not {value!r}")
    with Latents.open(latents) as store:
        if output is not None:
            check_output(output, force=force)
        chosen: dict[str, Any] = {
            "kind": kind,
            "points": points,
            "split": split,
            "seed": check_seed(seed),
        }
        made_from = Fit(
            **chosen,
            encoder_sha256=store.origin.encoder_sha256,
            fingerprint=store.origin.fingerprint,
            weights=store.origin.weights,
            latents=Path(latents).name,
        )
        chosen["components"] = components if kind == "mixture" else 1
        provenance = {"command": "fit", **describe_store(store), **chosen}
        sampler = _fit_store(store, made_from, components, progress)
    if output is None:
        return sampler
    return FittedSampler.load(sampler.save(output, provenance=provenance, force=force))


def _fit_store(
    store: Latents, made_from: Fit, components: int, progress: Callable[[int], object]
) -> FittedSampler:
    wanted = ~store.is_test if made_from.split == "train" else np.ones(len(store), bool)
    least = 2 if made_from.kind == "gaussian" else max(2, components)
    if wanted.sum() < least:
        raise InputError(f"{store.path} has {wanted.sum()} rows to fit; {least} are needed")
    if made_from.kind == "gaussian":
        moments = _moments(_read_points(store, made_from.points, wanted, progress))
        return fit_gaussian(moments, made_from)
    chosen = np.zeros_like(wanted)
    chosen[select(np.flatnonzero(wanted), MIXTURE_ROWS, seed=made_from.seed)] = True
    batches = list(_read_points(store, made_from.points, chosen, progress))
    radii = _moments(iter(batches)).radius_quantiles()
    return fit_mixture(np.concatenate(batches), components, radii, made_from)
