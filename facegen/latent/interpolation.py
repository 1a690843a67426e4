"""Paths between points of the latent space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def _way(path: str) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """The function of a path's name."""
    if path not in PATHS:
        raise InputError(f"path must be one of {', '.join(PATHS)}, not {path!r}")
    return spherical if path == "spherical" else linear


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
    if len(z) < 2:
        raise InputError("a morph needs two faces at least; name another one")
    if steps < 1:
        raise InputError(f"steps must be at least 1, not {steps}")
    between = _way(path)
    shares = np.arange(1, steps) / steps
    parts = [z[:1]]
    for start, end in pairwise(z):
        parts += [between(start, end, shares), end[None]]
    return np.concatenate(parts)


def mix(
    corners: np.ndarray, places: Sequence[Sequence[float]], *, path: str = "spherical"
) -> np.ndarray:
    """Points between two others, or within the square of four.

    With P(a, b, t) the path from a to b: of two the point is P(a, b, u); of four, with u to the
    right and v down, it is P(P(a, b, u), P(c, d, u), v). Linear, that is bilinear interpolation.
    Spherical, the edges of the square are arcs, and the radius is the bilinear one of the four
    radii, (1 - v) ((1 - u) |a| + u |b|) + v ((1 - u) |c| + u |d|): four of one radius keep it.

    Args:
        corners: float32 (2, latent_dim), or (4, latent_dim): upper left, upper right, lower left,
            lower right.
        places: n times (u), or (u, v) of four corners, each in [0, 1].
        path: "spherical" or "linear".

    Returns:
        float32 (n, latent_dim). At a corner's place it is the corner, exactly.

    Raises:
        InputError: there are neither two corners and (u), nor four and (u, v); a number is out of
            its range; points lie opposite each other on the sphere.
    """
    between = _way(path)

    def point(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
        if share in (0, 1):
            return end if share else start
        return between(start, end, np.array([share]))[0]

    found = []
    for place in places:
        if len(corners) != 2 ** len(place) or len(place) not in (1, 2):
            raise InputError(
                f"a mix is of two faces at U, or of four at U,V, not of {len(corners)} at "
                f"{','.join(f'{share:g}' for share in place)}"
            )
        if not all(0 <= share <= 1 for share in place):
            raise InputError(f"a place in a mix has numbers in 0..1, not {tuple(place)}")
        rows = [point(*pair, place[0]) for pair in zip(corners[::2], corners[1::2], strict=True)]
        found.append(rows[0] if len(rows) == 1 else point(rows[0], rows[1], place[1]))
    return np.array(found, np.float32)


def square(side: int) -> list[tuple[float, float]]:
    """The places (u, v) of a grid of side x side points, at least 2 x 2, row by row."""
    if side < 2:
        raise InputError(f"a square has at least 2 x 2 faces, not {side} x {side}")
    return [(u / (side - 1), v / (side - 1)) for v in range(side) for u in range(side)]
