"""sampler.h5: a distribution fitted to an encoded store, as arrays.

It is a mixture of K Gaussians, K = 1 for the kind "gaussian". Layout of the file (HDF5, no
filters), arrays only:
    /weights           float64 (K): share of each component
    /means             float32 (K, latent_dim)
    /factors           float32 (K, latent_dim, latent_dim): lower Cholesky factors of the
                       covariances, so that mean + factor @ noise is a point
    /radius_quantiles  float64 (Q, 2): share of the fitted rows, radius below which they lie
    attributes of the root: format, format_version, facegen_version, those of `Fit`, and
        provenance (JSON, `facegen.io.hdf5_provenance`)
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.hdf5_provenance import new_file

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
class FittedArrays:
    """What sampler.h5 holds.

    Attributes:
        weights: float64 (K), with the sum 1.
        means: float32 (K, latent_dim).
        factors: float32 (K, latent_dim, latent_dim), lower Cholesky factors of the covariances.
        radius_quantiles: float64 (Q, 2), shares of the fitted rows and radii.
        fit: what it is fitted to.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    radius_quantiles: np.ndarray
    fit: Fit


def read_sampler(path: str | os.PathLike) -> FittedArrays:
    """Reads sampler.h5.

    Raises:
        MissingFileError: no such file.
        InputError: not a sampler, damaged, truncated, or of a newer version.
    """
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
    return FittedArrays(weights, means, factors, quantiles, fit)


def write_sampler(
    path: str | os.PathLike,
    arrays: FittedArrays,
    *,
    provenance: dict[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Writes sampler.h5.

    Args:
        provenance: all that is needed to make it again.

    Raises:
        OutputError: it exists (without `force`) or can't be written.
    """
    head = asdict(arrays.fit)
    with new_file(path, (FORMAT, FORMAT_VERSION), head, provenance, force=force) as file:
        hdf5.reserve(file, arrays.means.nbytes + arrays.factors.nbytes)
        file.create_dataset("weights", data=arrays.weights, dtype=np.float64)
        file.create_dataset("means", data=arrays.means, dtype=np.float32)
        file.create_dataset("factors", data=arrays.factors, dtype=np.float32)
        file.create_dataset("radius_quantiles", data=arrays.radius_quantiles, dtype=np.float64)


def _read_fit(file: h5py.File) -> Fit:
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
