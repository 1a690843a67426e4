"""The choice of a sampler: which ones there are, and what goes together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

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
LARGEST = {"sigma": 1000.0, "r_limit": 1000.0, "radius": 1000.0, "truncation": 1.0}


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

    @classmethod
    def parse(cls, text: str) -> SamplerChoice:
        """A choice in one word, as it stands behind a seed: "sampler=my.h5,truncation=0.7".

        Raises:
            InputError: there is no such option, a value is out of its range, or they don't go
                together.
        """
        fields = {flag.removeprefix("--"): name for name, flag in (SOURCES | CHANGES).items()}
        values: dict[str, Any] = {}
        for part in text.split(","):
            name, _, value = part.partition("=")
            if name not in fields or fields[name] in values:
                raise InputError(f"{part!r} is not one of {'=, '.join(fields)}=, each once at most")
            values[fields[name]] = _parse_value(fields[name], value)
        return cls(**values)

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


def _parse_value(name: str, text: str) -> Any:
    """The value of a choice's field."""
    if name == "sampler":
        return text
    try:
        if name == "radius_percentile":
            low, high = map(float, text.split("-"))
            if 0 <= low <= high <= 100:
                return low, high
        elif 0 < float(text) <= LARGEST[name]:
            return float(text)
    except ValueError:
        pass
    wanted = "LOW-HIGH in 0..100" if name == "radius_percentile" else f"in 0..{LARGEST[name]:g}"
    raise InputError(f"{text!r} is no {name.replace('_', '-')}, {wanted}")


def choose_sampler(sampler: SamplerChoice | PointSampler, weights: Weights) -> PointSampler:
    """The sampler that is chosen, or the one that is given.

    Raises:
        MissingFileError, InputError: as `SamplerChoice.make`.
    """
    return sampler.make(weights)[0] if isinstance(sampler, SamplerChoice) else sampler
