"""The crisp decoder: what it does with points far out."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")


def test_far_points_are_taken_nearer_in_their_direction_and_none_become_one():
    from facegen.model.crisp_decoder import nearer

    direction = np.random.default_rng(3).normal(size=256)
    direction /= np.linalg.norm(direction)
    radii = np.array([0, 4.6, 16, 23.1, 46.2, 256])  # a unit normal's is 16
    found = np.asarray(nearer((radii[:, None] * direction).astype(np.float32)))
    expected = [0, 4.6, 16, 16 * (23.1 / 16) ** 0.25, 16 * (46.2 / 16) ** 0.25, 32]
    np.testing.assert_allclose(found @ direction, expected, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), expected, rtol=1e-5)
