"""fit: a Gaussian, or a mixture of Gaussians, fitted to the points of an encoded store.

Source: Ghosh, Sajjadi, Vergari, Black and Schoelkopf 2020, "From variational to deterministic
autoencoders", section 4, "ex-post density estimation": a model whose points are not distributed
like the prior, such as a plain autoencoder, makes faces from a distribution fitted to them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from facegen.errors import InputError
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.latent_store import Latents
from facegen.io.sampler_file import KINDS, Fit
from facegen.latent.gaussians import JointMoments, fit_gaussian, fit_mixture
from facegen.latent.random_points import select
from facegen.latent.samplers import FittedSampler
from facegen.seeds import check_seed

BATCH = 4096  # rows in memory at a time
COMPONENTS = 10  # as Ghosh et al.
MIXTURE_ROWS = 50_000  # at most so many are fitted by a mixture: 102 MB for 256 dimensions


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


def _moments(batches: Iterator[np.ndarray]) -> JointMoments:
    moments = JointMoments()
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
        made_from = Fit(
            kind=kind,
            points=points,
            split=split,
            seed=check_seed(seed),
            encoder_sha256=store.origin.encoder_sha256,
            fingerprint=store.origin.fingerprint,
            weights=store.origin.weights,
            latents=Path(latents).name,
        )
        provenance = {
            "command": "fit",
            **store.provenance,
            "kind": kind,
            "points": points,
            "split": split,
            "seed": seed,
            "components": components if kind == "mixture" else 1,
        }
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
