"""Distances between sets of features, against loops and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from facegen.analysis.distributions import frechet_distance, kernel_distance, neighbourhoods


def normal(count: int, dimensions: int, *, seed: int, shift: float = 0.0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(count, dimensions)) + shift
    return points.astype(np.float32)


def test_the_kernel_distance_is_the_unbiased_mean_discrepancy():
    a, b = normal(5, 3, seed=1), normal(4, 3, seed=2, shift=1)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / 3 + 1) ** 3

    within_a = np.mean([kernel(a[i], a[j]) for i in range(5) for j in range(5) if i != j])
    within_b = np.mean([kernel(b[i], b[j]) for i in range(4) for j in range(4) if i != j])
    between = np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * between, rel=1e-5)


def test_the_kernel_distance_of_equal_distributions_lies_around_zero():
    found = [
        kernel_distance(normal(100, 4, seed=2 * i), normal(100, 4, seed=2 * i + 1))
        for i in range(20)
    ]
    assert min(found) < 0 < max(found)
    shifted = kernel_distance(normal(100, 4, seed=1), normal(100, 4, seed=2, shift=1))
    assert shifted > 5 * max(found)


def test_neighbourhoods_of_points_on_a_line():
    # The fifth nearest of seven points 0, 1, ..., 6: 5 away at the ends, 4 next to them, then 3.
    real = np.arange(7.0)[:, None]
    # In no neighbourhood, in that of 6 alone (10.9 - 6 < 5), in those of 0, 1 and 2.
    others = np.array([-5.5, 10.9, -0.5, -20, -20, -20, -20, -20])[:, None]
    found = neighbourhoods(real, others)
    assert found["precision"] == 2 / 8
    # 0, 1, 2 (|-0.5 - 2| = 2.5 < 3) and 6; 3 is 3.5 away and its neighbourhood reaches 3.
    assert found["density"] == pytest.approx((1 + 3) / 5 / 8)
    assert found["coverage"] == 4 / 7
    # The fifth nearest of the others lies 14.5 from -5.5: within that are all of 0 to 6.
    assert found["recall"] == 1


def test_others_far_away_cover_and_recall_nothing():
    real, others = normal(50, 3, seed=1), normal(50, 3, seed=2, shift=100)
    assert set(neighbourhoods(real, others).values()) == {0}


def test_points_that_are_all_the_same_recall_nothing():
    real = normal(50, 3, seed=1)
    found = neighbourhoods(real, np.repeat(real[:1], 50, axis=0))
    assert found["precision"] == 1
    assert found["recall"] == 0


def test_the_frechet_distance_of_two_normal_distributions_on_a_line():
    a, b = np.array([[-1.0], [1.0]]), np.array([[1.0], [7.0]])
    # Means 0 and 4, variances 2 and 18: 16 + 2 + 18 - 2 * sqrt(36).
    assert frechet_distance(a, b) == pytest.approx(24)


def test_the_frechet_distance_sees_how_coordinates_hang_together():
    a = normal(4000, 2, seed=1)
    together = a @ np.array([[1, 0.9], [0, np.sqrt(1 - 0.81)]], np.float32)
    # tr(1 + C - 2 C^1/2) with eigenvalues 1.9 and 0.1 of C: 4 - 2 (1.378 + 0.316) = 0.61.
    assert frechet_distance(a, together) == pytest.approx(0.611, abs=0.06)
