"""analysis, scanning, embedding: numbers against plain NumPy and against closed forms."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import pytest

from facegen.analysis import embedding, scan, statistics
from facegen.errors import FacegenError, InputError

DIM = 12


def vae_points(rows: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """mu, logvar and z of a made-up VAE whose last four coordinates say nothing."""
    random = np.random.default_rng(3)
    mu = random.normal(0.1, 1, (rows, DIM)).astype(np.float32)
    logvar = random.uniform(-4, 0, (rows, DIM)).astype(np.float32)
    mu[:, -4:], logvar[:, -4:] = 0, 0
    noise = np.exp(logvar / 2) * random.normal(size=(rows, DIM))
    return mu, logvar, (mu + noise).astype(np.float32)


def batches(*arrays: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, ...]]:
    for start in range(0, len(arrays[0]), size):
        yield tuple(array[start : start + size] for array in arrays)


Part = TypeVar("Part", scan.Coordinates, scan.Noise)


def scanned(part: Part, *arrays: np.ndarray, size: int = 7, left_out: int = 0) -> Part:
    """The part, after a pass over the rows, of which so many must be left out."""
    assert scan.scan(batches(*arrays, size=size), part) == left_out  # type: ignore[arg-type]
    return part


def coordinates(*arrays: np.ndarray, axes: tuple[int, ...] = (), **options) -> scan.Coordinates:
    return scanned(scan.Coordinates(arrays[0].shape[1], axes), *arrays, **options)


def noise(*arrays: np.ndarray, limit: float = scan.NOISE_LIMIT, **options) -> scan.Noise:
    return scanned(scan.Noise(arrays[0].shape[1], limit), *arrays, **options)


def test_coordinates_are_those_of_numpy_in_double_precision():
    mu, logvar, z = vae_points()
    numbers = statistics.coordinate_numbers(coordinates(mu, logvar, z))
    m, v = mu.astype(float), logvar.astype(float)
    kl = ((m**2 + np.exp(v) - 1 - v) / 2).mean(axis=0)
    expected = {
        "mu_mean": m.mean(axis=0),
        "mu_deviation": m.std(axis=0),
        "z_mean": z.astype(float).mean(axis=0),
        "z_deviation": z.astype(float).std(axis=0),
        "kl": kl,
    }
    assert set(numbers["coordinates"]) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(numbers["coordinates"][name], values, atol=2e-6, err_msg=name)
    assert numbers["kl"] == pytest.approx(kl.sum(), rel=1e-6)
    assert numbers["active"] == 8
    assert numbers["active_units"] == 8


def test_the_kl_divergence_of_a_known_gaussian_is_that_of_the_closed_form():
    """KL(N(m, s^2) || N(0, 1)) = -ln s + (s^2 + m^2 - 1) / 2."""
    mean, deviation = np.array([0, 2, -0.5]), np.array([1, 0.25, 1.5])
    mu = np.tile(mean, (100, 1)).astype(np.float32)
    logvar = np.tile(2 * np.log(deviation), (100, 1)).astype(np.float32)
    expected = -np.log(deviation) + (deviation**2 + mean**2 - 1) / 2
    found = coordinates(mu, logvar, mu).kl
    np.testing.assert_allclose(found, expected, atol=1e-6)  # type: ignore[arg-type]


def test_sums_keep_their_digits_over_many_rows_and_with_a_mean_of_ten_deviations():
    random = np.random.default_rng(5)
    mu = random.normal(10, 1, (20_000, 3)).astype(np.float32)
    found = coordinates(mu, np.zeros_like(mu), mu, size=1024)
    np.testing.assert_allclose(found.mu.mean, mu.mean(axis=0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(found.mu.variance, mu.var(axis=0, dtype=float), rtol=1e-3)


def test_the_noise_is_measured_as_the_articles_measure_it():
    mu, logvar, z = vae_points()
    numbers = statistics.logvar_numbers(noise(mu, logvar, z, limit=0.3))
    away = np.abs(z.astype(float) - mu)
    radius_z, radius_mu = (np.linalg.norm(p.astype(float), axis=1) for p in (z, mu))
    difference = np.abs(radius_z - radius_mu)
    assert numbers["logvar"]["min"] == logvar.min()
    assert numbers["logvar"]["max"] == 0
    assert numbers["logvar"]["outside"] == ((logvar < -3) | (logvar > 5)).sum() > 0
    assert numbers["logvar"]["mean"] == pytest.approx(logvar.mean(dtype=float), rel=1e-6)
    assert numbers["noise"]["largest"] == pytest.approx(away.max(), rel=1e-6)
    assert numbers["noise"]["above"] == (away > 0.3).sum()
    assert numbers["noise"]["components"] == z.size
    assert numbers["radius"] == pytest.approx(
        {
            "mean_z": radius_z.mean(),
            "mean_mu": radius_mu.mean(),
            "largest_difference": difference.max(),
            "mean_difference": difference.mean(),
            "largest_relative": (difference / radius_mu).max(),
            "mean_relative": (difference / radius_mu).mean(),
        },
        rel=1e-5,
    )


def test_nothing_depends_on_the_batches():
    arrays = vae_points()
    one, other = (
        statistics.coordinate_numbers(coordinates(*arrays, size=size)) for size in (1, 500)
    )
    for name, values in one["coordinates"].items():
        np.testing.assert_allclose(values, other["coordinates"][name], atol=2e-6)


def test_batches_are_taken_one_by_one():
    alive = 0

    def source() -> Iterator[scan.Batch]:
        nonlocal alive
        for batch in batches(*vae_points(), size=50):
            alive += 1
            yield batch  # type: ignore[misc]
            alive -= 1
            assert alive == 0

    found = scan.Coordinates(DIM)
    assert scan.scan(source(), found) == 0
    assert found.rows == 500


@pytest.mark.parametrize("array", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_rows_that_are_not_finite_are_counted_and_left_out(array: int, value: float):
    arrays = vae_points()
    sound = [np.delete(a, [3, 99], 0) for a in arrays]
    expected = statistics.coordinate_numbers(coordinates(*sound))
    arrays[array][3, 5] = value
    arrays[array][99, 0] = value
    found = coordinates(*arrays, size=64, left_out=2)
    assert found.rows == 498
    for name, values in statistics.coordinate_numbers(found)["coordinates"].items():
        np.testing.assert_allclose(values, expected["coordinates"][name], atol=2e-6)
    numbers = statistics.logvar_numbers(noise(*arrays, size=64, left_out=2))
    for part, values in statistics.logvar_numbers(noise(*sound)).items():
        assert numbers[part] == pytest.approx(values), part


@pytest.mark.parametrize(
    ("array", "limit"), [(0, scan.LARGEST), (2, scan.LARGEST), (1, scan.LARGEST_LOGVAR)]
)
def test_a_row_beyond_the_limit_is_left_out_whatever_its_neighbours(array: int, limit: float):
    arrays = vae_points()
    arrays[array][7, 2] = 0.99 * limit
    assert coordinates(*arrays, size=100).rows == 500
    arrays[array][7, 2] = 1.01 * limit
    for size in (1, 100):
        assert coordinates(*arrays, size=size, left_out=1).rows == 499


def test_parts_find_in_one_pass_what_each_finds_in_its_own():
    arrays = vae_points()
    arrays[0][3, 5], arrays[1][99, 0] = np.nan, np.inf
    first, second = scan.Coordinates(DIM, (0, 4)), scan.Noise(DIM, 0.3)
    assert scan.scan(batches(*arrays, size=64), first, second) == 2  # type: ignore[arg-type]
    alone = coordinates(*arrays, axes=(0, 4), size=64, left_out=2)
    assert statistics.coordinate_numbers(first) == statistics.coordinate_numbers(alone)
    other = noise(*arrays, limit=0.3, size=64, left_out=2)
    assert statistics.logvar_numbers(second) == statistics.logvar_numbers(other)
    np.testing.assert_array_equal(second.radii("mu"), other.radii("mu"))


def test_points_without_a_finite_row_are_refused():
    mu = np.full((3, DIM), np.nan, np.float32)
    with pytest.raises(InputError, match="no row of finite numbers"):
        coordinates(mu, mu, mu)
    with pytest.raises(InputError, match="no row of finite numbers"):
        scan.finite_radii([mu])


def test_an_ae_has_coordinates_but_neither_kl_nor_noise():
    mu, _, _ = vae_points()
    arrays = mu, np.full_like(mu, -np.inf), mu
    numbers = statistics.coordinate_numbers(coordinates(*arrays))
    assert numbers["rows"] == 500
    assert (numbers["kl"], numbers["active"], numbers["active_units"]) == (None, None, 8)
    with pytest.raises(InputError, match="an AE's: it has no logvar"):
        statistics.logvar_numbers(noise(*arrays))


def test_a_row_of_an_ae_with_a_logvar_is_not_sound():
    mu, _, _ = vae_points()
    logvar = np.full_like(mu, -np.inf)
    logvar[7, 2], logvar[8, 0] = np.nan, 0.5
    assert coordinates(mu, logvar, mu, size=100, left_out=2).rows == 498


def test_the_distribution_along_axes_is_that_of_numpy():
    mu, logvar, z = vae_points()
    z[0, 4], z[1, 4] = 50, -50
    found = coordinates(mu, logvar, z, axes=(4, 0))
    edges = np.linspace(-8, 8, 161)
    for axis, counts in zip((4, 0), found.axis_counts, strict=True):
        inside = np.clip(z[:, axis].astype(float), -7.95, 7.95)  # the outermost have the rest
        np.testing.assert_array_equal(counts, np.histogram(inside, edges)[0])


@pytest.mark.parametrize(("axes", "message"), [((12,), "no axis 12"), ((1, 1), "named twice")])
def test_axes_that_are_not_there_are_refused(axes: tuple[int, ...], message: str):
    with pytest.raises(InputError, match=message):
        coordinates(*vae_points(), axes=axes)


def test_radii_are_as_exact_as_they_are_asked_to_be():
    points = np.random.default_rng(4).normal(size=(100, 256)).astype(np.float32)
    expected = np.linalg.norm(points.astype(float), axis=1)
    for dtype, exact in ((np.float32, 5e-7), (np.float64, 1e-14)):
        found = scan.radii(points, dtype)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=exact)


def test_radii_are_counted_as_numpy_counts_them():
    random = np.random.default_rng(1)
    points = random.normal(size=(3000, 40)).astype(np.float32)
    radii, left_out = scan.finite_radii(b for (b,) in batches(points, size=128))
    numbers = statistics.radius_numbers(radii, 40, intervals=[(6, 7)])
    expected = np.linalg.norm(points.astype(float), axis=1)
    assert left_out == 0
    np.testing.assert_allclose(radii, expected, rtol=1e-6)
    counts = np.histogram(expected, np.arange(71) / 2)[0]
    np.testing.assert_allclose(numbers["histogram"]["counts"], counts, atol=1)
    assert numbers["mean"] == pytest.approx(expected.mean(), rel=1e-6)
    assert numbers["deviation"] == pytest.approx(expected.std(), rel=1e-5)
    assert numbers["quantiles"]["0.95"] == pytest.approx(np.quantile(expected, 0.95), rel=1e-6)
    assert numbers["shares"][0]["share"] == ((expected > 6) & (expected < 7)).mean()
    assert numbers["peak"] == np.argmax(counts) / 2 + 0.25


def test_radii_beyond_the_histogram_are_told():
    numbers = statistics.radius_numbers(np.array([1.0, 1.2, 60.0]), 4, max_radius=10)
    assert (numbers["histogram"]["beyond"], numbers["peak"]) == (1, 1.25)
    numbers = statistics.radius_numbers(np.array([1.0, 50.0, 60.0]), 4, max_radius=10)
    assert (numbers["histogram"]["beyond"], numbers["peak"]) == (2, None)
    assert statistics.radius_numbers(np.array([50.0]), 4)["peak"] is None


def test_the_histogram_reaches_as_far_as_the_points():
    near, far = np.full(2000, 16.0), np.append(np.full(1999, 70.2), 1e9)
    assert statistics.histogram_end([near]) == 35
    assert statistics.histogram_end([near, far]) == 71
    assert statistics.histogram_end([np.array([1e12])]) == 50_000


@pytest.mark.parametrize("dim", [2, 256])
def test_the_reference_is_the_chi_distribution(dim: int):
    """Its mean is sqrt(2) G((k+1)/2) / G(k/2); for k = 2 the quantiles are sqrt(-2 ln(1-q))."""
    chi = statistics.radius_numbers(np.ones(1), dim)["chi"]
    mean = math.sqrt(2) * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2))
    assert chi["mean"] == pytest.approx(mean)
    if dim == 2:
        assert chi["quantiles"]["0.95"] == pytest.approx(math.sqrt(-2 * math.log(0.05)))
    normal = np.random.default_rng(0).normal(size=(20_000, dim))
    median = np.median(np.linalg.norm(normal, axis=1))
    assert chi["quantiles"]["0.5"] == pytest.approx(median, rel=0.01)


def rules(scale: float = 1.0, **changes) -> list[str]:
    radii = np.linalg.norm(np.random.default_rng(0).normal(0, scale, (1000, DIM)), axis=1)
    arguments: dict = {
        "non_finite_rows": 0,
        "coordinates": {"kl": 3.0, "active": 5, "active_units": 5},
        "radius": statistics.radius_numbers(radii, DIM),
    }
    return statistics.broken_rules(**{**arguments, **changes})


def test_a_sound_store_breaks_no_rule():
    assert rules() == []
    assert rules(1.4) == []


def test_each_rule_can_be_broken():
    assert "2 rows" in rules(non_finite_rows=2)[0]
    assert "no coordinate" in rules(coordinates={"kl": 0.0, "active": 0, "active_units": 9})[0]
    assert "no coordinate" in rules(coordinates={"kl": None, "active": None, "active_units": 0})[0]
    for scale in (0.6, 1.7):
        assert "more than 1.5 times apart" in rules(scale)[0]
        assert rules(scale, radius_factor=2) == []
    assert rules(9, radius=None) == []


def groups(count: int = 6, rows: int = 240) -> np.ndarray:
    """Points in tight groups far from each other, float32 (rows, DIM)."""
    random = np.random.default_rng(2)
    places = random.normal(0, 20, (count, DIM))
    return (places[np.arange(rows) % count] + random.normal(0, 0.1, (rows, DIM))).astype("f4")


def test_the_inertia_falls_until_each_group_has_its_cluster():
    points = groups(count=3)
    done: list[int] = []
    numbers = embedding.cluster_inertia(points, (1, 2, 3), seed=2**40, progress=done.append)
    expected = ((points - points.mean(axis=0, dtype=float)) ** 2).sum()
    assert numbers["one"] == pytest.approx(expected, rel=1e-5)
    assert numbers["share"][0] == pytest.approx(1, rel=1e-3)
    assert numbers["share"][1] > 0.05
    assert numbers["share"][2] < 1e-3
    assert sum(done) == 3


def test_more_clusters_than_points_are_refused():
    with pytest.raises(InputError, match="5 points can't make 6 clusters"):
        embedding.cluster_inertia(np.zeros((5, 2), np.float32), (6,))


def check_groups_stay_together(engine: str) -> None:
    points = groups()
    options = {"perplexity": 10, "seed": 5, "engine": engine, "threads": 1}
    placed = embedding.tsne(points, **options)  # type: ignore[arg-type]
    assert placed.places.shape == (240, 2)
    assert placed.places.dtype == np.float32
    assert placed.engine == engine
    assert math.isfinite(placed.divergence)
    distances = np.linalg.norm(placed.places[:, None] - placed.places, axis=2)
    nearest = (distances + np.eye(240) * 1e9).argmin(axis=1)
    assert (nearest % 6 == np.arange(240) % 6).all()
    again = embedding.tsne(points, **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.places, placed.places)


def test_tsne_keeps_groups_together_and_repeats_itself():
    check_groups_stay_together("sklearn")


def test_opentsne_keeps_groups_together_and_repeats_itself():
    pytest.importorskip("openTSNE")
    check_groups_stay_together("opentsne")


def test_tsne_needs_more_points_than_neighbours():
    with pytest.raises(InputError, match="perplexity 30 needs more than 90 points, not 90"):
        embedding.tsne(np.zeros((90, 2), np.float32))


def test_an_engine_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert embedding.choose_engine() == "sklearn"
    with pytest.raises(FacegenError, match=r"pip install 'facegen\[tsne\]'"):
        embedding.choose_engine("opentsne")
    with pytest.raises(InputError, match="one of opentsne, sklearn"):
        embedding.choose_engine("umap")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert embedding.choose_engine() == "opentsne"
