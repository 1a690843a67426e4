"""What a decoder makes of the points around a face, and of those between two faces.

The evidence for smear-out (a face fills a region) and fragmentation (a face is a point, and beside
it there is none). Takes arrays, opens no file and knows no model; docs/analysis.md explains the
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.images.pixels import to_float
from facegen.latent import random_points
from facegen.latent.components import factorize

DISTANCES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)  # of that between two faces
KINDS = ("random", "principal", "neighbour")
PRINCIPAL = 10  # directions, one of which is drawn for a face
STEPS = 9  # from a face to another


@dataclass(frozen=True)
class Space:
    """What is known of all faces of a latent space.

    Attributes:
        principal: unit vectors, float64 (m, latent_dim).
        two_faces: the root mean square distance between two faces: sqrt(2 tr(covariance)).
    """

    principal: np.ndarray
    two_faces: float

    @classmethod
    def of(cls, covariance: np.ndarray) -> Space:
        """That of mu with this covariance, float64 (latent_dim, latent_dim), not 0."""
        return cls(factorize(covariance)[1][:PRINCIPAL], float(np.sqrt(2 * np.trace(covariance))))


def check_distances(distances: Sequence[float]) -> None:
    """Raises InputError unless distances rise from above 0."""
    if not distances or distances[0] <= 0 or any(np.diff(distances) <= 0):
        raise InputError("distances must rise, and the first one be above 0")


def directions(
    space: Space, point: np.ndarray, neighbour: np.ndarray, *, seed: int, row: int
) -> np.ndarray:
    """Unit vectors away from a face, one of each of KINDS, float64 (3, latent_dim).

    A random one, all directions alike (Muller 1959); a principal one, drawn from the first ten,
    with a random sign; and the one towards a neighbour.

    Args:
        point, neighbour: float32 (latent_dim); where they are the same, there is no way.
        row: of the face: it has directions of its own.
    """
    random = random_points.generator(seed, row, random_points.DIRECTION)
    anywhere = random.standard_normal(len(point))
    principal = space.principal[random.integers(len(space.principal))] * random.choice([-1, 1])
    found = np.stack([anywhere, principal, neighbour.astype(np.float64) - point])
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(lengths > 0, lengths, 1)


def changes(pictures: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Root mean square difference of pictures from others, values in [0, 1], float64 (n).

    Args:
        pictures, reference: uint8 (n, height, width, 3), or one picture for all.
    """
    difference = to_float(pictures).astype(np.float64) - to_float(reference)
    return np.sqrt((difference**2).mean(axis=(-3, -2, -1)))


@dataclass
class Neighbourhoods:
    """What a model makes of the neighbourhoods of faces.

    Attributes:
        space: of all faces.
        distances: how far from a face pictures are taken, in distances between two faces.
        noise: how far each face's z lies from its mu, and the change of the picture there.
        noise_found: whether there is a face, bool each; none without a detector.
        around: changes of each face's pictures, float64 (3, distances) each.
        around_found: where there is a face, bool (3, distances) each.
        between: from each face to another, the changes from step to step, float64 (steps) each.
        between_found: at each of the steps + 1 points, bool each.
        two_faces: the change from each face to that other one.
        neighbour: how far the nearest training face lies from each.
    """

    space: Space
    distances: Sequence[float] = DISTANCES
    noise: list[tuple[float, float]] = field(default_factory=list)
    noise_found: list[bool] = field(default_factory=list)
    around: list[np.ndarray] = field(default_factory=list)
    around_found: list[np.ndarray] = field(default_factory=list)
    between: list[np.ndarray] = field(default_factory=list)
    between_found: list[np.ndarray] = field(default_factory=list)
    two_faces: list[float] = field(default_factory=list)
    neighbour: list[float] = field(default_factory=list)

    def points_around(self, mu: np.ndarray, z: np.ndarray, units: np.ndarray) -> np.ndarray:
        """A face's points, float32 (2 + 3 * distances, latent_dim): mu, z, then kind by kind."""
        away = np.multiply.outer(self.space.two_faces * np.array(self.distances), units)
        moved = mu + away.transpose(1, 0, 2).reshape(-1, len(mu))
        return np.concatenate([mu[None], z[None], moved]).astype(np.float32)

    def add_around(
        self, points: np.ndarray, pictures: np.ndarray, found: np.ndarray | None
    ) -> None:
        """Adds a face's points, their pictures, and where there is a face, bool."""
        shape = len(KINDS), len(self.distances)
        noise, *away = changes(pictures[1:], pictures[0])
        self.noise.append((float(np.linalg.norm(points[1] - points[0])), float(noise)))
        self.around.append(np.reshape(away, shape))
        if found is not None:
            self.noise_found.append(bool(found[1]))
            self.around_found.append(found[2:].reshape(shape))

    def add_between(self, pictures: np.ndarray, found: np.ndarray | None) -> None:
        """Adds the pictures of the points from a face to another, and where there is a face."""
        self.between.append(changes(pictures[1:], pictures[:-1]))
        self.two_faces.append(float(changes(pictures[-1], pictures[0])))
        if found is not None:
            self.between_found.append(found)

    def numbers(self) -> dict[str, Any]:
        """What all faces give.

        Returns:
            JSON values: faces; two_faces with distance and change; neighbour_distance, a mean;
            noise with mean distance, change and found, as below; distances; around, kind to lists
            as long as these: change (of two_faces' change), low and high (quarters of the faces
            lie below and above), found (share where there is a face; None without a detector);
            between: found at each step, share of the points inside, and evenness, the mean step
            over the largest.
        """
        two_faces = float(np.mean(self.two_faces))
        relative = np.stack(self.around) / (two_faces or 1.0)
        low, high = np.quantile(relative, (0.25, 0.75), axis=0)
        found = np.mean(self.around_found, axis=0) if self.around_found else None
        steps = np.stack(self.between)
        evenness = steps.mean(axis=1) / np.maximum(steps.max(axis=1), 1e-12)
        between = np.mean(self.between_found, axis=0) if self.between_found else None
        return {
            "faces": len(self.around),
            "two_faces": {"distance": self.space.two_faces, "change": two_faces},
            "neighbour_distance": float(np.mean(self.neighbour)),
            "noise": {
                "distance": float(np.mean([distance for distance, _ in self.noise])),
                "change": float(np.mean([change for _, change in self.noise])) / (two_faces or 1),
                "found": float(np.mean(self.noise_found)) if self.noise_found else None,
            },
            "distances": [float(distance) for distance in self.distances],
            "around": {
                kind: {
                    "change": relative[:, i].mean(axis=0).tolist(),
                    "low": low[i].tolist(),
                    "high": high[i].tolist(),
                    "found": None if found is None else found[i].tolist(),
                }
                for i, kind in enumerate(KINDS)
            },
            "between": {
                "found": None if between is None else between.tolist(),
                "share": None if between is None else float(between[1:-1].mean()),
                "evenness": float(evenness.mean()),
            },
        }
