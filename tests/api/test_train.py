"""Training: the input pipeline, checkpoints, resuming, and what happens when it breaks."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.info import info
from facegen.api.train import _limit, read_checkpoint_options, train
from facegen.cli.terminal import Console
from facegen.cli.train import command, new_network
from facegen.errors import InputError, MissingFileError, OutputError
from facegen.io.checkpoint import read_state
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.provenance import read_provenance
from facegen.io.weights import Weights
from facegen.model.batches import training_batches
from facegen.model.codec import Codec
from facegen.options import ModelOptions, TrainingOptions
from facegen.prefetch import prefetch
from running import TESTS, python_environment, run_python

pytestmark = pytest.mark.slow  # TensorFlow trains, in a process of its own


@pytest.fixture(scope="module")
def toys(with_tensorflow, toy_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of train_toys.py."""
    folder = tmp_path_factory.mktemp("toys")
    done = run_python(TESTS / "train_toys.py", toy_faces, folder)
    assert done.returncode == 0, done.stderr
    return folder


def checkpoint(folder: Path) -> list[np.ndarray]:
    with h5py.File(folder / "checkpoint.h5") as file:
        groups = [file[name] for name in ("variables", "kept") if name in file]
        return [group[name][()] for group in groups for name in sorted(group)]


def test_a_resumed_run_equals_the_unbroken_one_to_the_bit(toys: Path):
    unbroken, resumed = (toys / name for name in ("unbroken", "resumed"))
    assert (unbroken / "history.csv").read_text() == (resumed / "history.csv").read_text()
    for expected, found in zip(checkpoint(unbroken), checkpoint(resumed), strict=True):
        np.testing.assert_array_equal(found, expected)
    first, second = (Weights.load(folder) for folder in (unbroken, resumed))
    assert first.config["files"] == second.config["files"]


def test_a_run_with_patience_ends_and_keeps_the_best_epoch(toys: Path):
    weights = Weights.load(toys / "patient")
    metrics = weights.config["metrics"]
    assert (metrics["best_epoch"]["epoch"], metrics["last_epoch"]["epoch"]) == (2, 4)
    # Equal runs are equal to the bit: the same arrays as those of a run of two epochs.
    two = Weights.load(toys / "two")
    for name in ("encoder.h5", "decoder.h5", "encoder.tflite", "decoder.tflite", "samples.png"):
        assert weights.digest(name) == two.digest(name)
    assert "best_epoch" not in two.config["metrics"]
    card = (toys / "patient" / "MODEL_CARD.md").read_text()
    assert "The weights are those of epoch 2 of 4, whose test loss was the lowest" in card


def test_a_run_with_patience_is_killed_and_resumed_to_the_same_files(toys: Path):
    unbroken, killed = (toys / name for name in ("patient", "patient_killed"))
    first, second = (Weights.load(folder) for folder in (unbroken, killed))
    assert first.config == second.config
    for expected, found in zip(checkpoint(unbroken), checkpoint(killed), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_limit_is_what_the_model_is_made_from(toys: Path):
    config = Weights.load(toys / "two").config
    assert config["data"]["training_images"] == 200
    assert config["data"]["test_images"] == 30
    assert config["metrics"]["train"]["images"] == 200
    assert config["training"] == {
        "epochs": 2,
        "batch_size": 32,
        "learning_rate": 0.0005,
        "flip": True,
        "precision": "float32",
        "limit": 200,
    }


def test_a_finished_model_says_what_it_was_made_with_whatever_it_is_resumed_with(toys: Path):
    first, second = (Weights.load(toys / name).config for name in ("two", "two_again"))
    for part in ("training", "data", "metrics"):
        assert second[part] == first[part]
    assert second["data"]["note"] == "Two epochs of toys."


def test_a_resumed_run_is_not_limited_to_fewer_images_than_it_has_seen(toys: Path):
    refused = json.loads((toys / "refused.json").read_text())
    assert "has seen more than 199 images" in refused["fewer"]


def test_the_first_images_of_a_seeded_order_are_those_of_every_larger_limit(toy_faces: Path):
    def rows(limit: int, seed: int = 1) -> set[int]:
        options = TrainingOptions(limit=limit)
        with FaceSet.open(toy_faces) as faces:
            limited = _limit(faces, options, seed=seed)
            assert not (limited.is_train & faces.is_test).any()
            return set(limited.rows("train").tolist())

    assert len(rows(50)) == 50
    assert rows(50) < rows(60)
    assert rows(50) != rows(50, seed=2)
    assert len(rows(1000)) == 270


def test_batches_hold_only_the_images_of_the_limit(toy_faces: Path):
    with FaceSet.open(toy_faces) as faces:
        limited = _limit(faces, TrainingOptions(limit=70), seed=1)
        batches = list(training_batches(limited, batch_size=32, flip=False, seed=1, epoch=1))
        assert len(batches) == 2
        assert as_set(np.concatenate(batches)) <= as_set(faces.read(limited.rows("train")))


def test_the_history_is_drawn_and_says_what_it_is_of(toys: Path):
    with Image.open(toys / "patient" / "history.png") as picture:
        provenance = read_provenance(picture)
    assert provenance is not None
    assert (provenance["command"], provenance["epochs"]) == ("train", 4)
    assert info(toys / "patient" / "history.png")["digital_source_type"] is None  # it is a plot
    assert "history.png" in Weights.load(toys / "patient").config["files"]


def test_a_history_that_cannot_be_drawn_costs_no_epoch(toys: Path):
    warnings = json.loads((toys / "warnings.json").read_text())
    assert warnings == ["checkpoint_history.png is not drawn: ValueError: no ink"] * 2
    weights = Weights.load(toys / "two")
    assert "history.png" not in weights.config["files"]
    assert not (toys / "two" / "history.png").exists()
    assert len((toys / "two" / "history.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("name", ["patient", "patient_killed"])
def test_tensorboard_gets_the_losses_and_the_samples_of_every_epoch(toys: Path, name: str):
    events = json.loads((toys / f"{name}_events.json").read_text())
    with (toys / name / "history.csv").open() as file:
        history = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert len(history) == 4
    for row in history:
        there = {tag: value for tag, step, value in events if step == row["epoch"]}
        for loss in ("total_loss", "reco_loss", "kl_loss"):
            assert there[f"train/{loss}"] == pytest.approx(row[loss], rel=1e-6)
        assert there["test/total_loss"] == row["test_total_loss"]
        if name == "patient" or row["epoch"] != 4:  # killed before that was logged
            with Image.open(toys / name / "samples.png") as sheet:
                assert there["train/samples"] == [*sheet.size, b"\x89PNG".hex()]


def test_a_started_run_begins_where_the_other_model_is(toys: Path):
    losses = {}
    for name in ("two", "started"):
        with (toys / name / "history.csv").open() as file:
            losses[name] = [float(row["total_loss"]) for row in csv.DictReader(file)]
    assert losses["started"][0] < losses["two"][1] < losses["two"][0]


def test_a_started_run_is_killed_and_resumed_to_the_same_files(toys: Path):
    first, second = (Weights.load(toys / name) for name in ("started", "started_killed"))
    assert first.config == second.config


def test_the_ancestors_are_recorded_and_told(toys: Path):
    two, started = (Weights.load(toys / name) for name in ("two", "started"))
    (ancestor,) = started.config["ancestors"]
    assert ancestor["name"] == "two"
    assert ancestor["files"] == {n: two.digest(n) for n in ("encoder.h5", "decoder.h5")}
    assert ancestor["data"] == two.config["data"]
    assert "ancestors" not in two.config
    older = Weights.load(toys / "grandchild").config["ancestors"]
    assert [each["name"] for each in older] == ["started", "two"]
    card = (toys / "grandchild" / "MODEL_CARD.md").read_text()
    assert f"(encoder.h5 `{started.digest('encoder.h5')}`" in card
    assert "The training of started began with the arrays of two" in card


def test_what_a_run_cannot_start_from_is_refused_by_name(toys: Path):
    refused = json.loads((toys / "refused.json").read_text())
    assert (
        "these layers differ: mu (kernel (1024, 8) there, (1024, 4) here), logvar ("
        in (refused["misfit"])
    )
    assert "to_pixels (" in refused["misfit"]
    assert "convolution" not in refused["misfit"]
    assert "did not begin with the arrays that started has now" in refused["other"]
    assert "can't be both what the training starts from and its output" in refused["itself"]
    assert refused["log"].startswith("OutputError: cannot write the log in ")
    assert refused["log"].endswith("faces.h5 is not a directory")
    assert not any("\n" in message for message in refused.values())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"activation": "tanh"}, "activation leaky_relu there, tanh here"),
        ({"strides": (1, 4)}, r"strides \(2, 2\) there, \(1, 4\) here"),
    ],
)
def test_arrays_are_no_start_where_they_would_mean_something_else(
    with_tensorflow, toy_weights: Path, tmp_path: Path, changed: dict[str, Any], said: str
):
    model = replace(Weights.load(toy_weights).model, **changed)
    with pytest.raises(InputError, match=said):
        train("faces.h5", tmp_path / "w", model_options=model, start_from=toy_weights)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ("", {}),
        ("--latent-dim 4 --dropout 0.1", {"latent_dim": 4, "dropout": 0.1}),
        ("--loss mse", {"loss": "mse", "kl_weight": 0.02}),  # no factor for another loss
        ("--loss mse --kl-weight 0.03", {"loss": "mse", "kl_weight": 0.03}),
    ],
)
def test_a_started_run_has_the_other_network_but_for_what_is_given(
    toy_weights: Path, given: str, changes: dict[str, Any]
):
    words = ["f.h5", "-o", "w", "--seed", "7", "--start-from", str(toy_weights), *given.split()]
    with command.make_context("train", words) as context:
        model = new_network(Console(quiet=True), toy_weights, context.params)
    assert model == replace(Weights.load(toy_weights).model, seed=7, **changes)


def test_patience_needs_test_images(with_tensorflow, tmp_path: Path):
    path = tmp_path / "faces.h5"
    with FaceSetWriter(path, size=32, source="x", crop="none") as writer:
        writer.append(np.zeros((40, 32, 32, 3), np.uint8), [str(i) for i in range(40)])
    options = TrainingOptions(batch_size=32, patience=1)
    with pytest.raises(InputError, match="has no test images, whose loss --patience goes by"):
        train(path, tmp_path / "weights" / "w", options=options)
    assert not (tmp_path / "weights").exists()


def test_the_losses_fall(toys: Path):
    lines = (toys / "unbroken" / "history.csv").read_text().splitlines()
    names = lines[0].split(",")
    totals = [float(line.split(",")[names.index("total_loss")]) for line in lines[1:]]
    assert len(totals) == 3
    assert totals[0] > totals[1] > totals[2]


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_epoch(toys: Path):
    kind, message = json.loads((toys / "error.json").read_text())
    assert kind == "TrainingError"
    assert "not finite in epoch 4" in message
    assert "epoch 3 is kept" in message
    assert "--learning-rate" in message
    assert "\n" not in message
    for values in checkpoint(toys / "resumed"):
        assert np.isfinite(values).all()
    assert Codec(Weights.load(toys / "resumed")).decode(np.zeros((1, 8), np.float32)).any()


def test_an_autoencoder_trains_with_xla_and_encodes_without_variance(toys: Path):
    weights = Weights.load(toys / "ae")
    assert weights.model.kind == "ae"
    mu, logvar = Codec(weights).encode(np.zeros((2, 32, 32, 3), np.uint8))
    assert mu.shape == logvar.shape == (2, 8)
    assert np.isneginf(logvar).all()


def test_an_upsampling_model_begun_in_bfloat16_goes_on_in_float32_and_says_what_it_is(toys: Path):
    weights = Weights.load(toys / "other")
    assert (weights.model.dense, weights.model.decoder_dense) == (12, 0)
    assert weights.config["model"]["upsampling"] is True
    assert weights.config["training"]["precision"] == "float32"
    assert weights.config["metrics"]["last_epoch"]["epoch"] == 2
    assert weights.config["metrics"]["export_difference"]["picture"] <= 1 / 255
    assert Codec(weights).decode(np.zeros((1, 8), np.float32)).shape == (1, 32, 32, 3)
    for values in checkpoint(toys / "other"):
        assert values.dtype in (np.float32, np.int64)


def test_the_model_card_and_config_say_what_the_model_was_made_from(toys: Path):
    weights = Weights.load(toys / "unbroken")
    state = read_state(toys / "unbroken" / "checkpoint.h5")
    assert weights.config["data"]["fingerprint"] == state["face_set"]
    test = weights.config["metrics"]["test"]
    assert test["excess"] == pytest.approx(test["reco_loss"] - test["floor"])
    assert test["total_loss"] == pytest.approx(test["reco_loss"] + test["kl_loss"])
    card = (toys / "unbroken" / "MODEL_CARD.md").read_text()
    head, title, _ = card.partition("\n# Model card\n")
    assert title
    assert re.fullmatch(r"---\n.*\n---\n", head, re.S)
    assert "\nlicense: unknown\n" in head  # facegen doesn't know whose photos they were
    assert "270 training images and 30 test images from toy faces" in card
    assert f"| test | 30 | {test['total_loss']:.1f} " in card
    radii = list(weights.config["metrics"]["radius_quantiles"].values())
    assert radii == sorted(radii)
    assert radii[0] > 0


def test_training_batches_are_a_function_of_seed_and_epoch(toy_faces: Path):
    def epoch(number: int, seed: int = 1) -> np.ndarray:
        with FaceSet.open(toy_faces) as faces:
            batches = training_batches(faces, batch_size=32, flip=True, seed=seed, epoch=number)
            return np.concatenate(list(batches))

    np.testing.assert_array_equal(epoch(1), epoch(1))
    assert (epoch(1) != epoch(2)).any()
    assert (epoch(1) != epoch(1, seed=2)).any()


def as_set(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


@pytest.mark.parametrize("shuffle_bytes", [1, 200_000, 1 << 30])
def test_an_epoch_sees_each_training_image_at_most_once_and_no_test_image(
    toy_faces: Path, monkeypatch: pytest.MonkeyPatch, shuffle_bytes: int
):
    monkeypatch.setattr("facegen.model.batches.SHUFFLE_BYTES", shuffle_bytes)
    with FaceSet.open(toy_faces) as faces:
        batches = list(training_batches(faces, batch_size=32, flip=False, seed=1, epoch=1))
        train_images = as_set(faces.read(faces.rows("train")))
    assert [len(batch) for batch in batches] == [32] * (270 // 32)
    seen = np.concatenate(batches)
    assert len(as_set(seen)) == len(seen)
    assert as_set(seen) <= train_images


def test_flipping_mirrors_about_half_of_the_images_left_to_right(toy_faces: Path):
    with FaceSet.open(toy_faces) as faces:
        batches = training_batches(faces, batch_size=32, flip=True, seed=1, epoch=1)
        flipped = np.concatenate(list(batches))
        originals = as_set(faces.read(faces.rows("train")))
    mirrored = [image.tobytes() not in originals for image in flipped]
    # 256 tosses: the share lies within 4 standard deviations of 1/2.
    assert abs(np.mean(mirrored) - 0.5) < 4 * 0.5 / 16
    assert as_set(flipped[mirrored][:, :, ::-1]) <= originals


def test_prefetch_keeps_the_order_and_passes_errors_on():
    assert list(prefetch(iter([np.array(i) for i in range(9)]))) == list(range(9))

    def broken():
        yield np.array(1)
        raise InputError("broken")

    items = prefetch(broken())
    assert next(items) == 1
    with pytest.raises(InputError, match="broken"):
        next(items)


def test_a_finished_model_is_not_overwritten_without_force(toys: Path, toy_faces: Path):
    with pytest.raises(OutputError, match="--resume goes on with it, --force begins anew"):
        train(toy_faces, toys / "unbroken")


def test_a_model_whose_export_was_stopped_says_how_to_go_on(toys: Path):
    with pytest.raises(MissingFileError, match="is not finished; go on with 'facegen train --res"):
        Weights.load(toys / "half_exported")


@pytest.mark.usefixtures("with_tensorflow")
def test_resuming_without_a_checkpoint_says_so(tmp_path: Path, toy_faces: Path):
    with pytest.raises(MissingFileError, match="nothing to go on from; leave --resume out"):
        train(toy_faces, tmp_path / "nothing", resume=True)


def test_resuming_another_network_is_refused(toys: Path, toy_faces: Path):
    with pytest.raises(InputError, match="differs from that of the checkpoint"):
        train(toy_faces, toys / "unbroken", model_options=ModelOptions(), resume=True)


def test_the_checkpoint_remembers_its_options(toys: Path):
    model, training = read_checkpoint_options(toys / "unbroken")
    assert model.latent_dim == 8
    assert model.dropout == 0.1
    assert training == TrainingOptions(epochs=3, batch_size=32)


def train_command(faces: Path, folder: Path, *more: str) -> list[str]:
    network = ["--latent-dim", "8", "--filters", "8,16", "--kernels", "3,3", "--strides", "2,2"]
    options = ["--batch-size", "32", "--seed", "1", "--cpu-threads", "1", "--quiet"]
    command = [sys.executable, "-m", "facegen", "train", str(faces), "-o", str(folder)]
    return [*command, *(options + network if "--resume" not in more else options[:0]), *more]


def wait_for_epoch(path: Path, epoch: int, process: subprocess.Popen) -> None:
    """Waits until a checkpoint of that epoch is there; it always appears whole."""
    deadline = time.monotonic() + 300
    while not path.exists() or len(read_state(path)["history"]) < epoch:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("with_tensorflow")
def test_a_run_that_is_killed_twice_loses_the_running_epochs_only(toy_faces: Path, tmp_path: Path):
    folder = tmp_path / "killed"
    epochs = 0
    for number, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
        resume = ["--resume", "--quiet"] if epochs else []
        process = subprocess.Popen(
            train_command(toy_faces, folder, "--epochs", "100000", *resume),
            env=python_environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_epoch(folder / "checkpoint.h5", epochs + 1, process)
        process.send_signal(number)
        stderr = process.communicate()[1]
        assert (process.returncode, stderr) == (code, "")
        history = read_state(folder / "checkpoint.h5")["history"]
        assert len(history) > epochs
        epochs = len(history)
        unfinished = "not finished; go on with 'facegen train --resume'"
        with pytest.raises(MissingFileError, match=unfinished):
            Weights.load(folder)
    done = subprocess.run(
        train_command(toy_faces, folder, "--resume", "--epochs", str(epochs)),
        env=python_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder}\n"
    assert Weights.load(folder).config["metrics"]["last_epoch"]["epoch"] == epochs
    assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]
