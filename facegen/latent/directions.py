"""Directions: a way through the latent space for each label, such as Smiling.

The direction of a label is the mean of mu over the faces with it minus the mean over the faces
without it: one step along it leads from the average face without to the average face with.
Source: Larsen, Sonderby, Larochelle and Winther 2016, "Autoencoding beyond pixels using a learned
similarity metric", section 4.2.

The file is `facegen.io.attribute_file`.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.io.attribute_file import (
    FILE_NAME,
    FORMAT,
    DirectionArrays,
    read_directions,
    write_directions,
)
from facegen.io.files import sha256_of
from facegen.io.weights import Weights
from facegen.latent.components import Components, file_beside, is_component

NOTHING_LEFT = 1e-6  # of a direction's length, once others are removed


@dataclass(frozen=True)
class Directions(DirectionArrays):
    """Directions of the latent space by label.

    Attributes:
        names: K labels.
        vectors: float32 (K, latent_dim).
        counts: int64 (2, K), faces with each label and without.
        cohens_d: float64 (K), distance of the two groups' means along the direction, in pooled
            standard deviations of the groups (Cohen 1988).
        source: what they are made from.
        path, sha256: the file they were read from, and its digest.
    """

    path: Path | None = None
    sha256: str | None = None

    @classmethod
    def read(cls, path: str | os.PathLike) -> Directions:
        """Reads attributes.h5.

        Raises:
            MissingFileError: no such file.
            InputError: not such a file, damaged, truncated, or of a newer version.
        """
        read = read_directions(path)
        return cls(**vars(read), path=Path(path), sha256=sha256_of(path))

    def save(
        self,
        path: str | os.PathLike,
        *,
        provenance: dict[str, Any] | None = None,
        force: bool = False,
    ) -> Path:
        """Writes attributes.h5.

        Args:
            provenance: all that is needed to make it again.

        Raises:
            OutputError: it exists (without `force`) or can't be written.
        """
        write_directions(path, self, self.cosines(), provenance=provenance, force=force)
        return Path(path)

    def check(self, weights: Weights) -> None:
        """Raises InputError if another encoder than that of the weights made the directions."""
        weights.check_encoder(
            self.path or "the directions",
            self.source.encoder_sha256,
            self.source.weights,
            instead="make others with 'facegen attributes', or ",
        )

    def cosines(self) -> np.ndarray:
        """Cosine of the angle between any two directions: entanglement, float64 (K, K)."""
        vectors = self.vectors.astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(lengths > 0, lengths, 1)
        return unit @ unit.T

    def summary(self) -> list[dict[str, Any]]:
        """What is known of each label, strongest first.

        Returns:
            Dicts of name, with, without, cohens_d (None where it is not finite), entangled_with
            (the label whose direction is the most alike or opposite; None if there is one label
            only) and its cosine.
        """
        cosines = self.cosines()
        np.fill_diagonal(cosines, 0)
        nearest = np.abs(cosines).argmax(axis=1)
        alone = len(self.names) == 1
        return [
            {
                "name": self.names[i],
                "with": int(self.counts[0, i]),
                "without": int(self.counts[1, i]),
                "cohens_d": round(strength, 3) if math.isfinite(strength) else None,
                "entangled_with": None if alone else self.names[nearest[i]],
                "cosine": None if alone else round(float(cosines[i, nearest[i]]), 3),
            }
            for i in np.argsort(-self.cohens_d, kind="stable").tolist()
            for strength in [float(self.cohens_d[i])]
        ]

    def __getitem__(self, name: str) -> np.ndarray:
        """The direction of a label, float32 (latent_dim).

        Raises:
            InputError: there is none; the message names similar ones.
        """
        if name not in self.names:
            near = difflib.get_close_matches(name, self.names, 3, 0.5) or self.names[:40]
            raise InputError(
                f"{self.path or 'the store'} has no direction {name!r}; it has {', '.join(near)}"
            )
        return self.vectors[self.names.index(name)]

    def offset(self, amounts: Mapping[str, float], without: Sequence[str] = ()) -> np.ndarray:
        """What to add to a point to move it: the sum of amount times direction.

        Args:
            amounts: label to amount; 1 leads from the average face without to that with.
            without: labels whose directions are removed from those moved along.

        Returns:
            float32 (latent_dim).

        Raises:
            InputError: there is no such label, or nothing of it is left without the others.
        """
        return Move(self, amounts, without).offset()


def remove(vectors: np.ndarray, others: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Takes out of some directions what lies along others: the rest is orthogonal to them.

    Conditional manipulation of Shen, Gu, Tang and Zhou 2020, "Interpreting the latent space of
    GANs for semantic face editing" (InterFaceGAN), section 3.3: project on the orthogonal
    complement of the others' span.

    Args:
        vectors: float (n, latent_dim).
        others: float (m, latent_dim).
        names: n names, for the message.

    Returns:
        float64 (n, latent_dim).

    Raises:
        InputError: nothing is left of a direction.
    """
    vectors, others = vectors.astype(np.float64), others.astype(np.float64)
    amounts = np.linalg.lstsq(others.T, vectors.T, rcond=None)[0]  # others may depend on each other
    rest = vectors - amounts.T @ others
    before, after = (np.linalg.norm(x, axis=1) for x in (vectors, rest))
    for name, gone in zip(names, after <= NOTHING_LEFT * before, strict=True):
        if gone:
            raise InputError(f"nothing of the direction {name!r} is left without the others")
    return rest


def find_directions(weights: Weights, path: str | os.PathLike | None = None) -> Directions:
    """The directions of a file, or by default those beside the weights, checked to fit.

    Raises:
        MissingFileError, InputError: no such file, or it was made with another encoder.
    """
    if path is None:
        otherwise = " where faces have labels, else use pc-1, pc-2 ... (--unsupervised)"
        path = file_beside(weights, FILE_NAME, FORMAT, otherwise)
    directions = Directions.read(path)
    directions.check(weights)
    return directions


@dataclass(frozen=True)
class Move:
    """A move in the latent space along directions of labels, components or both.

    Attributes:
        directions: of the labels, read from a file; None if only components are named.
        amounts: label or component to amount, at least one.
        without: labels and components whose directions are removed from those moved along.
        components: read from a file; None if only labels are named.
    """

    directions: Directions | None
    amounts: Mapping[str, float]
    without: Sequence[str] = ()
    components: Components | None = None

    def _direction(self, name: str) -> np.ndarray:
        source = self.components if is_component(name) else self.directions
        if source is None:
            raise InputError(f"there is no file with the direction {name!r}")
        return source[name]

    def offset(self) -> np.ndarray:
        """What the whole move adds to a point: the sum of amount times direction.

        Returns:
            float32 (latent_dim).

        Raises:
            InputError: there is no such direction, or nothing of it is left without the others.
        """
        vectors = np.stack([self._direction(name) for name in self.amounts])
        if self.without:
            others = np.stack([self._direction(name) for name in self.without])
            vectors = remove(vectors, others, list(self.amounts))
        return (np.array([*self.amounts.values()], np.float64) @ vectors).astype(np.float32)

    @property
    def provenance(self) -> dict[str, Any]:
        """As JSON."""
        record: dict[str, Any] = {"attributes": dict(self.amounts), "without": list(self.without)}
        for kind, source in (("attributes", self.directions), ("components", self.components)):
            if source is not None:
                record[f"{kind}_file"] = source.path.name if source.path else None
                record[f"{kind}_sha256"] = source.sha256
        return record
