"""Edits: what is done to the point of a face: it goes to a radius, then along directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facegen.errors import InputError
from facegen.latent.random_points import scale_to

if TYPE_CHECKING:
    from facegen.latent.directions import Move  # HDF5 costs 0.2 s, which most edits don't need

MAX_RADIUS = 1000.0  # of what the command line takes; normal points lie at 16


def radii_of(points: np.ndarray) -> list[float]:
    """Distances of points from the origin, to four digits behind the point, as JSON takes them."""
    return np.linalg.norm(points.astype(np.float64), axis=-1).round(4).tolist()


@dataclass(frozen=True)
class Edit:
    """What is done to a face: as `facegen generate` does, it goes to a radius first, then moves.

    Attributes:
        move: along labels' directions.
        radius: the distance from the origin that it goes to, on the straight way out or in.

    Raises:
        InputError: the radius is not above 0, or above 1000.
    """

    move: Move | None = None
    radius: float | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 < self.radius <= MAX_RADIUS:
            raise InputError(
                f"radius must be above 0 and at most {MAX_RADIUS:g}, not {self.radius}"
            )

    def __bool__(self) -> bool:
        """Whether it does anything."""
        return self.move is not None or self.radius is not None

    def apply(self, z: np.ndarray, share: float = 1.0) -> np.ndarray:
        """Points once they are edited, or a share of the way to that.

        The radius is (1 - share) |z| + share * radius, and share times the move's offset is added.

        Args:
            z: float32 (N, latent_dim).
            share: 0 for the points as they are, 1 for all of the edit.

        Returns:
            float32 (N, latent_dim).

        Raises:
            InputError: a point is the origin, and has no direction to go to a radius in.
        """
        points = z
        if self.radius is not None:
            lengths = np.linalg.norm(z.astype(np.float64), axis=1)
            if not lengths.all():
                raise InputError("a face lies at the origin: no direction leads to another radius")
            points = scale_to(z, (1 - share) * lengths + share * self.radius)
        if self.move is not None:
            points = points + (share * self.move.offset().astype(np.float64)).astype(np.float32)
        return points

    def way(self, z: np.ndarray, steps: int) -> np.ndarray:
        """Points on their way to all of the edit, by 0, 1/steps, 2/steps ... 1 of it.

        Args:
            z: float32 (N, latent_dim).
            steps: at least 1.

        Returns:
            float32 (N, steps + 1, latent_dim); the first is z, the last is edited.
        """
        if steps < 1:
            raise InputError(f"steps must be at least 1, not {steps}")
        return np.stack([self.apply(z, i / steps) for i in range(steps + 1)], axis=1)

    @property
    def provenance(self) -> dict[str, Any]:
        """As JSON: of "move" and "radius" those that there are."""
        found: dict[str, Any] = {}
        if self.move is not None:
            found["move"] = self.move.provenance
        if self.radius is not None:
            found["radius"] = self.radius
        return found
