"""python train_toys.py FACES FOLDER: trains toys in the ways test_training.py asks about.

One process, on one thread, so that sums are always taken in the same order and equal runs are
equal to the bit.
"""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import tensorflow as tf

from facegen.api.train import read_checkpoint_options, train
from facegen.errors import FacegenError
from facegen.model.devices import limit_hardware
from facegen.model.event_log import EventLog
from facegen.model.trainer import Progress, Trainer
from make_toy_weights import TOY_MODEL, TOY_TRAINING
from toys import undrawn

TEST_LOSSES = (9.0, 5.0, 7.0, 6.0)  # of the epochs of runs with patience, by which 2 is the best
PATIENT = replace(TOY_TRAINING, epochs=9, limit=200, patience=2)


class StoppedError(Exception):
    """Stands for a kill in the middle of the export."""


def stop_at(epoch: int, step: int):
    """A report that stands for a kill there; step 0 is the end of the epoch."""

    def report(progress: Progress) -> None:
        ended = progress.test_metrics is not None
        if progress.epoch == epoch and (ended if step == 0 else progress.step == step):
            raise StoppedError

    return report


def failing(act) -> str:
    """What is raised, by its name and its words."""
    try:
        act()
    except FacegenError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def patient_runs(faces: str, here: Path) -> None:
    """Runs that end when the test loss does not fall: unbroken, and killed twice."""

    def run(name: str, **more) -> None:
        log = here / f"{name}_log"
        train(faces, here / name, model_options=TOY_MODEL, options=PATIENT, log_dir=log, **more)

    def scripted(trainer: Trainer, epoch: int) -> dict[str, float]:
        return {"total_loss": TEST_LOSSES[epoch - 1]}

    with patch.object(Trainer, "test", scripted):
        run("patient")
        with suppress(StoppedError):
            run("patient_killed", report=stop_at(3, 2))
        with suppress(StoppedError):
            run("patient_killed", report=stop_at(4, 0), resume=True)
        run("patient_killed", resume=True)
        warnings = []
        two = replace(PATIENT, epochs=2, patience=None)
        with patch("facegen.analysis.history_plot.plot_history", side_effect=ValueError("no ink")):
            train(
                *(faces, here / "two"),
                model_options=TOY_MODEL,
                options=two,
                note="Two epochs of toys.",
                report=lambda progress: warnings.append(progress.warning),
            )
    (here / "warnings.json").write_text(json.dumps([w for w in warnings if w]))
    for name in ("patient", "patient_killed"):
        events = sorted(read_events(here / f"{name}_log"))
        (here / f"{name}_events.json").write_text(json.dumps(events))


def read_events(folder: Path):
    """The runs and tags, epochs and numbers of a log; of a picture its size and its first bytes."""
    for path in sorted(folder.glob("*/*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                tensor, tag = tf.make_ndarray(value.tensor), f"{path.parent.name}/{value.tag}"
                if value.metadata.plugin_data.plugin_name == "images":
                    width, height, data = tensor
                    yield tag, event.step, [int(width), int(height), data[:4].hex()]
                else:
                    yield tag, event.step, float(tensor)


def started_runs(faces: str, here: Path) -> None:
    """Runs that begin with the arrays of another, unbroken and killed, and what is refused."""
    options = replace(TOY_TRAINING, epochs=2)
    model = replace(TOY_MODEL, seed=5)

    def run(name: str, start: str = "two", **more) -> None:
        given: dict[str, Any] = {"model_options": model, "options": options} | more
        train(faces, here / name, start_from=here / start, **given)

    run("started")
    with suppress(StoppedError):
        run("started_killed", report=stop_at(1, 0))
    refused = {"other": failing(lambda: run("started_killed", "started", resume=True))}
    run("started_killed", resume=True)
    narrow = replace(model, latent_dim=4)
    refused["misfit"] = failing(lambda: run("narrow", model_options=narrow))
    refused["log"] = failing(lambda: EventLog(Path(faces) / "log", []))
    refused["itself"] = failing(lambda: run("two", force=True))
    run("grandchild", "started", options=TOY_TRAINING)
    two = read_checkpoint_options(here / "two")[1]
    shutil.copytree(here / "two", here / "two_again")
    others = replace(two, learning_rate=1.0, batch_size=8, flip=False, limit=None)
    train(faces, here / "two_again", options=others, resume=True)  # there is nothing to do
    fewer = replace(two, epochs=3, limit=199)
    refused["fewer"] = failing(lambda: train(faces, here / "two", options=fewer, resume=True))
    (here / "refused.json").write_text(json.dumps(refused))


def other_runs(faces: str, here: Path) -> None:
    """A run that is resumed and then diverges, networks of other kinds, and a kill in an export."""
    three = replace(TOY_TRAINING, epochs=3)
    model = replace(TOY_MODEL, dropout=0.1)
    train(faces, here / "unbroken", model_options=model, options=three)
    train(faces, here / "resumed", model_options=model, options=TOY_TRAINING)
    train(faces, here / "resumed", options=three, resume=True)
    steep = replace(TOY_TRAINING, epochs=4, learning_rate=1e30)
    try:
        train(faces, here / "resumed", options=steep, resume=True)
    except FacegenError as error:
        (here / "error.json").write_text(json.dumps([type(error).__name__, str(error)]))
    other = replace(TOY_MODEL, upsampling=True, dense=12)
    with patch("facegen.model.devices.computes_bfloat16", return_value=None):  # slow will do
        short = replace(TOY_TRAINING, precision="bfloat16")
        train(faces, here / "other", model_options=other, options=short)
    longer = replace(TOY_TRAINING, epochs=2, limit=1000)  # than there are: no fewer
    train(faces, here / "other", options=longer, resume=True)
    ae = replace(TOY_MODEL, kind="ae", batch_norm=False)
    train(faces, here / "ae", model_options=ae, options=TOY_TRAINING, jit=True)
    with suppress(StoppedError), patch("facegen.model.export.model_card", side_effect=StoppedError):
        train(faces, here / "half_exported", model_options=ae, options=TOY_TRAINING)


def main(faces: str, folder: str) -> None:
    limit_hardware(cpu_only=True, cpu_threads=1)
    here = Path(folder)
    patient_runs(faces, here)
    with undrawn():
        started_runs(faces, here)
        other_runs(faces, here)


if __name__ == "__main__":
    main(*sys.argv[1:])
