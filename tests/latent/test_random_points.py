"""Points of the latent space: each row a pure function of the seed and its number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegen.errors import InputError
from facegen.latent import random_points
from facegen.seeds import MAX_SEED, check_seed, draw_seed

seeds = st.integers(0, MAX_SEED)
row_numbers = st.integers(0, random_points.MAX_ROW)


def chi_mean(degrees: int) -> float:
    """The mean length of a vector of independent unit normals."""
    return math.sqrt(2) * math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2))


def test_normal_points_are_philox_with_the_documented_key_and_counter():
    philox = np.random.Philox(key=7 + (random_points.POINTS << 64), counter=5 << 64)
    expected = np.random.Generator(philox).standard_normal(4, np.float32)
    np.testing.assert_array_equal(random_points.normal([5], 4, seed=7), expected[None])


def test_points_never_change_from_version_to_version():
    """A seed in a published provenance must give the same face for ever."""
    np.testing.assert_allclose(
        random_points.normal([0], 3, seed=0), [[0.05991104, 0.01555963, -1.164438]], rtol=1e-6
    )
    np.testing.assert_allclose(
        random_points.uniform([17], 3, seed=5, r_limit=2.0),
        [[-0.5153921, -1.688126, -1.582016]],
        rtol=1e-6,
    )


@given(seeds, st.lists(row_numbers, min_size=1, max_size=6), st.randoms())
def test_a_row_does_not_depend_on_the_others(seed, rows, random):
    together = random_points.normal(rows, 5, seed=seed)
    alone = np.concatenate([random_points.normal([row], 5, seed=seed) for row in rows])
    np.testing.assert_array_equal(together, alone)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = random_points.normal([rows[i] for i in order], 5, seed=seed)
    np.testing.assert_array_equal(shuffled, together[order])


@given(seeds, st.lists(row_numbers, min_size=1, max_size=6))
def test_a_uniform_row_does_not_depend_on_the_others(seed, rows):
    together = random_points.uniform(rows, 5, seed=seed, r_limit=2)
    alone = [random_points.uniform([row], 5, seed=seed, r_limit=2)[0] for row in rows]
    np.testing.assert_array_equal(together, alone)


def test_batches_make_up_the_whole():
    whole = random_points.normal(range(100), 8, seed=3)
    for size in (1, 7, 64):
        parts = [
            random_points.normal(range(i, min(i + size, 100)), 8, seed=3)
            for i in range(0, 100, size)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(seeds, seeds, row_numbers, row_numbers)
def test_different_seeds_or_rows_give_different_points(seed_a, seed_b, row_a, row_b):
    a = random_points.normal([row_a], 8, seed=seed_a)
    b = random_points.normal([row_b], 8, seed=seed_b)
    assert (a == b).all() == ((seed_a, row_a) == (seed_b, row_b))


def test_streams_of_a_seed_differ():
    streams = (
        random_points.POINTS,
        random_points.EPSILON,
        random_points.SELECTION,
        random_points.EPOCH,
    )
    assert streams == (0, 1, 2, 3)  # for ever: they are part of the key
    draws = [random_points.generator(1, 2, stream).random(4).tolist() for stream in streams]
    assert all(a != b for i, a in enumerate(draws) for b in draws[:i])


def test_neighbouring_rows_share_no_numbers():
    """Counters begin 2**64 blocks apart, so even a million draws don't reach the next row."""
    first = set(random_points.generator(0, 0).random(1_000_000).tolist())
    second = random_points.generator(0, 1).random(1000).tolist()
    assert first.isdisjoint(second)


def test_no_global_seed_is_read_or_set():
    np.random.seed(1)  # noqa: NPY002
    a = random_points.normal([0], 8, seed=1)
    state = np.random.get_state(legacy=True)[1]  # type: ignore[index]  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    b = random_points.normal([0], 8, seed=1)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(a, b)
    again = np.random.get_state(legacy=True)[1]  # type: ignore[index]  # noqa: NPY002
    np.testing.assert_array_equal(state, again)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_normal_points_have_the_radii_of_the_chi_distribution(sigma):
    dimensions, count = 256, 2000
    points = random_points.normal(range(count), dimensions, seed=11, sigma=sigma)
    radii = np.linalg.norm(points, axis=1)
    mean = sigma * chi_mean(dimensions)
    deviation = math.sqrt(sigma**2 * dimensions - mean**2)  # 0.71 * sigma
    assert abs(radii.mean() - mean) < 4 * deviation / math.sqrt(count)
    assert abs(radii.std() / deviation - 1) < 4 / math.sqrt(2 * count)
    assert abs(points.mean()) < 4 * sigma / math.sqrt(points.size)


@given(seeds, st.floats(1e-3, 1e3))
def test_uniform_points_keep_within_the_limit(seed, r_limit):
    points = random_points.uniform(range(5), 64, seed=seed, r_limit=r_limit)
    assert abs(points).max() <= np.float32(r_limit)


def test_uniform_points_fill_a_cube():
    dimensions, count = 256, 2000
    points = random_points.uniform(range(count), dimensions, seed=11, r_limit=2.5)
    # Mean 0 and variance r^2 / 3; the share in any quarter of the range is a quarter.
    assert abs(points.mean()) < 4 * 2.5 / math.sqrt(3 * points.size)
    assert abs(points.var() / (2.5**2 / 3) - 1) < 0.01
    shares = np.histogram(points, bins=4, range=(-2.5, 2.5))[0] / points.size
    np.testing.assert_allclose(shares, 0.25, atol=0.004)
    radii = np.linalg.norm(points, axis=1)
    assert abs(radii.mean() / (2.5 * math.sqrt(dimensions / 3)) - 1) < 0.005


def test_uniform_points_of_one_seed_lie_in_one_direction_for_every_limit():
    near = random_points.uniform(range(9), 16, seed=4, r_limit=0.5)
    far = random_points.uniform(range(9), 16, seed=4, r_limit=8.0)
    np.testing.assert_allclose(far, 16 * near, rtol=1e-6)


@pytest.mark.parametrize("rows", [[], [3], range(4)])
def test_points_are_float32_of_the_right_shape(rows):
    for points in (
        random_points.normal(rows, 6, seed=0),
        random_points.uniform(rows, 6, seed=0, r_limit=1),
        random_points.epsilon(rows, 6, seed=0, limit=5),
    ):
        assert points.shape == (len(rows), 6)
        assert points.dtype == np.float32


def test_epsilon_is_cut_at_the_limit_and_else_its_own_stream():
    free = random_points.normal(range(500), 64, seed=2, stream=random_points.EPSILON)
    cut = random_points.epsilon(range(500), 64, seed=2, limit=1.5)
    assert abs(free).max() > 3
    np.testing.assert_array_equal(cut, np.minimum(np.maximum(free, -1.5), 1.5))
    assert (cut != random_points.normal(range(500), 64, seed=2)).all(axis=1).any()


def test_points_of_faces_are_mu_plus_their_deviation_times_the_cut_noise():
    """For logvar = ln 4 the deviation is 2; the noise comes from NumPy's Philox itself."""
    rows, mu = [0, 7, 2**40], np.full((3, 5), 10, np.float32)
    logvar = np.full((3, 5), math.log(4), np.float32)
    key = np.array([6, random_points.EPSILON], np.uint64)
    generators = [
        np.random.Generator(np.random.Philox(key=key, counter=np.array([0, row, 0, 0], np.uint64)))
        for row in rows
    ]
    noise = np.array([each.standard_normal(5, np.float32) for each in generators], np.float64)
    assert abs(noise).max() > 0.8
    z = random_points.reparameterize(mu, logvar, rows, seed=6, limit=0.8, scale=0.5)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, 10 + np.clip(noise, -0.8, 0.8), rtol=1e-6)


def test_an_autoencoder_s_points_are_mu():
    mu = np.arange(6, dtype=np.float32).reshape(2, 3)
    logvar = np.full((2, 3), -np.inf, np.float32)
    z = random_points.reparameterize(mu, logvar, range(2), seed=0, limit=5.0)
    np.testing.assert_array_equal(z, mu)


@given(st.sets(st.integers(0, 10**6), max_size=40), st.integers(0, 50), seeds)
def test_select_draws_without_repetition(rows, count, seed):
    given_rows = np.array(sorted(rows), np.int64)
    chosen = random_points.select(given_rows, count, seed=seed)
    assert len(chosen) == min(count, len(rows))
    assert len(set(chosen.tolist())) == len(chosen)
    assert set(chosen.tolist()) <= rows
    np.testing.assert_array_equal(chosen, random_points.select(given_rows, count, seed=seed))


def test_select_of_fewer_is_the_beginning_of_select_of_more():
    rows = np.arange(100)
    many = random_points.select(rows, 50, seed=9)
    np.testing.assert_array_equal(random_points.select(rows, 7, seed=9), many[:7])
    assert many.tolist() != sorted(many.tolist())
    assert random_points.select(rows, 50, seed=10).tolist() != many.tolist()


def test_select_reaches_every_row():
    rows = np.arange(10)
    first = [int(random_points.select(rows, 1, seed=seed)[0]) for seed in range(200)]
    assert set(first) == set(range(10))


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(InputError, match=f"not {seed}"):
        check_seed(seed)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_the_ends_of_the_seed_range_work(seed):
    assert check_seed(seed) == seed
    assert np.isfinite(random_points.normal([0, random_points.MAX_ROW], 4, seed=seed)).all()


def test_drawn_seeds_are_short_and_differ():
    drawn = {draw_seed() for _ in range(50)}
    assert len(drawn) == 50
    assert all(0 <= seed < 10**9 for seed in drawn)
