"""A model in training: its batches, its steps, and its checkpoint after every epoch.

Everything random is a function of (seed, epoch, step), so that a resumed run goes the way of the
unbroken one: the order of the images and their flips (`training_batches`), epsilon and dropout
(`facegen.model.autoencoder`), the initial weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import TrainingError
from facegen.io.checkpoint import read_kept, restore_checkpoint, save_checkpoint
from facegen.io.face_set import FaceSet
from facegen.io.files import atomic_output
from facegen.io.hdf5 import read_errors
from facegen.io.weights import CHECKPOINT, Weights
from facegen.io.weights_writer import unfinished
from facegen.model.ancestry import ARRAYS, Ancestor, ancestors_of
from facegen.model.batches import count_batches, training_batches
from facegen.model.history import Metrics, draw_history, history_csv
from facegen.options import ModelOptions, TrainingOptions, recorded
from facegen.prefetch import prefetch


@dataclass(frozen=True)
class Progress:
    """Where a training run is: step of steps in epoch of epochs, and the epoch's mean losses.

    `test_metrics` is set on the last report of an epoch, when its checkpoint has been written;
    `warning` is what went wrong then that a training needn't stop for.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    metrics: Metrics
    test_metrics: Metrics | None = None
    warning: str = ""


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the lowest test loss so far, and its arrays of encoder and decoder."""

    epoch: int
    test_total_loss: float
    arrays: list[np.ndarray]


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
        self.best: BestEpoch | None = None  # only with options.patience
        self.ancestors: list[Ancestor] = []  # of what the run began with
        self.note = ""  # about the data and their licence
        strategy = make_strategy(replicas)
        self.model = Autoencoder(model_options, strategy=strategy, precision=options.precision)
        with strategy.scope():
            self.optimizer = Adam(options.learning_rate)
            self.optimizer.build(self.model.trainable_variables)
        self.model.optimizer = self.optimizer
        self._train_step = tf.function(self.model.train_step, autograph=False, jit_compile=jit)
        self._test_step = tf.function(self.model.test_step, autograph=False, jit_compile=jit)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    @property
    def is_done(self) -> bool:
        """Whether all epochs are done, or the test loss has not fallen for `patience` epochs."""
        return self.epochs_done >= self.options.epochs or (
            self.best is not None
            and self.options.patience is not None
            and self.epochs_done - self.best.epoch >= self.options.patience
        )

    def start_from(self, weights: Weights) -> None:
        """Begins with the arrays of a trained model.

        Raises:
            InputError: some of its layers don't fit.
        """
        from facegen.model.arrays import load_start

        parts = zip(ARRAYS, (self.model.encoder, self.model.decoder), strict=True)
        load_start(dict(parts), weights)
        self.ancestors = ancestors_of(weights)

    def _weights(self) -> list[Any]:
        """The variables that are published."""
        return [*self.model.encoder.weights, *self.model.decoder.weights]

    def _keep_best(self) -> None:
        """Keeps the arrays of the epoch just done, if its test loss is the lowest."""
        if self.options.patience is None:
            return
        loss = self.history[-1]["test_total_loss"]
        if self.best is None or loss < self.best.test_total_loss:
            arrays = [np.array(np.asarray(variable)) for variable in self._weights()]
            self.best = BestEpoch(self.epochs_done, loss, arrays)

    def take_best(self) -> None:
        """Goes back to the arrays of the best epoch, if that is kept."""
        if self.best is not None:
            for variable, array in zip(self._weights(), self.best.arrays, strict=True):
                variable.assign(array)

    def _variables(self) -> list[Any]:
        return [
            *self.model.encoder.variables,
            *self.model.decoder.variables,
            *self.optimizer.variables,
        ]

    def save(self) -> None:
        """Writes checkpoint.h5."""
        state = {
            "model": recorded(self.model_options),
            "training": recorded(self.options),
            "face_set": self.faces.fingerprint,
            "history": self.history,
            **({"ancestors": self.ancestors} if self.ancestors else {}),
            **({"note": self.note} if self.note else {}),
            **({"best_epoch": self.best.epoch} if self.best else {}),
        }
        kept = self.best.arrays if self.best else ()
        save_checkpoint(self.folder / CHECKPOINT, self._variables(), state, kept=kept)

    def _write_history(self) -> str:
        """Writes the history so far and draws it; returns why it could not be drawn, or ""."""
        table, plot, _ = unfinished(self.folder, CHECKPOINT)
        with atomic_output(table) as temporary:
            temporary.write_text(history_csv(self.history))
        best = self.best.epoch if self.best else None
        return draw_history(plot, self.history, self.history_provenance, best=best)

    @property
    def history_provenance(self) -> dict[str, Any]:
        """What the picture of the history says of itself."""
        face_set, epochs = self.faces.fingerprint, self.epochs_done
        return {"command": "train", "part": "losses", "face_set": face_set, "epochs": epochs}

    def restore(self) -> None:
        """Goes back to the last whole epoch; the learning rate stays the one of the options.

        Raises:
            InputError: the checkpoint is of another network or another face set.
        """
        same = {"face_set": self.faces.fingerprint}
        state = restore_checkpoint(self.folder / CHECKPOINT, self._variables(), same)
        with read_errors(self.folder / CHECKPOINT):
            self.history = [dict(row) for row in state["history"]]
            self.ancestors = [dict(ancestor) for ancestor in state.get("ancestors", [])]
            self.note = self.note or str(state.get("note", ""))
            best = int(state.get("best_epoch", 0))
            loss = self.history[best - 1]["test_total_loss"] if best else 0.0
        if self.options.patience is not None and best:
            arrays = read_kept(self.folder / CHECKPOINT, self._weights())
            self.best = BestEpoch(best, loss, arrays)
        elif self.history:  # patience counts from here
            self._keep_best()
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
        test = self.test(epoch)
        self.history.append(
            {
                "epoch": epoch,
                "learning_rate": options.learning_rate,
                **train,
                **{f"test_{name}": value for name, value in test.items()},
            }
        )
        self._keep_best()
        self.save()
        warning = self._write_history()
        self._save_samples()
        report(Progress(epoch, options.epochs, steps, steps, train, test, warning))

    def test(self, epoch: int) -> Metrics:
        """The losses of the test images; none if there are none."""
        losses: Metrics = {}
        batches = (images for _, images in self.faces.iterate("test", self.options.batch_size))
        for batch in prefetch(batches):
            losses = self._step(self._test_step, batch, where=f"epoch {epoch}, test")
        self.model.reset_metrics()
        return losses

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

    @property
    def samples(self) -> Path:
        """The sheet of the last epoch."""
        return unfinished(self.folder, CHECKPOINT)[-1]

    def _save_samples(self) -> None:
        from facegen.model.export import write_samples

        with atomic_output(self.samples) as temporary:
            latent_dim = self.model_options.latent_dim
            write_samples(self.model.pictures, latent_dim, temporary, command="train")
