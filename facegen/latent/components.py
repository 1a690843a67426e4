"""Components: ways through the latent space that need no labels.

    pc-1, pc-2 ...        principal directions of mu, the one along which faces differ most first
    layer-1, layer-2 ...  the directions that the decoder's first layer answers to most

Sources: Hotelling 1933, "Analysis of a complex of statistical variables into principal
components"; Shen and Zhou 2021, "Closed-form factorization of latent semantics in GANs" (SeFa).

The file is `facegen.io.component_file`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.io.component_file import (
    FILE_NAME,
    FORMAT,
    ComponentArrays,
    read_components,
    write_components,
)
from facegen.io.files import sha256_of
from facegen.io.hdf5 import MAKERS, kind_of
from facegen.io.weights import Weights

PRINCIPAL, LAYER = "pc", "layer"  # the kinds, as their names begin
NAME = re.compile(rf"({PRINCIPAL}|{LAYER})-[1-9]\d*")
NO_VARIANCE = 1e-10  # of the largest: rounding


def is_component(name: str) -> bool:
    """Whether a name is that of a component: all others are labels'."""
    return NAME.fullmatch(name) is not None


def factorize(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of a symmetric matrix (n, n), the largest first, and its eigenvectors.

    The sign of an eigenvector is free: here its largest coordinate is positive. Directions without
    variance, as of coordinates that say nothing, are left out.

    Returns:
        float64 (m), and orthonormal rows, float64 (m, n); m at most n.
    """
    values, columns = np.linalg.eigh(matrix.astype(np.float64))
    values, vectors = values[::-1], columns.T[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    kept = values > NO_VARIANCE * values[0]
    return values[kept], (vectors * np.sign(largest))[kept]


@dataclass(frozen=True)
class Components(ComponentArrays):
    """Directions of the latent space without labels.

    Attributes:
        names: K names, "pc-1" and so on, then "layer-1" and so on.
        vectors: float32 (K, latent_dim). One step is one standard deviation of mu of the training
            faces along the direction; without a store it has the length 1, the deviation of a
            VAE's prior.
        shares: float64 (K): of a principal direction the share of the variance of mu, of one of
            the layer's the share of its squared weights.
        labels: the label that goes along with each most, "" where none is known.
        correlations: float64 (K), Pearson's, of mu along the direction with that label.
        source: what they are made from.
        path, sha256: the file they were read from, and its digest.
    """

    path: Path | None = None
    sha256: str | None = None

    @classmethod
    def read(cls, path: str | os.PathLike) -> Components:
        """Reads components.h5.

        Raises:
            MissingFileError: no such file.
            InputError: not such a file, damaged, truncated, or of a newer version.
        """
        read = read_components(path)
        return cls(**vars(read), path=Path(path), sha256=sha256_of(path))

    def save(
        self,
        path: str | os.PathLike,
        *,
        provenance: dict[str, Any] | None = None,
        force: bool = False,
    ) -> Path:
        """Writes components.h5.

        Args:
            provenance: all that is needed to make it again.

        Raises:
            OutputError: it exists (without `force`) or can't be written.
        """
        write_components(path, self, provenance=provenance, force=force)
        return Path(path)

    def check(self, weights: Weights) -> None:
        """Raises InputError if they are those of another latent space than the weights'."""
        path, latent_dim = self.path or "the components", self.vectors.shape[1]
        weights.check_encoder(
            path,
            self.source.encoder_sha256,
            self.source.weights,
            instead="make others with 'facegen attributes --unsupervised', or ",
        )
        if latent_dim != weights.model.latent_dim:
            raise InputError(
                f"{path} is damaged: its directions have {latent_dim} coordinates, points of "
                f"{weights.name} {weights.model.latent_dim}"
            )

    def summary(self) -> list[dict[str, Any]]:
        """What is known of each, in order.

        Returns:
            Dicts of name, deviation (how far a step of 1 leads), share, label (None where none is
            known) and its correlation.
        """
        deviations = np.linalg.norm(self.vectors.astype(np.float64), axis=1)
        columns = zip(
            self.names,
            deviations.tolist(),
            self.shares.tolist(),
            self.labels,
            self.correlations.tolist(),
            strict=True,
        )
        return [
            {
                "name": name,
                "deviation": round(deviation, 4),
                "share": round(share, 4),
                "label": label or None,
                "correlation": round(correlation, 3) if label else None,
            }
            for name, deviation, share, label, correlation in columns
        ]

    def __getitem__(self, name: str) -> np.ndarray:
        """A direction, float32 (latent_dim).

        Raises:
            InputError: there is none of that name; the message says which there are.
        """
        if name not in self.names:
            kinds = (
                [own for own in self.names if own.startswith(f"{kind}-")]
                for kind in (PRINCIPAL, LAYER)
            )
            has = ", ".join(f"{kind[0]} to {kind[-1]}" for kind in kinds if kind)
            raise InputError(f"{self.path or 'the store'} has no direction {name!r}; it has {has}")
        return self.vectors[self.names.index(name)]


def by_kind(
    named: str | os.PathLike | None,
) -> tuple[str | os.PathLike | None, str | os.PathLike | None]:
    """What a file of directions that was named is for: the labels, or the components.

    Returns:
        The file of the labels' directions, and that of the components; None for those beside the
        weights.

    Raises:
        MissingFileError, InputError: no such file, or it is no HDF5.
    """
    of_components = named is not None and kind_of(named) == FORMAT
    return (None, named) if of_components else (named, None)


def file_beside(weights: Weights, name: str, kind: str, otherwise: str = "") -> Path:
    """The path of a file of directions in the folder of weights.

    Args:
        kind: its format, one of `facegen.io.hdf5.MAKERS`.
        otherwise: the end of the message, for those who can't make it.

    Raises:
        InputError: there is none; the message says what makes it.
    """
    path = weights.path / name
    if not path.is_file():
        raise InputError(
            f"the weights {weights.name} come without {name}; make it with '{MAKERS[kind]} "
            f"--weights {weights.path} -o {path}'{otherwise}"
        )
    return path


def find_components(weights: Weights, path: str | os.PathLike | None = None) -> Components:
    """The components of a file, or by default those beside the weights, checked to fit.

    Raises:
        MissingFileError, InputError: no such file, or it was made with another encoder.
    """
    path = file_beside(weights, FILE_NAME, FORMAT) if path is None else path
    components = Components.read(path)
    components.check(weights)
    return components
