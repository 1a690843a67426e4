"""attributes: the directions of an encoded store's labels, in one pass over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facegen.errors import InputError
from facegen.io.attribute_file import Source
from facegen.io.files import check_output
from facegen.io.inputs import keep_inputs
from facegen.io.latent_store import Latents
from facegen.latent.directions import Directions, remove

MIN_COUNT = 20  # faces with a label, and without; fewer give more noise than direction
BATCH = 1024


@dataclass
class GroupSums:
    """Sums over the faces with and without each label, from which all figures follow.

    Attributes:
        rows: faces with any label known.
        counts: int64 (2, K).
        totals: float64 (2, K, latent_dim), sums of mu.
        squares: float64 (K, latent_dim, latent_dim), sums of mu mu^T over the faces whose label
            is known: 21 MB for 40 labels and 256 dimensions.
    """

    rows: int
    counts: np.ndarray
    totals: np.ndarray
    squares: np.ndarray

    @classmethod
    def empty(cls, labels: int, latent_dim: int) -> GroupSums:
        """Of no faces yet."""
        return cls(
            rows=0,
            counts=np.zeros((2, labels), np.int64),
            totals=np.zeros((2, labels, latent_dim)),
            squares=np.zeros((labels, latent_dim, latent_dim)),
        )

    def add(self, mu: np.ndarray, labels: np.ndarray) -> None:
        """Adds faces: mu float32 (n, latent_dim), labels int8 (n, K): 1, -1, or 0 unknown."""
        some = labels.any(axis=1)
        points, labels = mu[some].astype(np.float64), labels[some]
        if not len(points):
            return
        self.rows += len(points)
        for group, value in enumerate((1, -1)):
            members = labels == value
            self.counts[group] += members.sum(axis=0)
            self.totals[group] += members.T.astype(np.float64) @ points
        # Most often all labels of a face are known or none is: then there is one product to make.
        patterns, pattern_of = np.unique(labels != 0, axis=1, return_inverse=True)
        for i, known in enumerate(patterns.T):
            self.squares[pattern_of.ravel() == i] += points[known].T @ points[known]

    def differences(self) -> np.ndarray:
        """Mean with minus mean without, float64 (K, latent_dim); of labels with both groups."""
        means = self.totals / self.counts[:, :, None]
        return means[0] - means[1]

    def cohens_d(self, directions: np.ndarray) -> np.ndarray:
        """Distance of each label's two groups along a direction, in pooled standard deviations.

        d = (mean_with - mean_without) / s, where s^2 = ((n_with - 1) s_with^2 + (n_without - 1)
        s_without^2) / (n_with + n_without - 2), all of the projection on the direction. Source:
        Cohen 1988, "Statistical power analysis for the behavioral sciences", chapter 2.

        Args:
            directions: float64 (K, latent_dim), of any length but 0.

        Returns:
            float64 (K); infinite or NaN where nobody in the two groups differs from his group.
        """
        sums = np.einsum("gkd,kd->gk", self.totals, directions)
        squares = np.einsum("ki,kij,kj->k", directions, self.squares, directions, optimize=True)
        scatter = squares - (sums**2 / self.counts).sum(axis=0)
        deviation = np.sqrt(np.maximum(scatter, 0) / (self.counts.sum(axis=0) - 2))
        means = sums / self.counts
        with np.errstate(divide="ignore", invalid="ignore"):
            return (means[0] - means[1]) / deviation

    def select(self, labels: np.ndarray) -> GroupSums:
        """The sums of some labels only, bool (K)."""
        return GroupSums(
            self.rows, self.counts[:, labels], self.totals[:, labels], self.squares[labels]
        )


def _sum_groups(store: Latents, progress: Callable[[int], object]) -> GroupSums:
    """Sums over the training rows; held-out people are for tests."""
    sums = GroupSums.empty(len(store.attribute_names), store.latent_dim)
    attributes = store.file["attributes"]
    for rows, mu in store.iterate("mu", batch_size=BATCH):
        labels = attributes[rows]
        counted = np.flatnonzero(~store.is_test[rows] & labels.any(axis=1))
        advice = "its labels can't be counted. Was the training broken?"
        store.check_finite(mu[counted], rows.start + counted, "mu", advice)
        sums.add(mu[counted], labels[counted])
        progress(len(mu))
    return sums


@keep_inputs()
def attributes(
    path: str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    without: Sequence[str] = (),
    min_count: int = MIN_COUNT,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
    on_skip: Callable[[str, str], object] = lambda name, reason: None,
) -> Directions:
    """Finds the direction of each label of a store, in one pass in flat memory.

    Only training rows whose label is known count.

    Args:
        path: latents.h5; of an incomplete one, the rows that are there.
        output: the attributes.h5 to write, if any.
        without: labels whose directions are removed from all others (`remove`). Better leave
            that to `edit` and `generate`, unless another program reads the file.
        min_count: labels with fewer faces with them, or without, are left out; at least 2.
        force: overwrite what exists.
        progress: called with the number of rows done since the last call.
        on_skip: called with the name and the reason of each label left out.

    Raises:
        MissingFileError, InputError: no store, it has no labels, not one label has faces
            enough, or a point is not finite.
        OutputError: the output exists (without `force`) or can't be written.
    """
    if min_count < 2:
        raise InputError(f"min_count must be at least 2, not {min_count}")
    with Latents.open(path) as store:
        if output is not None:
            check_output(output, force=force)
        if not store.attribute_names:
            raise InputError(
                f"{path} has no attributes; 'facegen prepare --attributes' records those of "
                "photos, and 'facegen encode --force' takes them over; --unsupervised needs none"
            )
        sums = _sum_groups(store, progress)
        names, origin = store.attribute_names, store.origin
        provenance = {
            "command": "attributes",
            **store.provenance,
            "without": list(without),
            "min_count": min_count,
        }
    enough = sums.counts.min(axis=0) >= min_count
    for name, known, counts in zip(names, enough, sums.counts.T, strict=True):
        if not known:
            on_skip(name, f"{counts[0]} faces with it, {counts[1]} without; at least {min_count}")
    if not enough.any():
        raise InputError(f"no label of {path} has {min_count} training faces with and without it")
    source = Source(
        encoder_sha256=origin.encoder_sha256,
        fingerprint=origin.fingerprint,
        weights=origin.weights,
        store=os.path.basename(path),
        rows=sums.rows,
        removed=",".join(without),
    )
    kept = [name for name, known in zip(names, enough, strict=True) if known]
    directions = _make_directions(kept, sums.select(enough), source, without)
    if output is not None:
        directions.save(output, provenance=provenance, force=force)
    return directions


def _make_directions(
    names: list[str], sums: GroupSums, source: Source, without: Sequence[str]
) -> Directions:
    vectors = sums.differences()
    raw = Directions(names, vectors.astype(np.float32), sums.counts, np.zeros(len(names)), source)
    if without:
        removed = np.stack([raw[name] for name in without])
        others = np.array([name not in without for name in names])
        if others.any():
            rest = [name for name in names if name not in without]
            vectors[others] = remove(vectors[others], removed, rest)
    return Directions(
        names, vectors.astype(np.float32), sums.counts, sums.cohens_d(vectors), source
    )
