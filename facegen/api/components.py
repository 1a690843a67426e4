"""components: directions without labels, of a store's mu and of the decoder's first layer.

The library's side of 'facegen attributes --unsupervised'.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facegen.api.attributes import BATCH, MIN_COUNT, GroupSums
from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.component_file import Source
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.latent_store import Latents
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION, Weights
from facegen.latent.components import LAYER, PRINCIPAL, Components, factorize
from facegen.latent.gaussians import JointMoments

COUNT = 30  # of each kind; the articles' number of directions
CHANCE = 4.0  # standard errors: by chance 0.15 of 40 labels times 60 directions lie beyond


@dataclass
class _Faces:
    """What is known of a store's training faces, after one pass.

    Attributes:
        moments: of mu.
        groups: sums over the faces with and without each of the labels.
        names: the labels with faces enough.
        source: what they are.
        provenance: the same, all that is needed to find it again.
    """

    source: Source
    moments: JointMoments = field(default_factory=JointMoments)
    groups: GroupSums | None = None
    names: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def deviations(self, directions: np.ndarray) -> np.ndarray:
        """Standard deviations of mu along unit directions (n, latent_dim); 1 without faces."""
        if not self.moments.rows:
            return np.ones(len(directions))
        variances = np.einsum("ki,ij,kj->k", directions, self.moments.covariance, directions)
        return np.sqrt(np.maximum(variances, 0))

    def labels(self, directions: np.ndarray) -> tuple[list[str], np.ndarray]:
        """The label that goes along most with each direction, and their correlation.

        None ("" and 0) where chance gives as much.
        """
        if self.groups is None or not self.names:
            return [""] * len(directions), np.zeros(len(directions))
        found = label_correlations(self.groups, directions)
        found[np.abs(found) * np.sqrt(self.groups.counts.sum(axis=0)) < CHANCE] = 0
        most = np.abs(found).argmax(axis=1)
        found = found[np.arange(len(directions)), most]
        return [self.names[i] if r else "" for i, r in zip(most, found, strict=True)], found


def label_correlations(sums: GroupSums, directions: np.ndarray) -> np.ndarray:
    """Pearson's correlation of points along directions with labels, where these are known.

    With the means m of the n faces with a label and without it: (m_with - m_without) / s
    * sqrt(n_with * n_without) / n, s the standard deviation over both.

    Args:
        sums: over the faces, of K labels with faces on both sides.
        directions: float64 (n, latent_dim).

    Returns:
        float64 (n, K); 0 where all faces lie at one place.
    """
    counts, rows = sums.counts, sums.counts.sum(axis=0)
    along = np.einsum("gki,ci->gck", sums.totals, directions)
    squares = np.stack([((directions @ one) * directions).sum(axis=1) for one in sums.squares], 1)
    variances = squares / rows - (along.sum(axis=0) / rows) ** 2
    differences = along[0] / counts[0] - along[1] / counts[1]
    spread = np.sqrt(np.maximum(variances, 0))
    shares = np.sqrt(counts[0] * counts[1]) / rows
    found = differences * shares / np.where(spread > 0, spread, 1)
    return np.where(spread > 0, found, 0)


def _read_faces(
    path: str | os.PathLike, weights: Weights, min_count: int, progress: Callable[[int], object]
) -> _Faces:
    """One pass over the training rows of a store; held-out people are for tests."""
    with Latents.open(path) as store:
        store.check(weights)
        names = store.attribute_names
        faces = _Faces(Source(), provenance=store.provenance)
        groups = GroupSums.empty(len(names), store.latent_dim)
        for rows, mu in store.iterate("mu", batch_size=BATCH):
            training = np.flatnonzero(~store.is_test[rows])
            points = mu[training]
            store.check_finite(points, rows.start + training, "mu", "was the training broken?")
            if len(points):
                faces.moments.add(points)
            if names and len(points):
                with hdf5.read_errors(path):
                    groups.add(points, store.file["attributes"][rows][training])
            progress(len(mu))
        origin = store.origin
    if faces.moments.rows < 2 or not faces.moments.scatter.any():
        raise InputError(f"{path} has no two training faces that differ")
    enough = groups.counts.min(axis=0) >= min_count
    faces.groups = groups.select(enough)
    faces.names = [name for name, known in zip(names, enough, strict=True) if known]
    faces.source = Source(
        encoder_sha256=origin.encoder_sha256,
        fingerprint=origin.fingerprint,
        weights=origin.weights,
        store=os.path.basename(path),
        rows=faces.moments.rows,
        labelled=groups.rows,
    )
    return faces


def first_layer(weights: Weights) -> np.ndarray:
    """The kernel of the decoder's first layer, float64 (latent_dim, units).

    Raises:
        MissingFileError, InputError: the plain decoder's arrays are missing or damaged.
    """
    layer = "decoder_dense" if weights.model.decoder_dense else "to_pixels"
    path = weights.file("decoder.h5")
    with hdf5.open_file(path, ARRAYS_FORMAT, ARRAYS_VERSION) as file:
        kernel = hdf5.dataset(file, f"{layer}/kernel", ndim=2)
        with hdf5.read_errors(path):
            values = kernel[()].astype(np.float64)
    if values.shape[0] != weights.model.latent_dim or not np.isfinite(values).all():
        raise InputError(f"{path} is damaged: its {layer} is {values.shape}")
    return values


@keep_inputs()
def components(
    path: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    *,
    count: int = COUNT,
    min_count: int = MIN_COUNT,
    weights: str | os.PathLike | None = None,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> Components:
    """Finds directions without labels, in one pass over a store in flat memory.

    The principal directions of mu of the training faces, and those of the decoder's first layer:
    with y = A z + b the eigenvectors of A^T A with the largest eigenvalues, which change y most
    (Shen and Zhou 2021, "Closed-form factorization of latent semantics in GANs"). These need the
    weights alone.

    Args:
        path: latents.h5; of an incomplete one, the rows that are there. Without it there are only
            the layer's directions, one step is 1, and no label describes them.
        output: the components.h5 to write, if any.
        count: directions of each kind, or as many as there are.
        min_count: labels with fewer faces with them, or without, describe nothing; at least 2.
        weights: a folder of weights; by default the model that comes with facegen.
        force: overwrite what exists.
        progress: called with the number of rows done since the last call.

    Raises:
        MissingFileError, InputError: the weights or the store are missing or damaged, don't belong
            together, or a point is not finite.
        OutputError: the output exists (without `force`) or can't be written.
    """
    if count < 1 or min_count < 2:
        raise InputError(f"count must be at least 1 and min_count 2, not {count} and {min_count}")
    loaded = Weights.load(weights)
    if output is not None:
        check_output(output, force=force)
    kernel = first_layer(loaded)
    if path is None:
        source = Source(encoder_sha256=loaded.digest("encoder.tflite"), weights=loaded.name)
        faces = _Faces(source)
    else:
        faces = _read_faces(path, loaded, min_count, progress)
    found = _make_components(faces, kernel, count)
    if output is not None:
        provenance = {
            "command": "attributes",
            "unsupervised": True,
            "weights": loaded.provenance("encoder", "decoder"),
            **faces.provenance,
            "count": count,
            "min_count": min_count,
        }
        found.save(output, provenance=provenance, force=force)
    return found


def _make_components(faces: _Faces, kernel: np.ndarray, count: int) -> Components:
    kinds = {LAYER: kernel @ kernel.T}
    if faces.moments.rows:
        kinds = {PRINCIPAL: faces.moments.covariance, **kinds}
    names: list[str] = []
    units, shares = [], []
    for kind, matrix in kinds.items():
        values, vectors = factorize(matrix)
        names += [f"{kind}-{i + 1}" for i in range(len(values[:count]))]
        units.append(vectors[:count])
        shares.append(values[:count] / np.trace(matrix))
    directions = np.concatenate(units)
    steps = directions * faces.deviations(directions)[:, None]
    labels, correlations = faces.labels(directions)
    return Components(
        names,
        steps.astype(np.float32),
        np.concatenate(shares),
        labels,
        correlations,
        faces.source,
    )
