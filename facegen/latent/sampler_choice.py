"""The choice of a sampler: which ones there are, and what goes together."""

from __future__ import annotations

import os
from dataclasses import dataclass

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

SOURCES = {"sigma": "--sigma", "r_limit": "--r-limit", "sampler": "--sampler"}
CHANGES = {
    "radius": "--radius",
    "radius_percentile": "--radius-percentile",
    "truncation": "--truncation",
}


@dataclass(frozen=True)
class SamplerChoice:
    """Where points come from, as `facegen generate` lets one choose; by default they are normal.

    Attributes:
        sampler: a file of `facegen.fit`, fitted to points of the same encoder.
        sigma, r_limit: as `facegen.Sampler`; at most one of these three.
        radius: move the points to this radius (`OnShell`).
        radius_percentile: move them to radii of training faces, between two percentiles
            (`AtPercentiles`).
        truncation: draw them towards their mean (`Truncated`).
            At most one of the last three, with normal points or a fitted sampler.

    Raises:
        InputError: the values don't go together.
    """

    sampler: str | os.PathLike | None = None
    sigma: float | None = None
    r_limit: float | None = None
    radius: float | None = None
    radius_percentile: tuple[float, float] | None = None
    truncation: float | None = None

    def __post_init__(self) -> None:
        for options in (SOURCES, CHANGES):
            if len(self._given(options)) > 1:
                *flags, last = options.values()
                raise InputError(f"Choose one of {', '.join(flags)} and {last}.")
        change = self._given(CHANGES)
        if change and (self.sigma is not None or self.r_limit is not None):
            raise InputError(f"{change[0]} goes with --sampler, or alone with normal points.")

    def _given(self, options: dict[str, str]) -> list[str]:
        return [flag for name, flag in options.items() if getattr(self, name) is not None]

    @property
    def flags(self) -> list[str]:
        """The options that are chosen, as the command line names them."""
        return self._given(SOURCES | CHANGES)

    def make(self, weights: Weights) -> tuple[PointSampler, RadiusQuantiles | None]:
        """Makes the sampler.

        Args:
            weights: the model that will decode the points.

        Returns:
            The sampler, and the radii of the training faces, or None where they are not known.

        Raises:
            MissingFileError, InputError: the file is no sampler for these weights; percentiles
                are asked for, but the radii are not known.
        """
        points: PointSampler = Sampler(1.0 if self.sigma is None else self.sigma, self.r_limit)
        training = RadiusQuantiles.of_weights(weights)
        mean = np.zeros(weights.model.latent_dim, np.float32)
        if self.sampler is not None:
            points = fitted = FittedSampler.load(self.sampler)
            fitted.check(weights)
            training, mean = fitted.radii, fitted.mean
        if self.radius is not None:
            points = OnShell(points, self.radius)
        elif self.truncation is not None:
            points = Truncated(points, mean, self.truncation)
        elif self.radius_percentile is not None:
            if training is None:
                raise InputError(
                    f"the weights {weights.name} don't record the radii of their training faces; "
                    "fit a sampler"
                )
            points = AtPercentiles(points, *self.radius_percentile, training)
        return points, training


def choose_sampler(sampler: SamplerChoice | PointSampler, weights: Weights) -> PointSampler:
    """The sampler that is chosen, or the one that is given.

    Raises:
        MissingFileError, InputError: as `SamplerChoice.make`.
    """
    return sampler.make(weights)[0] if isinstance(sampler, SamplerChoice) else sampler
