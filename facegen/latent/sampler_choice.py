"""Samplers by the numbers that describe them: which ones there are, and what goes together."""

from __future__ import annotations

import os

import numpy as np

from facegen.errors import InputError
from facegen.io.weights import Weights
from facegen.latent.radius_quantiles import RadiusQuantiles
from facegen.latent.samplers import (
    AtPercentiles,
    FittedSampler,
    OnShell,
    PointSampler,
    Sampler,
    Truncated,
)


def make_sampler(
    weights: Weights,
    *,
    sampler: str | os.PathLike | None = None,
    sigma: float | None = None,
    r_limit: float | None = None,
    radius: float | None = None,
    percentiles: tuple[float, float] | None = None,
    truncation: float | None = None,
) -> tuple[PointSampler, RadiusQuantiles | None]:
    """Makes the sampler that `facegen generate` makes of the options of these names.

    Args:
        weights: the model that will decode the points.
        sampler: a file of `facegen.api.fit.fit`, fitted to points of the same encoder.
        sigma, r_limit: as `Sampler`; without these three, points are normal.
        radius: move the points to this radius (`OnShell`).
        percentiles: move them to radii of training faces (`AtPercentiles`).
        truncation: draw them towards their mean (`Truncated`).
            At most one of the last three, with normal points or a fitted sampler.

    Returns:
        The sampler, and the radii of the training faces, or None where they are not known.

    Raises:
        MissingFileError, InputError: the file is no sampler for these weights; the numbers don't
            go together; percentiles are asked for, but the radii are not known.
    """
    changes = sum(change is not None for change in (radius, percentiles, truncation))
    if sum(source is not None for source in (sampler, sigma, r_limit)) > 1 or changes > 1:
        raise InputError(
            "choose one of sampler, sigma and r_limit, and of radius, percentiles and truncation"
        )
    if changes and (sigma is not None or r_limit is not None):
        raise InputError("radius, percentiles and truncation don't go with sigma and r_limit")
    points: PointSampler = Sampler(1.0 if sigma is None else sigma, r_limit)
    training = RadiusQuantiles.of_weights(weights)
    mean = np.zeros(weights.model.latent_dim, np.float32)
    if sampler is not None:
        points = fitted = FittedSampler.load(sampler)
        fitted.check(weights)
        training, mean = fitted.radii, fitted.mean
    if radius is not None:
        points = OnShell(points, radius)
    elif truncation is not None:
        points = Truncated(points, mean, truncation)
    elif percentiles is not None:
        if training is None:
            raise InputError(
                f"the weights {weights.name} don't record the radii of their training faces; "
                "fit a sampler"
            )
        points = AtPercentiles(points, *percentiles, training)
    return points, training
