"""Paths between points of the latent space."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from facegen.errors import InputError

PATHS = ("spherical", "linear")
SMALL_ANGLE = 1e-4  # below it, in radians, an arc is a line; as near to pi, it has no one plane


def linear(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points on the straight line: (1 - t) start + t end.

    Its middle lies nearer to the origin than its ends, where normal points are rare and faces
    are more average.

    Args:
        start, end: float (latent_dim).
        shares: the values of t, float (n).

    Returns:
        float32 (n, latent_dim).
    """
    t = shares[:, None]
    return ((1 - t) * start + t * end).astype(np.float32)


def spherical(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points on the arc around the origin, at even angles; the radius changes evenly, too.

    Between points of one radius the radius stays what it is, as that of normal points nearly is.
    Source: Shoemake 1985, "Animating rotation with quaternion curves" (slerp), for unit vectors:
    (sin((1 - t) w) start + sin(t w) end) / sin w, with the angle w between them.

    Raises:
        InputError: the points lie opposite each other: no arc is shorter than the others.
    """
    radii = [float(np.linalg.norm(point)) for point in (start, end)]
    if min(radii) == 0:
        return linear(start, end, shares)
    first, last = start.astype(np.float64) / radii[0], end.astype(np.float64) / radii[1]
    angle = 2 * np.arctan2(np.linalg.norm(first - last), np.linalg.norm(first + last))
    if angle < SMALL_ANGLE:
        return linear(start, end, shares)
    if np.pi - angle < SMALL_ANGLE:
        raise InputError("the two points lie opposite each other; choose --path linear")
    t = shares[:, None]
    unit = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    return (unit * ((1 - t) * radii[0] + t * radii[1])).astype(np.float32)


def path_between(z: np.ndarray, *, steps: int, path: str = "spherical") -> np.ndarray:
    """The way through some points, one after another.

    Args:
        z: float32 (N, latent_dim), N at least 2.
        steps: from each point to the next, at least 1.
        path: "spherical" or "linear".

    Returns:
        float32 ((N - 1) * steps + 1, latent_dim). Every row that is a multiple of steps is one of
        the given points, exactly.
    """
    if path not in PATHS:
        raise InputError(f"path must be one of {', '.join(PATHS)}, not {path!r}")
    if len(z) < 2:
        raise InputError("a morph needs two faces at least; name another one")
    if steps < 1:
        raise InputError(f"steps must be at least 1, not {steps}")
    between = spherical if path == "spherical" else linear
    shares = np.arange(1, steps) / steps
    parts = [z[:1]]
    for start, end in pairwise(z):
        parts += [between(start, end, shares), end[None]]
    return np.concatenate(parts)
