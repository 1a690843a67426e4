"""How far two sets of features lie apart: distances and shares, of float32 (N, dimensions).

The features are those of a network that knows pictures; docs/quality.md explains the numbers.
"""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 5  # Naeem et al. 2020
KERNEL_DEGREE = 3  # Binkowski et al. 2018


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The kernel distance (KID): the squared maximum mean discrepancy, estimated without bias.

    With the kernel (x.y / dimensions + 1)^3; around 0 for sets of one kind, and then as often
    below. Source: Binkowski, Sutherland, Arbel and Gretton 2018, "Demystifying MMD GANs".

    Args:
        a, b: at least 2 rows each.
    """
    within_a, within_b = (
        _kernel_sum(x, x, diagonal=False) / (len(x) * (len(x) - 1)) for x in (a, b)
    )
    between = _kernel_sum(a, b, diagonal=True) / (len(a) * len(b))
    return float(within_a + within_b - 2 * between)


def _kernel_sum(a: np.ndarray, b: np.ndarray, *, diagonal: bool) -> float:
    kernel = (a.astype(np.float64) @ b.T.astype(np.float64) / a.shape[1] + 1) ** KERNEL_DEGREE
    return kernel.sum() - (0 if diagonal else np.trace(kernel))


def neighbourhoods(real: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Precision, recall, density and coverage, with the 5 nearest neighbours.

    precision: share of the others within the neighbourhood of a real one (is it like something
    real?); recall: share of the real ones within the neighbourhood of another (can it be made?);
    density: in how many neighbourhoods of real ones an other lies, over 5; coverage: share of the
    real ones in whose neighbourhood an other lies. Real against real has precision and recall of
    about 0.8 and density of 1.

    Sources: Kynkaanniemi et al. 2019 (precision, recall); Naeem, Oh, Uh, Choi and Yoo 2020,
    "Reliable fidelity and diversity metrics" (density, coverage).

    Args:
        real, other: more than 5 rows each.
    """
    between = _distances(real, other)
    real_radii, other_radii = (_radii(x)[:, None] for x in (real, other))
    near_real = between < real_radii
    return {
        "precision": float(near_real.any(0).mean()),
        "recall": float((between < other_radii.T).any(1).mean()),
        "density": float(near_real.sum(0).mean() / NEIGHBOURS),
        "coverage": float((between.min(1) < real_radii[:, 0]).mean()),
    }


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The Frechet distance between normal distributions fitted to both sets.

    |mean - mean|^2 + tr(A + B - 2 (A B)^1/2). Source: Dowson and Landau 1982; Heusel et al. 2017.
    Biased upwards: compare sets of equal size only.
    """
    covariances = [np.atleast_2d(np.cov(x.astype(np.float64), rowvar=False)) for x in (a, b)]
    means = [x.mean(0, dtype=np.float64) for x in (a, b)]
    # The trace of (A B)^1/2 is the sum of the roots of A B's eigenvalues, which are real.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(covariances[0] @ covariances[1]).real, 0))
    shift = np.square(means[0] - means[1]).sum()
    return float(shift + sum(np.trace(c) for c in covariances) - 2 * roots.sum())


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean, float64 (len(a), len(b))."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


def _radii(points: np.ndarray) -> np.ndarray:
    """The distance from each point to the fifth nearest of the others."""
    return np.partition(_distances(points, points), NEIGHBOURS, axis=1)[:, NEIGHBOURS]
