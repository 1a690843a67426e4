"""Points of the latent space.

Row i of a run with seed s gets a generator of its own, a pure function of (s, i): numpy's Philox
with the key (s, stream) and a counter that begins at i * 2**64. So a row is the same whatever the
count, the batch size or the point of a resume, and no global seed is ever set or read.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import numpy as np

from facegen.errors import InputError

MAX_SEED = 2**63 - 1
MAX_ROW = 2**63 - 1

# Streams keep draws for different purposes apart: the key's second word.
POINTS, EPSILON, SELECTION, EPOCH = range(4)


def draw_seed() -> int:
    """A fresh seed of at most nine digits, to print and to record."""
    return secrets.randbelow(10**9)


def check_seed(seed: int) -> int:
    """Returns the seed.

    Raises:
        InputError: it lies outside 0..2^63-1.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"the seed must be in 0..{MAX_SEED}, not {seed}")
    return seed


def generator(seed: int, row: int = 0, stream: int = POINTS) -> np.random.Generator:
    """The generator of one row of one stream of a seed."""
    key = np.array([seed, stream], np.uint64)
    counter = np.array([0, row, 0, 0], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def normal(
    rows: Iterable[int], latent_dim: int, *, seed: int, sigma: float = 1.0, stream: int = POINTS
) -> np.ndarray:
    """Points from N(0, sigma^2) in every coordinate, the VAE's prior for sigma 1 (article XI).

    The mean radius is about sigma * sqrt(latent_dim): 16 for 256 dimensions.

    Returns:
        float32 (len(rows), latent_dim).
    """
    draws = [generator(seed, r, stream).standard_normal(latent_dim, np.float32) for r in rows]
    points = np.array(draws, np.float32).reshape(-1, latent_dim)
    points *= np.float32(sigma)
    return points


def epsilon(rows: Iterable[int], latent_dim: int, *, seed: int, limit: float) -> np.ndarray:
    """The noise of z = mu + exp(logvar / 2) * epsilon: N(0, 1), cut to [-limit, limit] (XIII).

    Returns:
        float32 (len(rows), latent_dim).
    """
    return normal(rows, latent_dim, seed=seed, stream=EPSILON).clip(-limit, limit)


def uniform(rows: Iterable[int], latent_dim: int, *, seed: int, r_limit: float) -> np.ndarray:
    """Points uniform in [-r_limit, r_limit] in every coordinate (article XI).

    This is a cube, not a ball: the radius is about r_limit * sqrt(latent_dim / 3), for 256
    dimensions 9.24 * r_limit. The same seed and row lie in the same direction for every r_limit.

    Returns:
        float32 (len(rows), latent_dim).
    """
    draws = [generator(seed, r).random(latent_dim, np.float32) for r in rows]
    points = np.array(draws, np.float32).reshape(-1, latent_dim)
    return (points * np.float32(2) - np.float32(1)) * np.float32(r_limit)


def select(rows: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Chooses `count` of the given row numbers without repetition (all, if there are fewer)."""
    chosen = generator(seed, stream=SELECTION).permutation(np.asarray(rows))
    return chosen[:count]
