"""Held-out real faces as the measure of pictures: how much these are like them, in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facegen.analysis import quality

if TYPE_CHECKING:
    from facegen.model.judges import Judges

GROUP = 300  # faces of which the patch distance is taken, since it depends on their number


class Measure:
    """Held-out real faces, by which pictures are judged.

    Attributes:
        real: uint8 (N, size, size, 3).
        judges: the networks that judge; None without.
    """

    def __init__(self, real: np.ndarray, *, networks: bool, threads: int | None = None):
        self.real = real
        self.judges: Judges | None = None
        if networks:
            from facegen.model.judges import Judges

            self.judges = Judges(real, threads=threads)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each judging network's file."""
        return self.judges.digests if self.judges else {}

    def figures(self, pixels: np.ndarray) -> dict[str, Any]:
        """The figures of as many pictures as there are real faces."""
        groups = max(1, len(pixels) // GROUP)
        pairs = zip(np.array_split(self.real, groups), np.array_split(pixels, groups), strict=True)
        distances = [
            quality.patch_distances(one, other, seed=group)
            for group, (one, other) in enumerate(pairs)
        ]
        return {
            "patch_distance": {
                size: float(np.mean([distance[size] for distance in distances]))
                for size in distances[0]
            },
            "texture": quality.texture_difference(self.real, pixels),
            "sharpness": quality.sharpness(pixels),
            "diversity": quality.diversity(pixels),
            "colours": quality.colours(pixels),
            "grid": quality.grid_power(pixels),
            "spectrum": quality.radial_spectrum(pixels).tolist(),
            **(self.judges.figures(pixels) if self.judges else {}),
        }
