"""A model in training: its batches, its steps, and its checkpoint after every epoch.

Everything random is a function of (seed, epoch, step), so that a resumed run goes the way of the
unbroken one: the order of the images and their flips (`training_batches`), epsilon and dropout
(`facegen.model.autoencoder`), the initial weights.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError, TrainingError
from facegen.io.checkpoint import restore_checkpoint, save_checkpoint
from facegen.io.face_set import FaceSet
from facegen.io.files import atomic_output
from facegen.io.hdf5 import read_errors
from facegen.io.weights import CHECKPOINT
from facegen.io.weights_writer import unfinished
from facegen.latent.random_points import EPOCH, generator
from facegen.options import ModelOptions, TrainingOptions
from facegen.prefetch import prefetch

SHUFFLE_BYTES = 256 << 20  # images that are mixed at a time

Metrics = dict[str, float]


@dataclass(frozen=True)
class Progress:
    """Where a training run is: step of steps in epoch of epochs, and the epoch's mean losses.

    `test_metrics` is set on the last report of an epoch, when its checkpoint has been written.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    metrics: Metrics
    test_metrics: Metrics | None = None


def count_batches(faces: FaceSet, batch_size: int) -> int:
    """How many batches an epoch has; what is left of the training images is dropped.

    Raises:
        InputError: there is not one.
    """
    count = int((~faces.is_test).sum())
    if count < batch_size:
        raise InputError(
            f"{faces.path} has {count} training images, fewer than one batch of {batch_size}; add "
            "photos or lower --batch-size"
        )
    return count // batch_size


def training_batches(
    faces: FaceSet, *, batch_size: int, flip: bool, seed: int, epoch: int
) -> Iterator[np.ndarray]:
    """Yields the shuffled training images of an epoch, a pure function of (seed, epoch).

    The HDF5 chunks are read in random order, and the images of 256 MiB of them mixed, so memory
    does not grow with the face set. What is left after the last whole batch is dropped: other
    images in every epoch.

    Yields:
        uint8 (batch_size, size, size, 3).
    """
    random = generator(seed, row=epoch, stream=EPOCH)
    chunk_rows = faces.images.chunks[0] if faces.images.chunks else len(faces)
    chunk_bytes = chunk_rows * math.prod(faces.images.shape[1:])
    chunks = random.permutation(math.ceil(len(faces) / chunk_rows))
    chunks_at_once = max(1, SHUFFLE_BYTES // chunk_bytes)
    left = np.empty((0, *faces.images.shape[1:]), np.uint8)
    for start in range(0, len(chunks), chunks_at_once):
        parts = [left]
        for chunk in chunks[start : start + chunks_at_once]:
            first, last = chunk * chunk_rows, (chunk + 1) * chunk_rows
            parts.append(faces.read_range(first, last)[~faces.is_test[first:last]])
        images = np.concatenate(parts)
        parts.clear()
        order = random.permutation(len(images))
        whole = len(order) - len(order) % batch_size
        for rows in order[:whole].reshape(-1, batch_size):
            batch = images[rows]
            if flip:
                mirrored = random.random(batch_size) < 0.5
                batch[mirrored] = batch[mirrored, :, ::-1]
            yield batch
        left = images[order[whole:]]


class Trainer:
    """A model in training, and its checkpoint in a folder."""

    def __init__(
        self,
        folder: Path,
        faces: FaceSet,
        model_options: ModelOptions,
        options: TrainingOptions,
        *,
        replicas: int = 1,
        jit: bool = False,
    ):
        import tensorflow as tf

        from facegen.model.autoencoder import Adam, Autoencoder
        from facegen.model.replicas import make_strategy

        self.folder = folder
        self.faces = faces
        self.options = options
        self.model_options = model_options
        self.history: list[Metrics] = []
        strategy = make_strategy(replicas)
        self.model = Autoencoder(model_options, strategy=strategy, precision=options.precision)
        with strategy.scope():
            self.optimizer = Adam(options.learning_rate)
            self.optimizer.build(self.model.trainable_variables)
        self.model.optimizer = self.optimizer
        self._train_step = tf.function(self.model.train_step, jit_compile=jit)
        self._test_step = tf.function(self.model.test_step, jit_compile=jit)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    def _variables(self) -> list[Any]:
        return [
            *self.model.encoder.variables,
            *self.model.decoder.variables,
            *self.optimizer.variables,
        ]

    def save(self) -> None:
        """Writes checkpoint.h5 and the history so far."""
        state = {
            "model": asdict(self.model_options),
            "training": asdict(self.options),
            "face_set": self.faces.fingerprint,
            "history": self.history,
        }
        save_checkpoint(self.folder / CHECKPOINT, self._variables(), state)
        self._write_history()

    def _write_history(self) -> None:
        history, _ = unfinished(self.folder, CHECKPOINT)
        with atomic_output(history) as temporary:
            temporary.write_text(history_csv(self.history))

    def restore(self) -> None:
        """Goes back to the last whole epoch; the learning rate stays the one of the options.

        Raises:
            InputError: the checkpoint is of another network or another face set.
        """
        same = {"face_set": self.faces.fingerprint}
        state = restore_checkpoint(self.folder / CHECKPOINT, self._variables(), same)
        with read_errors(self.folder / CHECKPOINT):
            self.history = [dict(row) for row in state["history"]]
        self.optimizer.learning_rate = self.options.learning_rate
        self._write_history()  # a kill may have come between the checkpoint and it

    def run_epoch(self, report: Callable[[Progress], None]) -> None:
        """Trains one epoch, tests, and writes the checkpoint.

        Raises:
            TrainingError: a loss is not finite.
        """
        epoch = self.epochs_done + 1
        options = self.options
        steps = count_batches(self.faces, options.batch_size)
        batches = training_batches(
            self.faces,
            batch_size=options.batch_size,
            flip=options.flip,
            seed=self.model_options.seed,
            epoch=epoch,
        )
        train: Metrics = {}
        for step, batch in enumerate(prefetch(batches), 1):
            train = self._step(self._train_step, batch, where=f"epoch {epoch}, step {step}")
            report(Progress(epoch, options.epochs, step, steps, train))
        self.model.reset_metrics()
        test: Metrics = {}
        test_batches = (images for _, images in self.faces.iterate("test", options.batch_size))
        for batch in prefetch(test_batches):
            test = self._step(self._test_step, batch, where=f"epoch {epoch}, test")
        self.model.reset_metrics()
        self.history.append(
            {
                "epoch": epoch,
                "learning_rate": options.learning_rate,
                **train,
                **{f"test_{name}": value for name, value in test.items()},
            }
        )
        self.save()
        self._save_samples()
        report(Progress(epoch, options.epochs, steps, steps, train, test))

    def _step(self, step: Callable, batch: np.ndarray, where: str) -> Metrics:
        metrics = {name: float(value) for name, value in step(batch).items()}
        if not all(map(math.isfinite, metrics.values())):
            self.model.reset_metrics()
            kept = f"epoch {self.epochs_done} is kept in {self.folder / CHECKPOINT}"
            raise TrainingError(
                f"the loss is not finite in {where}; {kept if self.history else 'no epoch is done'}"
                "; try a smaller --learning-rate"
                + (f", or --resume --epochs {self.epochs_done} to export it" * bool(self.history))
            )
        return metrics

    def _save_samples(self) -> None:
        from facegen.model.export import write_samples

        _, samples = unfinished(self.folder, CHECKPOINT)
        with atomic_output(samples) as temporary:
            latent_dim = self.model_options.latent_dim
            write_samples(self.model.pictures, latent_dim, temporary, command="train")


def history_csv(history: list[Metrics], names: Sequence[str] = ()) -> str:
    """The losses of every epoch as CSV with a header; nan where an epoch has none.

    Args:
        names: of the columns; by default those of the first epoch.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, names or list(history[0]), restval="nan", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.10g}" for k, v in row.items()} for row in history)
    return text.getvalue()
