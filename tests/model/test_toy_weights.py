"""The toy model in the repository is the one that make_toy_weights.py makes of the toy faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facegen.api.info import info
from facegen.io.weights import Weights
from facegen.latent.random_points import normal
from facegen.model.codec import Codec
from facegen.options import TrainingOptions
from facegen.version import __version__
from running import TESTS, run_python


@pytest.fixture(scope="module")
def made(with_tensorflow, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    folder = tmp_path_factory.mktemp("made") / "toy"
    done = run_python(TESTS / "make_toy_weights.py", folder)
    assert done.returncode == 0, done.stderr
    return folder, Weights.load(folder)


def test_the_toy_weights_are_up_to_date(made, toy_weights: Path):
    folder, weights = made
    kept = Weights.load(toy_weights)
    for part in ("format_version", "data"):
        assert weights.config[part] == kept.config[part], "run make toy"
    assert weights.model == kept.model
    made_with, kept_with = (TrainingOptions(**each.config["training"]) for each in (weights, kept))
    assert made_with == kept_with
    assert weights.config.keys() == kept.config.keys()
    assert weights.config["facegen_version"] == __version__
    assert {path.name for path in toy_weights.iterdir()} == {path.name for path in folder.iterdir()}


def test_a_trainings_samples_are_marked_as_synthetic(made):
    said = info(made[0] / "samples.png")["digital_source_type"]
    assert said == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def test_the_toy_weights_make_the_same_faces(made, toy_weights: Path):
    """But for the order in which another processor adds: a level or two of 255."""
    z = normal(range(16), 8, seed=1)
    found, kept = (
        Codec(weights).decode(z).astype(int) for weights in (made[1], Weights.load(toy_weights))
    )
    assert np.abs(found - kept).max() <= 3
