"""analyze pca: its numbers against NumPy and SciPy, and its map of the store's rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.stats import kurtosis, skew

from facegen.analysis.principal import Rotation, Shapes, correlations, spectrum_numbers
from facegen.api.analyze_pca import analyze_pca
from facegen.api.components import components
from facegen.errors import InputError
from facegen.io.latent_writer import write_latents
from facegen.latent.gaussians import JointMoments
from running import facegen


def skewed(rows: int = 3000) -> np.ndarray:
    """float32 (rows, 5): correlated, skewed, and one coordinate that never varies."""
    random = np.random.default_rng(4)
    mixing = random.standard_normal((4, 4))
    points = random.exponential(1, (rows, 4)) @ mixing + [5, 0, -3, 1]
    return np.c_[points, np.full(rows, 2.0)].astype(np.float32)


def moments_of(points: np.ndarray) -> JointMoments:
    moments = JointMoments()
    for part in np.array_split(points, 7):
        moments.add(part)
    return moments


def test_the_spectrum_says_how_many_hold_a_share():
    found = spectrum_numbers([1.0, 5.0, 3.0, 1.0])
    assert found["variances"] == [5, 3, 1, 1]
    assert found["holding"] == {"0.5": 1, "0.8": 2, "0.9": 3, "0.95": 4, "0.99": 4}
    assert found["first"] == {"2": 0.8}


def test_turned_points_have_the_shape_that_scipy_finds():
    points = skewed()
    rotation = Rotation.of(moments_of(points))
    assert len(rotation.variances) == 4  # the fifth coordinate holds nothing
    turned = rotation.turn(points.astype(float))
    np.testing.assert_allclose(np.cov(turned.T, ddof=0), np.diag(rotation.variances), atol=1e-7)
    shapes = Shapes(np.sqrt(rotation.variances))
    for part in np.array_split(turned, 5):
        shapes.add(part)
    np.testing.assert_allclose(shapes.skewness, skew(turned), atol=1e-9)
    np.testing.assert_allclose(shapes.kurtosis, kurtosis(turned), atol=1e-9)
    assert shapes.counts.sum(axis=1).tolist() == [3000] * 3
    scaled = turned[:, 0] / turned[:, 0].std()
    assert shapes.counts[0, 80] == ((scaled >= 0) & (scaled < 0.1)).sum()


def test_a_column_that_does_not_vary_has_no_shape_and_no_correlation():
    points = skewed().astype(float)
    moments = moments_of(points)
    shapes = Shapes(np.sqrt(np.diag(moments.covariance)))
    shapes.add(points - moments.mean)
    assert (shapes.skewness[4], shapes.kurtosis[4]) == (0, 0)
    expected = np.corrcoef(points[:, :4].T)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(correlations(moments.covariance), expected, atol=1e-9)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """600 of those points, 100 of them held out; row 7 is not finite."""
    points = skewed(600)
    points[7] = np.nan
    path = tmp_path / "latents.h5"
    write_latents(
        path,
        [(points, points, points)],
        [str(row) for row in range(600)],
        latent_dim=5,
        is_test=np.arange(600) % 6 == 0,
        attributes=np.where(np.arange(600)[:, None] % 2, 1, -1).astype(np.int8),
        attribute_names=["odd"],
    )
    return path


def test_directions_are_of_training_rows_and_hold_for_held_out_ones(store: Path, tmp_path: Path):
    found = analyze_pca(store, colour="odd", places_csv=tmp_path / "p.csv")
    points = skewed(600).astype(float)
    training = np.array([row for row in range(600) if row % 6 and row != 7])
    held_out = points[::6]
    centred = points[training] - points[training].mean(axis=0)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(
        found["directions"]["variances"], values[:4] ** 2 / len(training), rtol=1e-6
    )
    assert (found["rows"], found["held_out_rows"], found["non_finite_rows"]) == (499, 100, 1)
    before = np.corrcoef(held_out[:, :4].T)[np.triu_indices(4, 1)]
    after = np.corrcoef(vectors[:4] @ held_out.T)[np.triu_indices(4, 1)]
    numbers = found["held_out_correlation"]
    assert numbers["before"]["largest"] == pytest.approx(np.abs(before).max())
    assert numbers["after"]["mean"] == pytest.approx(np.abs(after).mean(), rel=1e-5)
    with (tmp_path / "p.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [int(row["row"]) for row in table] == [row for row in range(600) if row != 7]
    x = np.array([float(row["x"]) for row in table])
    mean = points[training].mean(axis=0)
    expected = np.delete(points, 7, axis=0) - mean
    np.testing.assert_allclose(np.abs(x), np.abs(expected @ vectors[0]), atol=1e-4)
    assert {row["value"] for row in table} == {"1", "-1"}
    assert found["colour"] == {"name": "odd", "yes": 299, "no": 300, "unknown": 0}


def test_places_on_the_map_go_as_far_as_a_move_along_the_component(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    analyze_pca(toy_store, places_csv=tmp_path / "p.csv")
    with (tmp_path / "p.csv").open() as file:
        x = np.array([float(row["x"]) for row in csv.DictReader(file)])
    step = components(toy_store, weights=toy_weights)["pc-1"].astype(float)
    with h5py.File(toy_store) as file:
        along = file["mu"][:].astype(float) @ step / np.linalg.norm(step)
    np.testing.assert_allclose(np.diff(x), np.diff(along), atol=1e-4)


def test_a_store_that_cannot_be_turned_is_refused(tmp_path: Path):
    for latent_dim, message in ((1, "at least 2 coordinates"), (3, "no two training faces")):
        path = tmp_path / f"{latent_dim}.h5"
        points = np.ones((4, latent_dim), np.float32)
        write_latents(path, [(points,) * 3], list("abcd"), latent_dim=latent_dim)
        with pytest.raises(InputError, match=message):
            analyze_pca(path)


def test_the_command_tells_how_many_directions_hold_90_percent(store: Path):
    done = facegen("analyze", "pca", store)
    assert done.exit_code == 3  # a row was left out
    assert "directions that hold a share of it" in done.stdout
    found = json.loads(facegen("analyze", "pca", store, "--json").stdout)
    assert f"90%: {found['directions']['holding']['0.9']}" in done.stdout
