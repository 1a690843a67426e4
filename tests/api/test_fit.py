"""fit: samplers of an encoded store, their file, and the points they give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.covariance import oas

from facegen.api.fit import fit
from facegen.api.info import info
from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.io.latent_store import Origin
from facegen.io.latent_writer import write_latents
from facegen.io.provenance import read_provenance
from facegen.io.sampler_file import Fit
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.gaussians import JointMoments, oas_shrinkage, shrunk_factor
from facegen.latent.radius_quantiles import RadiusQuantiles
from facegen.latent.samplers import FittedSampler
from facegen.seeds import MAX_SEED
from running import facegen, run_python

MEAN = np.array([3.0, -1.0, 0.5, 20.0])
FACTOR = np.array([[2, 0, 0, 0], [1, 1, 0, 0], [0, 0.5, 0.3, 0], [-0.5, 0, 0.1, 0.2]])
SHARES = np.array([0.2, 0.3, 0.5])


def write_store(path: Path, points: np.ndarray, is_test: np.ndarray | None = None) -> Path:
    """A store of some z; its mu is half of them."""
    points = points.astype(np.float32)
    write_latents(
        path,
        [(points / 2, points, points)],
        [f"{row}.png" for row in range(len(points))],
        latent_dim=points.shape[1],
        is_test=is_test,
        origin=Origin(encoder_sha256="e" * 64, fingerprint="f" * 64, weights="some"),
    )
    return path


def normal_points(count: int, seed: int = 0) -> np.ndarray:
    """Points with MEAN and the covariance FACTOR FACTOR^T."""
    return MEAN + np.random.default_rng(seed).standard_normal((count, 4)) @ FACTOR.T


def covariance(factor: np.ndarray) -> np.ndarray:
    return factor.astype(np.float64) @ factor.T


def three_components() -> FittedSampler:
    """A mixture of three Gaussians far from each other."""
    return FittedSampler(
        weights=SHARES,
        means=np.array([[0, 0, 0], [50, 0, 0], [0, 100, 0]], np.float32),
        factors=np.stack([np.eye(3), 2 * np.eye(3), np.tril(np.ones((3, 3)))]).astype(np.float32),
        radii=RadiusQuantiles((0, 1), (1, 2)),
        fit=Fit(kind="mixture", encoder_sha256="e" * 64),
    )


def test_moments_in_batches_are_those_of_the_whole():
    points = normal_points(1000) + 1e4
    moments = JointMoments()
    for batch in np.split(points, [1, 7, 600]):
        moments.add(batch)
    np.testing.assert_allclose(moments.mean, points.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(points.T, bias=True), atol=1e-6)


@pytest.mark.parametrize(("rows", "dimensions"), [(1000, 4), (50, 20), (10, 30)])
def test_the_shrinkage_is_scikit_learns(rows: int, dimensions: int):
    random = np.random.default_rng(1)
    points = random.standard_normal((rows, dimensions)) * np.arange(1, dimensions + 1)
    assert oas_shrinkage(np.cov(points.T, bias=True), rows) == pytest.approx(oas(points)[1])


def test_shrinking_keeps_variances_and_draws_correlations_like_scikit_learn():
    points = normal_points(40)
    points /= points.std(axis=0)
    expected, shrinkage = oas(points)  # of correlations: all variances are 1
    factor, found = shrunk_factor(np.cov(points.T, bias=True), 40)
    assert found == pytest.approx(shrinkage)
    np.testing.assert_allclose(covariance(factor), expected, atol=1e-6)
    scale = np.array([1000, 1, 1e-3, 5])
    scaled, _ = shrunk_factor(np.cov(points.T, bias=True) * np.outer(scale, scale), 40)
    np.testing.assert_allclose(scaled, scale[:, None] * factor, rtol=1e-4, atol=1e-9)


def test_a_constant_coordinate_stays_constant(tmp_path: Path):
    points = normal_points(100)
    points[:, 2] = 7
    sampler = fit(write_store(tmp_path / "latents.h5", points))
    found = sampler.sample(range(50), 4, seed=1)
    assert (found[:, 2] == 7).all()
    np.testing.assert_allclose(found.std(axis=0), points.std(axis=0), rtol=0.4)


def test_a_gaussian_has_the_mean_and_the_covariance_of_the_points(tmp_path: Path):
    store = write_store(tmp_path / "latents.h5", normal_points(20_000))
    sampler = fit(store, tmp_path / "sampler.h5")
    # Standard errors: of a mean s / sqrt(n), of a variance s^2 sqrt(2 / n), at most 0.04 here.
    np.testing.assert_allclose(sampler.means, MEAN[None], atol=0.06)
    np.testing.assert_allclose(covariance(sampler.factors[0]), covariance(FACTOR), atol=0.16)
    assert sampler.weights.tolist() == [1]
    assert (sampler.fit.rows, sampler.fit.points) == (20_000, "z")
    assert sampler.fit.encoder_sha256 == "e" * 64
    halved = fit(store, points="mu")
    np.testing.assert_allclose(halved.means, sampler.means / 2, rtol=1e-5)


def test_the_radii_are_those_of_the_fitted_rows(tmp_path: Path):
    points = normal_points(500)
    radii = fit(write_store(tmp_path / "latents.h5", points)).radii
    lengths = np.linalg.norm(points, axis=1)
    assert radii.radii[0] == pytest.approx(lengths.min(), rel=1e-5)
    assert radii.radii[-1] == pytest.approx(lengths.max(), rel=1e-5)
    assert radii.table["0.05"] == pytest.approx(np.quantile(lengths, 0.05), rel=1e-5)


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_held_out_faces_are_left_out(tmp_path: Path, kind: str):
    points, is_test = normal_points(300), np.arange(300) % 3 == 0
    points[is_test] += 1000
    store = write_store(tmp_path / "latents.h5", points, is_test)
    sampler = fit(store, kind=kind, components=1)
    assert (sampler.fit.rows, sampler.fit.split) == (200, "train")
    np.testing.assert_allclose(sampler.mean, points[~is_test].mean(axis=0), atol=1e-3)
    assert fit(store, kind=kind, components=1, split="all").mean[0] > 300


def test_a_mixture_finds_two_clusters(tmp_path: Path):
    points = normal_points(3000)
    points[:1000] *= -1
    sampler = fit(write_store(tmp_path / "latents.h5", points), kind="mixture", components=2)
    order = np.argsort(sampler.means[:, 3])
    np.testing.assert_allclose(sampler.weights[order], [1 / 3, 2 / 3], atol=1e-3)
    np.testing.assert_allclose(sampler.means[order], [-MEAN, MEAN], atol=0.3)
    for factor in sampler.factors:
        np.testing.assert_allclose(covariance(factor), covariance(FACTOR), atol=0.5)
    assert sampler.fit.converged
    assert sampler.fit.sklearn_version


def test_a_mixture_of_many_rows_is_fitted_to_a_choice_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("facegen.api.fit.MIXTURE_ROWS", 400)
    store = write_store(tmp_path / "latents.h5", normal_points(2000))
    options = {"kind": "mixture", "components": 2}
    one, again, other = (fit(store, seed=seed, **options) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert one.fit.rows == 400
    np.testing.assert_array_equal(one.factors, again.factors)
    assert (one.mean != other.mean).any()


def test_fewer_points_than_coordinates_can_be_fitted(tmp_path: Path):
    points = np.random.default_rng(0).standard_normal((5, 30)) + 7
    sampler = fit(write_store(tmp_path / "latents.h5", points))
    assert np.isfinite(sampler.sample(range(9), 30, seed=0)).all()
    assert sampler.fit.shrinkage > 0.1


def test_points_have_the_mean_and_the_covariance_of_their_component():
    sampler, count = three_components(), 12_000
    points = sampler.sample(range(count), 3, seed=3).astype(np.float64)
    component = np.where(points[:, 0] > 25, 1, np.where(points[:, 1] > 50, 2, 0))
    found = np.bincount(component) / count
    np.testing.assert_allclose(found, SHARES, atol=4 * np.sqrt(0.25 / count))
    for k in range(3):
        mine = points[component == k]
        np.testing.assert_allclose(mine.mean(axis=0), sampler.means[k], atol=0.2)
        expected = covariance(sampler.factors[k])
        np.testing.assert_allclose(np.cov(mine.T), expected, atol=0.06 * expected.max())
    np.testing.assert_allclose(sampler.mean, SHARES @ sampler.means, rtol=1e-6)


def test_a_point_is_its_mean_plus_its_factor_times_the_noise_of_its_row():
    philox = np.random.Philox(key=7, counter=5 << 64)
    random = np.random.Generator(philox)
    noise, chance = random.standard_normal(3, np.float32), random.random()
    k = int(chance >= 0.2) + int(chance >= 0.5)
    sampler = three_components()
    expected = sampler.means[k] + sampler.factors[k] @ noise
    np.testing.assert_array_equal(sampler.sample([5], 3, seed=7), expected[None])


@given(
    st.integers(0, MAX_SEED),
    st.lists(st.integers(0, random_points.MAX_ROW), min_size=1, max_size=6),
)
def test_a_row_does_not_depend_on_the_others(seed: int, rows: list[int]):
    sampler = three_components()
    together = sampler.sample(rows, 3, seed=seed)
    alone = [sampler.sample([row], 3, seed=seed)[0] for row in rows]
    np.testing.assert_array_equal(together, alone)


def test_the_unit_gaussian_gives_normal_points():
    sampler = replace(
        three_components(),
        weights=np.ones(1),
        means=np.zeros((1, 3), np.float32),
        factors=np.eye(3, dtype=np.float32)[None],
    )
    expected = random_points.normal(range(20), 3, seed=4)
    np.testing.assert_array_equal(sampler.sample(range(20), 3, seed=4), expected)


def test_a_sampler_survives_its_file(tmp_path: Path):
    sampler = three_components()
    loaded = FittedSampler.load(sampler.save(tmp_path / "sampler.h5"))
    for name in ("weights", "means", "factors"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(sampler, name))
    assert (loaded.fit, loaded.radii) == (sampler.fit, sampler.radii)
    with pytest.raises(OutputError, match="exists already"):
        sampler.save(tmp_path / "sampler.h5")
    with pytest.raises(InputError, match="have 3 coordinates, not 8"):
        loaded.sample([0], 8, seed=0)


def damage(path: Path, what: str) -> None:
    """Does harm to a sampler's file."""
    if what == "cut":
        path.write_bytes(path.read_bytes()[:1500])
        return
    with h5py.File(path, "r+") as file:
        if what == "newer":
            file.attrs["format_version"] = 2
        elif what == "another kind":
            file.attrs["kind"] = "flow"
        elif what == "no seed":
            del file.attrs["seed"]
        elif what == "not finite":
            file["factors"][1, 0, 0] = np.nan
        elif what == "no shares":
            file["weights"][0] = 0.9
        elif what == "falling":
            file["radius_quantiles"][0, 1] = 9
        else:
            old = file[what][:]
            del file[what]
            file[what] = old[:2]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("cut", "truncated"),
        ("newer", "version 2, this facegen reads up to 1"),
        ("another kind", "is a sampler of the kind 'flow'"),
        ("no seed", "is damaged"),
        ("not finite", "is damaged: not all of its numbers are finite"),
        ("no shares", "is damaged: its weights are no shares"),
        ("falling", "is damaged: the quantiles of the radius are damaged: they don't rise"),
        ("weights", "is damaged: factors don't fit means"),
        ("means", "is damaged: means don't fit weights"),
        ("factors", "is damaged: factors don't fit means"),
    ],
)
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, what: str, message: str):
    path = three_components().save(tmp_path / "sampler.h5")
    damage(path, what)
    with pytest.raises(InputError, match=message) as caught:
        FittedSampler.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_sampler_is_refused(toy_faces: Path, tmp_path: Path):
    with pytest.raises(InputError, match="is facegen-faces; expected facegen-sampler"):
        FittedSampler.load(toy_faces)
    with pytest.raises(MissingFileError):
        FittedSampler.load(tmp_path / "nothing.h5")


def test_points_that_can_not_be_fitted_are_refused(tmp_path: Path):
    points = normal_points(30)
    points[17, 2] = np.nan
    broken = write_store(tmp_path / "broken.h5", points)
    with pytest.raises(InputError, match=r"broken.h5: z of row 17 is not finite"):
        fit(broken)
    is_test = np.arange(30) == 17
    held_out = write_store(tmp_path / "held-out.h5", points, is_test)
    assert fit(held_out).fit.rows == 29
    with pytest.raises(InputError, match="has 29 rows to fit; 40 are needed"):
        fit(held_out, kind="mixture", components=40)
    same = write_store(tmp_path / "same.h5", np.ones((9, 3)))
    with pytest.raises(InputError, match="all the same"):
        fit(same)


@pytest.mark.parametrize("option", [{"kind": "flow"}, {"points": "logvar"}, {"split": "test"}])
def test_a_wrong_word_is_answered_with_the_right_ones(option: dict[str, str]):
    with pytest.raises(InputError, match="must be one of"):
        fit("latents.h5", **option)  # type: ignore[arg-type]


def test_a_fitted_sampler_makes_faces_and_is_recorded(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    from facegen import Codec

    result = facegen("fit", toy_store, "-o", tmp_path / "sampler.h5", "--json")
    summary = json.loads(result.output)
    assert (summary["kind"], summary["rows"], summary["components"]) == ("gaussian", 270, 1)
    sheet = tmp_path / "sheet.png"
    options = ("--weights", toy_weights, "--seed", 3, "--n", 4, "-o", sheet)
    result = facegen("generate", "--sampler", tmp_path / "sampler.h5", *options)
    assert result.exit_code == 0, result.output
    sampler = FittedSampler.load(tmp_path / "sampler.h5")
    expected = Codec(Weights.load(toy_weights)).decode(sampler.sample(range(4), 8, seed=3))
    with Image.open(sheet) as image:
        provenance = read_provenance(image)
        np.testing.assert_array_equal(np.asarray(image)[4:36, 40:72], expected[1])
    assert provenance is not None
    assert provenance["sampler"] == {
        "name": "fitted",
        "kind": "gaussian",
        "sampler": "sampler.h5",
        "sampler_sha256": sampler.sha256,
    }


def test_generating_with_a_sampler_needs_no_scikit_learn(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    fit(toy_store, tmp_path / "s.h5", kind="mixture", components=2)
    arguments = ["generate", "--weights", str(toy_weights), "-q", "--sampler", "s.h5"]
    code = (
        "import sys\n"
        "from facegen.cli.main import cli\n"
        "from facegen.notices import hidden_notices\n"
        f"with hidden_notices(): cli.main({arguments}, standalone_mode=False)\n"
        "sys.exit(sum(name in sys.modules for name in ('sklearn', 'scipy', 'tensorflow')))"
    )
    done = run_python("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_sampler_of_another_encoder_is_refused(toy_weights: Path, tmp_path: Path):
    path = three_components().save(tmp_path / "sampler.h5")
    result = facegen("generate", "--sampler", path, "--weights", toy_weights)
    assert isinstance(result.exception, InputError)
    assert "was made with other weights () than toy; fit another" in str(result.exception)


def test_info_describes_a_sampler(toy_store: Path, tmp_path: Path):
    fit(toy_store, tmp_path / "sampler.h5", kind="mixture", components=2, seed=4)
    found = info(tmp_path / "sampler.h5")
    expected = {
        "kind": "facegen-sampler",
        "format_version": 1,
        "components": 2,
        "latent_dim": 8,
        "latents": "latents.h5",
        "rows": 270,
        "seed": 4,
    }
    assert {name: found[name] for name in expected} == expected
    assert found["sampler"] == "mixture"
    assert found["radius_quantiles"]["0"] > 0
    assert json.loads(json.dumps(found)) == found


def test_fit_overwrites_nothing_and_says_what_is_missing(toy_store: Path, tmp_path: Path):
    output = tmp_path / "sampler.h5"
    output.write_text("precious")
    result = facegen("fit", toy_store, "-o", output)
    assert isinstance(result.exception, OutputError)
    assert output.read_text() == "precious"
    assert facegen("fit", toy_store, "-o", output, "--force").exit_code == 0
    result = facegen("fit", toy_store, "-o", output, "--components", 3)
    assert result.exit_code == 2
    assert "--components goes with --kind mixture" in result.output
    assert isinstance(facegen("fit", tmp_path / "x", "-o", output).exception, FacegenError)


def test_an_incomplete_store_is_fitted_with_a_warning(toy_store: Path, tmp_path: Path):
    part = tmp_path / "part.h5"
    part.write_bytes(toy_store.read_bytes())
    with h5py.File(part, "r+") as file:
        file["rows_done"][()] = 100
        file["complete"][()] = 0
    result = facegen("fit", part, "-o", tmp_path / "sampler.h5", "-q")
    assert result.exit_code == 0
    assert "is not complete; the 100 rows that are there are fitted" in result.output
    assert FittedSampler.load(tmp_path / "sampler.h5").fit.rows <= 100
