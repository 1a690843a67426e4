"""sampler.h5: a distribution fitted to an encoded store, from which `generate` draws points.

It is a mixture of K Gaussians, K = 1 for the kind "gaussian". Layout of the file (HDF5, no
filters), arrays only:
    /weights           float64 (K): share of each component
    /means             float32 (K, latent_dim)
    /factors           float32 (K, latent_dim, latent_dim): lower Cholesky factors of the
                       covariances, so that mean + factor @ noise is a point
    /radius_quantiles  float64 (Q, 2): share of the fitted rows, radius below which they lie
    attributes of the root: format, format_version, facegen_version, those of `Fit`, and
        provenance (JSON, `facegen.recording`)

This module needs neither scikit-learn nor, before a file is read or written, HDF5.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facegen import sampling
from facegen.errors import InputError
from facegen.files import atomic_output, sha256_of
from facegen.radii import RadiusQuantiles
from facegen.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h5py

FORMAT = "facegen-sampler"
FORMAT_VERSION = 1
KINDS = ("gaussian", "mixture")


@dataclass(frozen=True)
class Fit:
    """What a sampler is fitted to and how, as it is recorded in the root's attributes.

    Attributes:
        kind: one of KINDS.
        encoder_sha256: of the weights' encoder.tflite; another decoder changes no point.
        fingerprint: of the face set.
        weights, latents: names, to tell people.
        points: "z" or "mu".
        split: "train", or "all" if held-out faces were fitted too.
        rows: how many were fitted.
        seed: of the choice of rows and the start of a mixture's fit.
        shrinkage: of a Gaussian's correlations, in (0, 1]; 0 for mixtures, where each component
            has its own.
        converged: whether the fit of a mixture came to rest.
        sklearn_version: of scikit-learn where it fitted a mixture.
    """

    kind: str = "gaussian"
    encoder_sha256: str = ""
    fingerprint: str = ""
    weights: str = ""
    latents: str = ""
    points: str = "z"
    split: str = "train"
    rows: int = 0
    seed: int = 0
    shrinkage: float = 0.0
    converged: bool = True
    sklearn_version: str = ""


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
        from facegen import hdf5

        with hdf5.open_file(path, FORMAT, FORMAT_VERSION) as file, hdf5.read_errors(path):
            weights = hdf5.dataset(file, "weights", ndim=1, dtype=np.float64)[:]
            means = hdf5.dataset(file, "means", ndim=2, dtype=np.float32)[:]
            stored = hdf5.dataset(file, "factors", ndim=3, dtype=np.float32)
            if stored.shape != (len(weights), means.shape[1], means.shape[1]):
                raise InputError(f"{path} is damaged: factors don't fit means")
            factors = stored[:]
            quantiles = hdf5.dataset(file, "radius_quantiles", ndim=2, dtype=np.float64)[:]
            fit = _read_fit(file)
        _check_arrays(path, weights, means, factors)
        try:
            radii = RadiusQuantiles.parse(dict(quantiles.tolist()))
        except (InputError, ValueError) as error:
            raise InputError(f"{path} is damaged: {error}") from error
        return cls(weights, means, factors, radii, fit, Path(path), sha256_of(path))

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
        from facegen import hdf5, recording

        quantiles = np.column_stack([self.radii.shares, self.radii.radii])
        with atomic_output(path, force=force) as temporary, hdf5.create_file(temporary) as file:
            hdf5.set_format(file, FORMAT, FORMAT_VERSION)
            file.attrs.update(asdict(self.fit))
            if provenance is not None:
                recording.write_provenance(file, provenance)
            hdf5.reserve(file, self.means.nbytes + self.factors.nbytes)
            file.create_dataset("weights", data=self.weights, dtype=np.float64)
            file.create_dataset("means", data=self.means, dtype=np.float32)
            file.create_dataset("factors", data=self.factors, dtype=np.float32)
            file.create_dataset("radius_quantiles", data=quantiles, dtype=np.float64)
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
        return sampling.mixture(rows, self.weights, self.means, self.factors, seed=seed)

    @property
    def provenance(self) -> dict[str, Any]:
        return {
            "name": "fitted",
            "kind": self.fit.kind,
            "sampler": self.path.name if self.path else None,
            "sampler_sha256": self.sha256,
        }


def _read_fit(file: h5py.File) -> Fit:
    from facegen import hdf5

    fit = hdf5.read_record(file, Fit)
    if fit.kind not in KINDS:
        raise InputError(f"{file.filename} is a sampler of the kind {fit.kind!r}; upgrade facegen")
    return fit


def _check_arrays(
    path: str | os.PathLike, weights: np.ndarray, means: np.ndarray, factors: np.ndarray
) -> None:
    """Refuses what no fit can have written."""
    reason = ""
    if len(weights) == 0 or len(weights) != len(means):
        reason = "means don't fit weights"
    elif not all(np.isfinite(values).all() for values in (weights, means, factors)):
        reason = "not all of its numbers are finite"
    elif weights.min() < 0 or abs(weights.sum() - 1) > 1e-6:
        reason = "its weights are no shares"
    if reason:
        raise InputError(f"{path} is damaged: {reason}")
