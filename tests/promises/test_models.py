"""A finished model is lost by nothing: not by training on, beginning anew, refining or a kill."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from facegen.api.refine import read_crisp_options, refine
from facegen.api.train import read_checkpoint_options, train
from facegen.errors import InputError, OutputError
from facegen.io.checkpoint import read_state, restore_checkpoint, save_checkpoint
from facegen.io.locks import exclusive
from facegen.io.weights import CONFIG, Weights
from running import facegen, run_python

# TensorFlow trains, in a process of its own.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("with_tensorflow")]


@pytest.fixture(scope="module")
def models(
    with_tensorflow,
    toy_faces: Path,
    toy_weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder that models_at_risk.py has worked in."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(toy_weights, folder / "toy")
    script = Path(__file__).with_name("models_at_risk.py")
    done = run_python(script, toy_faces, folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def outcomes(models: Path) -> dict[str, list[str] | None]:
    return json.loads((models / "outcomes.json").read_text())


def check_whole(folder: Path) -> Weights:
    """The weights in a folder, all of whose files are those that config.json records."""
    weights = Weights.load(folder)
    for name in weights.config["files"]:
        weights.file(name)
    return weights


def same_model(a: Path, b: Path) -> bool:
    return check_whole(a).config == check_whole(b).config


def test_training_on_a_refined_model_is_refused_and_nothing_is_lost(models, outcomes):
    kind, message = outcomes["trained_on"]
    assert kind == "InputError"
    assert "has a crisp decoder, which would not fit the model any more" in message
    assert same_model(models / "trained_on", models / "refined")


def test_a_refined_model_that_is_exported_again_keeps_its_crisp_decoder(models, outcomes):
    assert outcomes["exported_again"] is None
    before, after = (check_whole(models / name) for name in ("refined", "exported_again"))
    assert after.config["crisp"] == before.config["crisp"]
    assert after.decoder() == "crisp_decoder"
    assert "## The crisp decoder" in after.file("MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", ["begun_anew", "stopped_while_exporting"])
def test_a_model_begun_anew_leaves_the_old_one_until_it_is_finished(models, outcomes, case):
    assert outcomes[case][0] == "StoppedError"
    assert same_model(models / case, models / "refined")


def test_a_model_that_replaces_another_leaves_nothing_of_it(models, outcomes):
    assert outcomes["replaced"] is None
    weights = check_whole(models / "replaced")
    assert weights.model.seed == 77
    assert "crisp" not in weights.config
    names = {path.name for path in (models / "replaced").iterdir()}
    assert names == {*weights.config["files"], CONFIG, "checkpoint.h5"}


def test_a_model_that_trains_on_is_whole_all_the_while(models, outcomes):
    assert outcomes["trained_on_for_an_epoch"][0] == "StoppedError"
    folder = models / "trained_on_for_an_epoch"
    assert len(read_state(folder / "checkpoint.h5")["history"]) == 2
    assert same_model(folder, models / "toy")
    assert len((folder / "checkpoint_history.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("case", ["unwritable_note", "unwritable_refine_note"])
def test_a_note_that_cannot_be_written_is_refused_before_the_first_step(models, outcomes, case):
    assert outcomes[case][0] == "InputError"
    assert "the note can't be written as UTF-8" in outcomes[case][1]
    assert same_model(models / case, models / "toy")


def test_a_run_killed_at_the_last_step_of_an_epoch_goes_on(models, outcomes):
    assert outcomes["at_the_last_step"] is None
    assert same_model(models / "at_the_last_step", models / "refined")


def test_another_batch_size_in_the_middle_of_an_epoch_is_refused(models, outcomes):
    kind, message = outcomes["other_batch_size"]
    assert kind == "InputError"
    assert "can't change from 32 to 16; go on with --batch-size 32" in message
    assert read_state(models / "other_batch_size" / "crisp_checkpoint.h5")["step"] == 3


def test_a_finished_refinement_is_whole_and_can_be_exported_again(models, outcomes):
    assert outcomes["refined"] is None
    assert outcomes["refined_again"] is None
    assert check_whole(models / "refined_again").config["crisp"]["data"]["note"] == "Twice."
    names = {path.name for path in (models / "refined").iterdir()}
    assert not [name for name in names if name.startswith("crisp_checkpoint_")]


def test_one_process_at_a_time_works_in_a_folder(toy_faces: Path, models: Path):
    folder = models / "toy"
    with exclusive(folder / CONFIG):
        with pytest.raises(OutputError, match="another facegen"):
            train(toy_faces, folder, resume=True)
        with pytest.raises(OutputError, match="another facegen"):
            refine(folder, toy_faces)


class Variable:
    """As TensorFlow's: a shape and assign."""

    shape = (3,)

    def assign(self, value: np.ndarray) -> None:
        self.value = value


@pytest.mark.parametrize("place", ["variables", "variables/0000"])
def test_a_checkpoint_takes_no_arrays_from_another_file(tmp_path: Path, place: str):
    save_checkpoint(tmp_path / "secret.h5", [np.arange(3.0)], {})
    save_checkpoint(tmp_path / "c.h5", [np.zeros(3)], {})
    with h5py.File(tmp_path / "c.h5", "a") as file:
        del file[place]
        file[place] = h5py.ExternalLink(str(tmp_path / "secret.h5"), place)
    variable = Variable()
    with pytest.raises(InputError, match=r"c\.h5"):
        restore_checkpoint(tmp_path / "c.h5", [variable], {})
    assert not hasattr(variable, "value")


@pytest.mark.parametrize("state", [{}, {"options": 3, "model": [], "training": "x"}])
def test_a_checkpoint_without_options_is_one_clear_line(tmp_path: Path, state: dict):
    for name in ("checkpoint.h5", "crisp_checkpoint.h5"):
        save_checkpoint(tmp_path / name, [], state)
    for read in (read_checkpoint_options, read_crisp_options):
        with pytest.raises(InputError, match=r"checkpoint\.h5 is damaged"):
            read(tmp_path)


def test_the_command_says_in_one_line_that_the_state_is_empty(tmp_path: Path, toy_faces: Path):
    save_checkpoint(tmp_path / "checkpoint.h5", [], {})
    done = facegen("train", toy_faces, "-o", tmp_path, "--resume")
    assert isinstance(done.exception, InputError)
