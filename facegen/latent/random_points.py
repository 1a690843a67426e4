"""Points of the latent space.

Row i of a run with seed s gets a generator of its own, a pure function of (s, i): numpy's Philox
with the key (s, stream) and a counter that begins at i * 2**64. So a row is the same whatever the
count, the batch size or the point of a resume, and no global seed is ever set or read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

MAX_ROW = 2**63 - 1

# Streams keep draws for different purposes apart: the key's second word.
POINTS, EPSILON, SELECTION, EPOCH, RADIUS, DIRECTION = range(6)


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


def reparameterize(
    mu: np.ndarray,
    logvar: np.ndarray,
    rows: Iterable[int],
    *,
    seed: int,
    limit: float,
    scale: float = 1.0,
) -> np.ndarray:
    """The points of faces: z = mu + exp(logvar / 2) * scale * epsilon.

    Kingma and Welling 2014, section 2.4. `epsilon` is that of the rows.

    Args:
        mu, logvar: of the encoder, float32 (n, latent_dim); logvar is -inf for an AE: z = mu.
        rows: n row numbers.
        limit: epsilon is cut to [-limit, limit].
        scale: factor of epsilon; 0 gives z = mu.

    Returns:
        float32 (n, latent_dim).
    """
    noise = epsilon(rows, mu.shape[1], seed=seed, limit=limit)
    return mu + np.exp(logvar / np.float32(2)) * (np.float32(scale) * noise)


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


def mixture(
    rows: Sequence[int],
    weights: np.ndarray,
    means: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int,
) -> np.ndarray:
    """Points from a mixture of Gaussians: means[k] + factors[k] @ noise, k by its weight.

    The noise is that of `normal`, and k is drawn after it: with one component of mean 0 and
    covariance 1 these are the points of `normal`. A row at a time, because the last digit of a
    product of matrices depends on how many rows they have.

    Args:
        weights: float64 (K), at least 0, with the sum 1.
        means: float32 (K, latent_dim).
        factors: float32 (K, latent_dim, latent_dim), lower Cholesky factors of the covariances.

    Returns:
        float32 (len(rows), latent_dim).
    """
    latent_dim = means.shape[1]
    ends = np.cumsum(weights)[:-1]
    points = np.empty((len(rows), latent_dim), np.float32)
    for point, row in zip(points, rows, strict=True):
        random = generator(seed, row)
        noise = random.standard_normal(latent_dim, np.float32)
        k = np.searchsorted(ends, random.random(), side="right")
        point[:] = means[k] + factors[k] @ noise
    return points


def scale_to(points: np.ndarray, radii: np.ndarray | float) -> np.ndarray:
    """Moves points along their directions from the origin to given radii (L2 norms).

    Args:
        points: float32 (n, latent_dim), none of them the origin.
        radii: (n), or one for all.

    Returns:
        float32 (n, latent_dim).
    """
    lengths = np.linalg.norm(points.astype(np.float64), axis=1)
    return (points * (radii / lengths)[:, None]).astype(np.float32)


def select(rows: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Chooses `count` of the given row numbers without repetition (all, if there are fewer)."""
    chosen = generator(seed, stream=SELECTION).permutation(np.asarray(rows))
    return chosen[:count]
