"""Points at chosen radii, warnings where no training face lies, and the options of generate."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facegen.errors import InputError
from facegen.io.provenance import read_provenance
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.radius_quantiles import RadiusQuantiles
from facegen.latent.sampler_choice import SamplerChoice
from facegen.latent.samplers import AtPercentiles, OnShell, PointSampler, Sampler, Truncated
from facegen.seeds import MAX_SEED
from running import facegen

QUANTILES = {"0": 10.0, "0.05": 12.0, "0.5": 16.0, "0.95": 17.0, "1": 20.0}
TRAINING = RadiusQuantiles.parse(QUANTILES)


def norms(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points.astype(np.float64), axis=1)


def copy_weights(folder: Path, toy_weights: Path, quantiles: object) -> Path:
    """The toy weights with other radii of the training faces; none, if None."""
    folder.mkdir()
    for file in toy_weights.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["metrics"]["radius_quantiles"] = quantiles
    if quantiles is None:
        del config["metrics"]["radius_quantiles"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("radius", [0.01, 16.0, 1000.0])
def test_points_on_a_shell_have_its_radius_and_keep_their_directions(radius: float):
    points = OnShell(Sampler(), radius).sample(range(50), 256, seed=1)
    np.testing.assert_allclose(norms(points), radius, rtol=1e-6)
    normal = random_points.normal(range(50), 256, seed=1)
    cosines = (points * normal).sum(axis=1) / (norms(points) * norms(normal))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)
    assert points.dtype == np.float32


def test_a_shell_prefers_no_direction():
    points = OnShell(Sampler(), 3.0).sample(range(20_000), 4, seed=2)
    # Mean 0, covariance r^2 / d. In four dimensions the share with x > r / 2 is that of a cap of
    # 60 degrees: the integral of sin^2 from 0 to pi / 3 over that to pi, 1/3 - sqrt(3) / (4 pi).
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=4 * 1.5 / math.sqrt(20_000))
    np.testing.assert_allclose(np.cov(points.T), 9 / 4 * np.eye(4), atol=0.08)
    share = (points > 1.5).mean(axis=0)
    np.testing.assert_allclose(share, 1 / 3 - math.sqrt(3) / (4 * math.pi), atol=0.012)


def test_radii_lie_between_the_percentiles_and_are_distributed_like_the_faces():
    sampler = AtPercentiles(Sampler(), 5, 95, TRAINING)
    radii = norms(sampler.sample(range(4000), 32, seed=3))
    assert 12 - 1e-5 <= radii.min() < 12.1
    assert 16.9 < radii.max() <= 17 + 1e-5
    assert abs((radii < 16).mean() - 0.5) < 0.04
    directions = sampler.sample(range(4000), 32, seed=3) / radii[:, None]
    chances = np.array(
        [random_points.generator(3, r, random_points.RADIUS).random() for r in range(4000)]
    )
    assert abs(np.corrcoef(chances, directions[:, 0])[0, 1]) < 0.07  # the two are independent
    np.testing.assert_allclose(radii, np.interp(5 + 90 * chances, [5, 50, 95], [12, 16, 17]))


def test_truncation_draws_points_towards_the_mean():
    mean = np.array([5, 0, -2], np.float32)
    whole = Sampler().sample(range(9), 3, seed=4)
    half = Truncated(Sampler(), mean, 0.5).sample(range(9), 3, seed=4)
    np.testing.assert_allclose(half, (whole + mean) / 2, rtol=1e-6)
    same = Truncated(Sampler(), np.zeros(3, np.float32), 1.0).sample(range(9), 3, seed=4)
    np.testing.assert_array_equal(same, whole)


SAMPLERS: list[PointSampler] = [
    OnShell(Sampler(), 2.0),
    AtPercentiles(Sampler(), 0, 100, TRAINING),
    Truncated(Sampler(), np.ones(5, np.float32), 0.7),
]


@given(
    st.sampled_from(SAMPLERS),
    st.integers(0, MAX_SEED),
    st.lists(st.integers(0, random_points.MAX_ROW), min_size=1, max_size=6),
)
def test_a_row_does_not_depend_on_the_others(sampler: PointSampler, seed: int, rows: list[int]):
    together = sampler.sample(rows, 5, seed=seed)
    alone = [sampler.sample([row], 5, seed=seed)[0] for row in rows]
    np.testing.assert_array_equal(together, alone)


@given(st.floats(0, 1))
def test_shares_of_radii_are_interpolated(share: float):
    expected = np.interp(share, [0, 0.05, 0.5, 0.95, 1], [10, 12, 16, 17, 20])
    assert TRAINING.radius(np.array(share)) == pytest.approx(expected)
    assert TRAINING.table == QUANTILES


@pytest.mark.parametrize(
    "quantiles",
    [
        None,
        [],
        {},
        {"0": 1},
        {"0": 1, "1": "x"},
        {"0": 1, "1": math.nan},
        {"0": 2, "1": 1},
        {"0": -1, "1": 1},
        {"0.1": 1, "1": 2},
        {"0": 1, "0.5": 2, "0.4": 3, "1": 4},
    ],
)
def test_quantiles_that_are_none_are_refused(quantiles: object):
    with pytest.raises(InputError, match="quantiles of the radius are damaged"):
        RadiusQuantiles.parse(quantiles)


def points_at(*radii: float) -> np.ndarray:
    return random_points.scale_to(
        random_points.normal(range(len(radii)), 64, seed=0), np.array(radii)
    )


@pytest.mark.parametrize(
    ("radii", "warning"),
    [
        ((16,), ""),
        ((11, 19, 16), ""),
        ((9, 9, 16, 16), ""),
        ((9, 9, 16), r"radius 9.0\) lie nearer to the origin than all training faces \(10.0 to"),
        ((21, 75, 400), r"most points \(radius 75.0\) lie further out than all training faces"),
        ((9, 21, 22), "further out"),
    ],
)
def test_points_far_from_all_training_faces_are_told_of(radii: tuple[float, ...], warning: str):
    found = TRAINING.warning(points_at(*radii))
    assert bool(found) == bool(warning)
    assert re.search(warning, found)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ("", ""),
        ("--r-limit 1.7", ""),
        ("--radius-percentile 5-95", ""),
        ("--radius 3", ""),
        ("--r-limit 0.1", "lie nearer to the origin"),
        ("--sweep 0.1,1.7,8 --n 3", "x-r0.1.png: most points (radius 0.2) lie nearer"),
        ("--sweep 0.1,1.7,8 --n 3", "x-r8.png: most points"),
        ("--sigma 5", "lie further out"),
        ("--radius 9", "lie further out"),
        ("--truncation 0.1", "lie nearer to the origin"),
    ],
)
def test_generate_warns_where_no_training_face_lies(
    toy_weights: Path, tmp_path: Path, options: str, where: str
):
    radii = {"0": 1.0, "0.05": 1.5, "0.5": 2.7, "0.95": 4.0, "1": 4.5}  # of 8 dimensions
    weights = copy_weights(tmp_path / "toy", toy_weights, radii)
    output = tmp_path / "x.png"
    line = ("--seed", 3, "--weights", weights, "--force", "-o", output)
    assert facegen("generate", "--quiet", *options.split(), *line).stderr == ""
    result = facegen("generate", *options.split(), *line)
    assert result.exit_code == 0, result.output
    assert where.replace("x-", f"{tmp_path}/x-") in result.stderr
    if not where:
        assert result.stderr == ""
    if "sweep" in options:
        assert result.stderr.count("\n") == 2  # the one in the middle is as it should be


@pytest.mark.parametrize(
    ("line", "furthest"),
    [
        ("edit seed:5:3 --radius 9", "9.0"),
        ("edit seed:5:3 --radius 9 --single", "9.0"),
        ("edit seed:5:0-3 --attribute Eyeglasses=100 --attributes attributes.h5", "[0-9.]+"),
        ("edit seed:5:3 --radius 3 --attribute Smiling=0.1 --attributes attributes.h5", ""),
        ("edit latents.h5:17 --radius 0.1", ""),
        ("morph seed:5 seed:5:1:radius=30", "30.0"),
        ("morph seed:5:0-3 --radius 9 --square 2", "9.0"),
        ("morph seed:5:0-1 --radius 9 --mix 0.5", "9.0"),
        ("morph seed:5:0-1 --radius 4.5", ""),
        ("morph seed:5:0-1 --radius 0.1", ""),
        ("generate --seed 3 --attribute Eyeglasses=100 --attributes attributes.h5", "most"),
    ],
)
def test_faces_that_are_led_further_out_than_training_faces_are_told_of(
    toy_weights: Path,
    toy_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    furthest: str,
):
    weights = copy_weights(tmp_path / "toy", toy_weights, {"0": 1.0, "1": 4.501})
    monkeypatch.chdir(toy_store.parent)
    arguments = (*line.split(), "--weights", weights, "-o", tmp_path / "x.png", "--force")
    assert facegen(*arguments, "--quiet").stderr == ""
    told = facegen(*arguments).stderr
    who = "most points" if furthest == "most" else rf"faces \(radius up to {furthest}\) lie"
    warning = rf"facegen: {who} .*further out than all training faces \(1.0 to 4.5\); .*\n"
    assert re.fullmatch(warning if furthest else "", told)


def test_edits_of_weights_that_do_not_know_their_training_faces_are_not_told_of(
    toy_weights: Path, tmp_path: Path
):
    weights = copy_weights(tmp_path / "toy", toy_weights, None)
    done = facegen("edit", "seed:5", "--radius", 90, "--weights", weights, "-o", tmp_path / "x.png")
    assert (done.exit_code, done.stderr) == (0, "")


def test_weights_without_radii_give_no_warning_and_no_percentiles(
    toy_weights: Path, tmp_path: Path
):
    weights = copy_weights(tmp_path / "toy", toy_weights, None)
    line = ("--weights", weights, "-q", "-o", tmp_path / "x.png")
    result = facegen("generate", "--r-limit", 100, *line)
    assert (result.exit_code, result.stderr) == (0, "")
    result = facegen("generate", "--radius-percentile", "5-95", *line, "--force")
    assert isinstance(result.exception, InputError)
    assert "don't record the radii of their training faces; fit a sampler" in str(result.exception)


def test_damaged_radii_of_weights_are_one_clear_line(toy_weights: Path, tmp_path: Path):
    weights = copy_weights(tmp_path / "toy", toy_weights, {"0": 3, "1": "far"})
    result = facegen("generate", "--weights", weights, "-o", tmp_path / "x.png")
    assert isinstance(result.exception, InputError)
    assert f"{weights}: the quantiles of the radius are damaged" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "provenance"),
    [
        ("--radius 3", {"name": "normal", "sigma": 1.0, "radius": 3.0}),
        ("--truncation 0.5", {"name": "normal", "sigma": 1.0, "truncation": 0.5}),
        ("--sigma 0.9", {"name": "normal", "sigma": 0.9}),
    ],
)
def test_a_sheet_records_how_its_points_were_chosen(
    toy_weights: Path, tmp_path: Path, options: str, provenance: dict
):
    output = tmp_path / "x.png"
    result = facegen("generate", *options.split(), "--weights", toy_weights, "-o", output)
    assert result.exit_code == 0, result.output
    with Image.open(output) as sheet:
        found = read_provenance(sheet)
    assert found is not None
    assert found["sampler"] == provenance


def test_percentiles_record_the_radii_they_refer_to(toy_weights: Path):
    weights = Weights.load(toy_weights)
    sampler, training = SamplerChoice(radius_percentile=(5, 95)).make(weights)
    assert training is not None
    assert sampler.provenance["radius_percentile"] == [5, 95]
    recorded = RadiusQuantiles.parse(sampler.provenance["radius_quantiles"])
    again = AtPercentiles(Sampler(), 5, 95, recorded)
    expected = sampler.sample(range(5), 8, seed=1)
    np.testing.assert_array_equal(again.sample(range(5), 8, seed=1), expected)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--sigma 1 --sampler s.h5", "Choose one of --sigma, --r-limit and --sampler"),
        ("--r-limit 1 --sampler s.h5", "Choose one of --sigma, --r-limit and --sampler"),
        ("--radius 1 --truncation 0.5", "Choose one of --radius, --radius-percentile and --trunc"),
        ("--radius 1 --r-limit 1", "--radius goes with --sampler, or alone with normal points"),
        ("--truncation 0.5 --sigma 2", "--truncation goes with --sampler, or alone"),
        ("--radius-percentile 5-95 --r-limit 1", "--radius-percentile goes with --sampler, or"),
        ("--sweep 1,2 --radius 1", "--sweep is for cubes of several sizes; leave out --radius"),
        ("--sweep 1,2 --sampler s.h5", "leave out --sampler"),
        ("--latents l.h5 --rows 1 --radius 3", "has points of its own; leave out --radius"),
        ("--latents l.h5 --rows 1 --sampler s.h5", "has points of its own; leave out --sampler"),
        ("--radius 0", "0.0 is not in the range 0<x<=1000"),
        ("--truncation 0", "0.0 is not in the range 0<x<=1"),
        ("--truncation 1.5", "1.5 is not in the range 0<x<=1"),
        ("--radius-percentile 95-5", "the smaller percentile comes first"),
        ("--radius-percentile 5", "'5' is not LOW-HIGH, such as 5-95"),
        ("--radius-percentile 5-101", "101.0 is not in the range 0<=x<=100"),
        ("--radius-percentile nan-5", "nan is not a finite number"),
        ("--faces f.h5", "--faces goes with --nearest"),
        ("--nearest l.h5 -o x.h5", "--nearest makes sheets of one kind"),
        ("--nearest l.h5 --individual d", "--nearest makes sheets of one kind"),
        ("--nearest l.h5 --sweep 1,2", "--nearest makes sheets of one kind"),
    ],
)
def test_options_that_do_not_go_together_are_refused(line: str, message: str):
    result = facegen("generate", *line.split())
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


@pytest.mark.parametrize(
    "numbers",
    [
        {"sigma": 1.0, "r_limit": 1.0},
        {"radius": 1.0, "truncation": 0.5},
        {"r_limit": 2.0, "radius": 1.0},
    ],
)
def test_the_library_refuses_them_too(numbers: dict[str, float]):
    with pytest.raises(InputError, match=r"^Choose one of|goes with --sampler"):
        SamplerChoice(**numbers)  # type: ignore[arg-type]
