"""Training: the input pipeline, checkpoints, resuming, and what happens when it breaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from facegen.api.train import read_checkpoint_options, train
from facegen.errors import InputError, MissingFileError, OutputError
from facegen.io.checkpoint import read_state
from facegen.io.face_set import FaceSet
from facegen.io.weights import Weights
from facegen.model.codec import Codec
from facegen.model.trainer import training_batches
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
        return [file["variables"][name][()] for name in sorted(file["variables"])]


def test_a_resumed_run_equals_the_unbroken_one_to_the_bit(toys: Path):
    unbroken, resumed = (toys / name for name in ("unbroken", "resumed"))
    assert (unbroken / "history.csv").read_text() == (resumed / "history.csv").read_text()
    for expected, found in zip(checkpoint(unbroken), checkpoint(resumed), strict=True):
        np.testing.assert_array_equal(found, expected)
    first, second = (Weights.load(folder) for folder in (unbroken, resumed))
    assert first.config["files"] == second.config["files"]


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
    monkeypatch.setattr("facegen.model.trainer.SHUFFLE_BYTES", shuffle_bytes)
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
    with pytest.raises(MissingFileError, match=r"checkpoint\.h5 does not exist"):
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


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("with_tensorflow")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)]
)
def test_a_killed_run_loses_the_running_epoch_only(
    toy_faces: Path, tmp_path: Path, number: signal.Signals, code: int
):
    folder = tmp_path / "killed"
    environment = python_environment()
    process = subprocess.Popen(
        train_command(toy_faces, folder, "--epochs", "100000"),
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(folder / "checkpoint.h5", process)
    process.send_signal(number)
    stderr = process.communicate()[1]
    assert process.returncode == code
    assert stderr == ""
    history = read_state(folder / "checkpoint.h5")["history"]
    assert history
    with pytest.raises(MissingFileError, match="not finished; go on with 'facegen train --resume'"):
        Weights.load(folder)
    epochs = str(len(history))
    done = subprocess.run(
        train_command(toy_faces, folder, "--resume", "--epochs", epochs),
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder}\n"
    assert Weights.load(folder).config["metrics"]["last_epoch"]["epoch"] == len(history)
    assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]
