"""What train says before and after the training itself."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facegen.api import refine
from facegen.cli.terminal import Console
from facegen.cli.train import begin, end
from facegen.cli.training_bar import TrainingBar, epoch_line
from facegen.errors import InputError, MissingFileError
from facegen.io.face_set_writer import FaceSetWriter
from facegen.model.trainer import Progress
from running import facegen


@pytest.mark.usefixtures("with_tensorflow")
def test_what_stops_a_run_is_found_before_tensorflow_is_imported(
    toy_faces: Path, toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    done = facegen("train", toy_faces, "-o", toy_weights)
    assert "holds a model already (config.json)" in str(done.exception)
    done = facegen("train", tmp_path / "none.h5", "-o", tmp_path / "w")
    assert isinstance(done.exception, MissingFileError)
    assert "tensorflow" not in sys.modules
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(("size", "said"), [(96, True), (32, False)])
def test_who_has_few_faces_is_told_of_start_from(
    size: int, said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "faces.h5"
    with FaceSetWriter(path, size=size, source="photos", crop="none") as writer:
        writer.append(np.zeros((9, size, size, 3), np.uint8), [str(row) for row in range(9)])
        writer.set_split(np.arange(9) == 0)
    begin(path, tmp_path / "w", Console(quiet=False), None, force=False)
    line = "8 faces are few to learn from; --start-from default begins with the model that"
    assert (line in capsys.readouterr().err) == said
    begin(path, tmp_path / "w", Console(quiet=False), None, force=False, limit=5)
    assert (line.replace("8", "5") in capsys.readouterr().err) == said
    begin(path, tmp_path / "w", Console(quiet=False), Path("default"), force=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("trained", [True, False])
def test_a_resumed_run_with_nothing_to_do_says_so(
    trained: bool, capsys: pytest.CaptureFixture[str]
):
    with TrainingBar(Console(quiet=False), epoch_line) as bar:
        if trained:
            bar.report(Progress(24, 24, 3, 3, {"total_loss": 1.0}, {"total_loss": 1.0}))
    capsys.readouterr()
    end(Path("w"), {"last_epoch": {"epoch": 24}}, Console(quiet=False), bar, epochs=24)
    said = capsys.readouterr()
    nothing = "all 24 epochs were done before; a larger --epochs goes on\n"
    assert (said.out, said.err) == ("w\n", "" if trained else nothing)


@pytest.mark.parametrize("trained", [True, False])
def test_a_run_that_patience_ended_goes_on_with_more_of_it(
    trained: bool, capsys: pytest.CaptureFixture[str]
):
    metrics = {name: {"epoch": 3, "test_total_loss": 1.0} for name in ("last_epoch", "best_epoch")}
    with TrainingBar(Console(quiet=False), epoch_line) as bar:
        if trained:
            bar.report(Progress(3, 30, 3, 3, {"total_loss": 1.0}, {"total_loss": 1.0}))
        end(Path("w"), metrics, Console(quiet=False), bar, epochs=30)
    said = capsys.readouterr().err
    line = "--patience ended the training after epoch 3; --resume with a larger one goes on\n"
    assert line in said
    assert "--epochs" not in said


def test_a_crisp_decoder_of_an_earlier_network_is_no_start(monkeypatch: pytest.MonkeyPatch):
    config = {"crisp": {"options": {"filters": [96, 64, 40, 16]}}}
    old = SimpleNamespace(name="old", path=Path("old"), config=config, decoder=lambda kind: None)
    monkeypatch.setattr(refine, "Weights", SimpleNamespace(load=lambda path: old))
    with pytest.raises(InputError, match="crisp decoder of old is a network of an earlier"):
        refine.read_start_options("old")
