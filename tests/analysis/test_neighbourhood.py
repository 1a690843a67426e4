"""analyze neighbours: distances and changes in closed form, the faces chosen, what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.analysis.neighbourhood import (
    Neighbourhoods,
    Space,
    changes,
    check_distances,
    directions,
)
from facegen.api import analyze_neighbours as module
from facegen.api.analyze_neighbours import analyze_neighbours
from facegen.api.info import info
from facegen.api.nearest import nearest_rows
from facegen.errors import InputError
from facegen.io.latent_store import Latents
from facegen.io.latent_writer import write_latents
from facegen.io.weights import Weights
from running import REPOSITORY, facegen

LATENT_DIM = 8


def flat(*levels: int) -> np.ndarray:
    """Pictures of one grey each, uint8 (n, 4, 4, 3)."""
    return np.array(levels, np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)


@pytest.fixture
def without_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed_graph", lambda name: None)


def test_the_distance_between_two_faces_is_that_of_all_pairs():
    points = np.random.default_rng(0).normal(3, [1, 2, 5], (40, 3))
    pairs = np.linalg.norm(points[:, None] - points, axis=2)
    space = Space.of(np.cov(points.T, ddof=0))
    assert space.two_faces == pytest.approx(np.sqrt((pairs**2).mean()))
    np.testing.assert_allclose(np.abs(space.principal[0]).argmax(), 2)


def test_each_row_has_unit_directions_of_its_own():
    space = Space(np.eye(LATENT_DIM)[:3], 2.0)
    point, neighbour = np.zeros((2, LATENT_DIM), np.float32)
    neighbour[4] = -7
    found = directions(space, point, neighbour, seed=1, row=5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert np.count_nonzero(found[1]) == 1
    assert np.flatnonzero(found[1])[0] < 3
    np.testing.assert_array_equal(found[2], -np.eye(LATENT_DIM)[4])
    again = directions(space, point, neighbour, seed=1, row=5)
    other = directions(space, point, neighbour, seed=1, row=6)
    np.testing.assert_array_equal(found, again)
    assert abs(found[0] @ other[0]) < 0.99
    many = [directions(space, point, neighbour, seed=1, row=row)[1] for row in range(60)]
    assert {tuple(one) for one in many} == {
        tuple(sign * axis) for axis in space.principal for sign in (-1.0, 1.0)
    }
    assert not directions(space, point, point, seed=1, row=5)[2].any()  # no way to itself


def test_points_lie_as_far_away_as_asked():
    measured = Neighbourhoods(Space(np.eye(3), 2.0), (0.5, 3.0))
    mu, z = np.array([1, 2, 3], np.float32), np.array([0, 0, 1], np.float32)
    points = measured.points_around(mu, z, np.eye(3))
    expected = [[1, 2, 3], [0, 0, 1], [2, 2, 3], [7, 2, 3], [1, 3, 3], [1, 8, 3]]
    np.testing.assert_array_equal(points, [*expected, [1, 2, 4], [1, 2, 9]])


def test_the_change_is_the_root_mean_square_of_values():
    np.testing.assert_allclose(changes(flat(0, 51), flat(0)[0]), [0, 0.2], atol=1e-7)
    half = flat(0)
    half[0, :2] = 255
    assert changes(half, flat(0)).item() == pytest.approx(np.sqrt(0.5))


def test_the_numbers_are_relative_to_two_faces():
    measured = Neighbourhoods(Space(np.eye(2), 4.0), (1.0,))
    points = np.array([[0, 0], [3, 4]], np.float32)
    for levels in ((0, 51, 102, 0, 51), (0, 0, 0, 51, 153)):
        found = np.array([True, False, True, False, True])
        measured.add_around(points, flat(*levels), found)
        measured.add_between(flat(0, 51, 51, 102), np.array([True, True, False, True]))
        measured.neighbour.append(2.0)
    numbers = measured.numbers()
    assert numbers["two_faces"] == {"distance": 4.0, "change": pytest.approx(0.4)}
    assert numbers["noise"] == {"distance": 5.0, "change": pytest.approx(0.25), "found": 0.0}
    around = numbers["around"]
    assert around["random"]["change"] == pytest.approx([0.5])  # 1 and 0
    assert around["random"]["low"] == pytest.approx([0.25])
    assert around["neighbour"]["change"] == pytest.approx([1.0])  # 0.5 and 1.5
    assert [around[kind]["found"] for kind in around] == [[1.0], [0.0], [1.0]]
    assert numbers["between"]["found"] == [1.0, 1.0, 0.0, 1.0]
    assert numbers["between"]["share"] == 0.5
    assert numbers["between"]["evenness"] == pytest.approx(2 / 3)  # steps 0.2, 0, 0.2


def test_distances_must_rise():
    for wrong in ((), (0.0, 1.0), (1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(InputError, match="distances must rise"):
            check_distances(wrong)


def test_a_stored_point_is_not_its_own_neighbour(toy_store: Path):
    with Latents.open(toy_store) as store, h5py.File(toy_store) as file:
        training = np.flatnonzero(~store.is_test)
        rows = training[:3]
        found, distances = nearest_rows(store, store.read(rows, "mu"), besides=rows)
        mu = file["mu"][:].astype(float)
        for row, nearest, distance in zip(rows, found, distances, strict=True):
            others = training[training != row]
            lengths = np.linalg.norm(mu[others] - mu[row], axis=1)
            assert nearest == others[lengths.argmin()]
            assert distance == pytest.approx(lengths.min())


def test_stores_of_one_face_set_are_asked_about_the_same_held_out_faces(
    work: Path, toy_weights: Path, tmp_path: Path
):
    found = analyze_neighbours(
        ["latents.h5", "latents.h5"], count=3, distances=(0.5, 1.0), sheet=tmp_path / "s.png"
    )
    first, second = found["files"]
    assert first == second
    assert first["faces"] == 3
    assert first["stamp"]["options"]["distances"] == [0.5, 1.0]
    weights = Weights.load(toy_weights)
    assert first["stamp"]["weights"] == weights.provenance("decoder")
    other = analyze_neighbours("latents.h5", count=3, distances=(0.5, 1.0), seed=1)
    assert other["files"][0]["around"] != first["around"]


@pytest.mark.usefixtures("without_detector")
def test_a_store_without_held_out_faces_or_a_detector_is_measured_too(work: Path, tmp_path: Path):
    with h5py.File("latents.h5") as file:
        mu, z = file["mu"][:40], file["z"][:40]
    mu[3] = np.nan
    write_latents("plain.h5", [(mu, z, z)], [str(i) for i in range(40)], latent_dim=LATENT_DIM)
    with h5py.File("plain.h5", "r+") as file:
        file.attrs["encoder_sha256"] = Weights.load().digest("encoder.tflite")
    done = facegen("analyze", "neighbours", "plain.h5", "--n", 50, "-o", tmp_path / "p.png")
    Path("plain.h5").unlink()
    assert done.exit_code == 3, done.exception  # a row was left out
    assert done.stdout.startswith("plain.h5: 19 faces")
    assert "with a face" not in done.stdout
    assert "whether there are faces is not measured: pip install" in done.stderr


def test_the_command_writes_numbers_curves_and_a_sheet(work: Path, tmp_path: Path):
    plot, sheet = tmp_path / "plot.png", tmp_path / "sheet.png"
    options = ["--n", 2, "--distances", "0.5,1", "-o", plot, "--sheet", sheet]
    done = facegen("analyze", "neighbours", "latents.h5", *options, "--json")
    assert done.exit_code == 0, done.exception
    found = json.loads(done.stdout)
    assert (found["plot"], found["sheet"]) == (str(plot), str(sheet))
    assert set(found["files"][0]["around"]) == {"random", "principal", "neighbour"}
    for path in (plot, sheet):
        provenance = info(path)["provenance"]
        assert provenance["command"] == "analyze neighbours"
        assert provenance["stamps"][0]["options"]["n"] == 2
    pixels = np.asarray(Image.open(sheet))
    tile = pixels[44 : 44 + 96, 150 : 150 + 96]
    step = tile[::3, ::3]  # a face of 32 pixels, three times as large
    np.testing.assert_array_equal(tile, step.repeat(3, 0).repeat(3, 1))
    assert len(np.unique(step)) > 1


@pytest.mark.usefixtures("work")
def test_what_does_not_fit_is_refused():
    default = REPOSITORY / "weights" / "celeba-vae"
    with pytest.raises(InputError, match=r"made with other weights \(toy\) than celeba-vae"):
        analyze_neighbours("latents.h5", weights=default)
    with pytest.raises(InputError, match="made with toy, which is none of those that are named"):
        analyze_neighbours("latents.h5", weights=[default, default])
    result = facegen("analyze", "neighbours", "latents.h5", "--distances", "1,0.5")
    assert (result.exit_code, "distances must rise" in result.output) == (2, True)
