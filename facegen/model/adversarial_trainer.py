"""A crisp decoder in training: its steps, its checkpoint, and the watch over its health.

As in trainer.py, everything random is a function of (seed, epoch, step). A checkpoint is written
every few minutes, in the middle of an epoch too, and a resumed run goes the way of the unbroken
one from there.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

import numpy as np

from facegen.errors import InputError, TrainingError
from facegen.io.checkpoint import restore_checkpoint, save_checkpoint
from facegen.io.face_set import FaceSet
from facegen.io.files import atomic_output, sha256_of
from facegen.io.hdf5 import read_errors
from facegen.io.temporaries import Temporary
from facegen.io.weights import CRISP_CHECKPOINT, Weights
from facegen.io.weights_writer import unfinished
from facegen.model.ancestry import CRISP_ARRAYS, Ancestor, ancestors_of
from facegen.model.batches import count_batches, training_batches
from facegen.model.history import Metrics, draw_history, history_csv
from facegen.model.trainer import Progress
from facegen.options import CrispOptions
from facegen.prefetch import prefetch

CHECKPOINT_SECONDS = 240
WATCH_STEPS = 200  # over which the health is averaged
LEAST_VARIETY = 0.5  # of the plain decoder's; a healthy run has more variety than that one
LEAST_DISCRIMINATOR_LOSS = 0.01  # 2 at the start; at 0 there is nothing left to learn from
METRICS = (
    "imitation_loss",
    "discriminator_loss",
    "adversarial_loss",
    "feature_loss",
    "pixel_loss",
    "latent_loss",
    "variety",
    "real_variety",
)
PANELS = {name: {name: name} for name in METRICS[:-2]} | {  # of crisp_history.png
    "variety": {"variety": "of the faces", "real_variety": "of real ones"}
}


def illness(means: Metrics, plain_variety: float) -> str | None:
    """What is wrong with a run, by its means over some steps; None if it is healthy.

    Args:
        plain_variety: of the plain decoder's faces, measured as the metric "variety".
    """
    if not all(map(math.isfinite, means.values())):
        return "a loss is not finite"
    if "variety" not in means:
        return None
    if means["variety"] < LEAST_VARIETY * plain_variety:
        share = means["variety"] / plain_variety
        return f"the faces have collapsed to {share:.2f} of the plain decoder's variety"
    if means["discriminator_loss"] < LEAST_DISCRIMINATOR_LOSS:
        return "the discriminator has won, and gives nothing to learn from"
    return None


class AdversarialTrainer:
    """A crisp decoder in training beside a trained model, and its checkpoint in that folder."""

    def __init__(
        self,
        weights: Weights,
        faces: FaceSet,
        options: CrispOptions,
        network_path: str | os.PathLike,
    ):
        """network_path: weights of the opponent's feature network."""
        import tensorflow as tf

        from facegen.model.adversarial import AdversarialModel
        from facegen.model.arrays import load_arrays
        from facegen.model.autoencoder import Autoencoder
        from facegen.model.feature_network import FeatureNetwork

        network = FeatureNetwork(network_path)
        self.network_sha256 = sha256_of(network_path)
        plain = Autoencoder(weights.model)
        load_arrays(plain.encoder, weights.file("encoder.h5"))
        load_arrays(plain.decoder, weights.file("decoder.h5"))
        self.weights = weights
        self.faces = faces
        self.options = options
        self.path = weights.path / CRISP_CHECKPOINT
        self.model = AdversarialModel(plain, options, network)
        self.steps = count_batches(faces, options.batch_size)
        self.history: list[Metrics] = []
        self.step = 0  # of the epoch that is not done yet
        self.sums: Metrics = {}  # of its metrics
        self.ancestors: list[Ancestor] = []  # of what the run began with
        self.note = ""  # about the training
        self._recent: list[Metrics] = []
        self._plain_variety = self.model.plain_variety()
        self._seed = lambda number: tf.constant([options.seed, number], tf.int64)
        self._number = lambda value: tf.constant(value, tf.float32)
        self._imitate = tf.function(self.model.imitation_step, autograph=False)
        self._oppose = tf.function(self.model.adversarial_step, autograph=False)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    def start_from(self, weights: Weights) -> None:
        """Begins with the crisp decoder of other weights.

        Raises:
            InputError: there is none, or some of its layers don't fit.
        """
        from facegen.model.arrays import load_start

        self.ancestors = ancestors_of(weights, crisp=True)
        for decoder in (self.model.decoder, self.model.average):
            load_start(dict.fromkeys(CRISP_ARRAYS, decoder), weights)

    def _same(self) -> dict[str, str]:
        """What a checkpoint must have in common with this run."""
        encoder = self.weights.digest("encoder.h5")
        return {
            "face_set": self.faces.fingerprint,
            "model": encoder,
            "feature_network": self.network_sha256,
        }

    def save(self) -> None:
        """Writes crisp_checkpoint.h5, with where in the epoch the run is."""
        state = {
            "options": asdict(self.options),
            **self._same(),
            "history": self.history,
            "step": self.step,
            "sums": self.sums,
            **({"ancestors": self.ancestors} if self.ancestors else {}),
            **({"note": self.note} if self.note else {}),
        }
        save_checkpoint(self.path, self.model.variables, state)
        self._saved = time.monotonic()

    def restore(self) -> None:
        """Goes back to the checkpoint; where nothing is left to do, to its options.

        Raises:
            InputError: it is of another network, another model or another face set, or in the
                middle of an epoch of batches of another size.
        """
        state = restore_checkpoint(self.path, self.model.variables, self._same())
        with read_errors(self.path):
            # Without the NaNs that stood for missing metrics once.
            self.history = [{k: v for k, v in row.items() if v == v} for row in state["history"]]
            self.ancestors = [dict(ancestor) for ancestor in state.get("ancestors", [])]
            self.note = self.note or str(state.get("note", ""))
            self.step, self.sums = int(state["step"]), dict(state["sums"])
            made = CrispOptions(**state["options"])
        batch_size, epochs = made.batch_size, self.options.epochs
        if self.epochs_done == epochs:  # or the decoder would say of itself what was never done
            self.options = replace(made, epochs=epochs)
        if self.step and batch_size != self.options.batch_size:
            raise InputError(
                f"{self.path} is in the middle of an epoch, where the batch size can't change from "
                f"{batch_size} to {self.options.batch_size}; go on with --batch-size {batch_size}"
            )

    def run_epoch(self, report: Callable[[Progress], None]) -> None:
        """Trains what is left of the epoch, writes the checkpoint, the history and a sheet.

        Raises:
            TrainingError: the run has collapsed or diverged; the last checkpoint is kept.
        """
        epoch, options = self.epochs_done + 1, self.options
        batches = training_batches(
            self.faces,
            batch_size=options.batch_size,
            flip=True,
            seed=options.seed,
            epoch=epoch,
        )
        self._saved = time.monotonic()
        for batch in prefetch(islice(batches, self.step, None)):
            self._train_step(batch)
            report(Progress(epoch, options.epochs, self.step, self.steps, self._means()))
            if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self._check_health()
                self.save()
        self._check_health()
        means = self._means()
        row = {"epoch": epoch, "rate_factor": options.rate_factor(epoch - 1)}
        self.history.append(row | means)
        self.step, self.sums = 0, {}
        self.save()
        warning = self._save_unfinished()
        report(Progress(epoch, options.epochs, self.steps, self.steps, means, {}, warning))

    def _means(self) -> Metrics:
        """The metrics of the epoch so far."""
        return {name: value / self.step for name, value in self.sums.items()}

    def _train_step(self, batch: np.ndarray) -> None:
        """One step, its metrics added to the sums."""
        number = self.epochs_done * self.steps + self.step
        epochs, seed = number / self.steps, self._seed(number)
        self.model.set_rates(self.options.rate_factor(epochs))
        if self.epochs_done < self.options.imitation_epochs:
            found = self._imitate(batch, seed)
        else:
            found = self._oppose(batch, seed, self._number(self.options.pull(epochs)))
        metrics = {name: float(value) for name, value in found.items()}
        self.step += 1
        for name, value in metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self._recent = [*self._recent[1 - WATCH_STEPS :], metrics]
        if not all(map(math.isfinite, metrics.values())):
            self._recent = [metrics]
            self._check_health()

    def _check_health(self) -> None:
        """Stops a run that has collapsed or diverged, before it is saved."""
        if not self._recent:  # resumed at the end of an epoch
            return
        last = self._recent[-1]
        means = {k: math.fsum(m.get(k, 0.0) for m in self._recent) for k in last}
        count = sum(1 for m in self._recent if m.keys() == last.keys())
        problem = illness({k: v / count for k, v in means.items()}, self._plain_variety)
        if problem:
            where = f"epoch {self.epochs_done + 1}, step {self.step}"
            kept = f"the last good weights are in {self.path}"
            raise TrainingError(
                f"{problem} in {where}; {kept if self.path.exists() else 'nothing was kept'}; "
                "try a smaller --learning-rate or another --seed"
            )

    def _save_unfinished(self) -> str:
        """Shows how far the run is, apart from what belongs to a finished decoder.

        Returns:
            Why the history could not be drawn, or "".
        """
        table, plot, samples = unfinished(self.weights.path, CRISP_CHECKPOINT)
        with atomic_output(table) as temporary:
            self.write_history(temporary)
        with atomic_output(samples) as temporary:
            self.write_samples(temporary)
        return draw_history(plot, self.history, self.history_provenance, PANELS)

    @property
    def history_provenance(self) -> dict[str, Any]:
        """What the picture of the history says of itself."""
        face_set, epochs = self.faces.fingerprint, self.epochs_done
        return {"command": "refine", "part": "losses", "face_set": face_set, "epochs": epochs}

    def write_history(self, temporary: Temporary) -> None:
        """Writes the metrics of every epoch as CSV."""
        temporary.write_text(history_csv(self.history, ("epoch", "rate_factor", *METRICS)))

    def write_samples(self, temporary: Temporary) -> None:
        """Writes a sheet of the points of samples.png."""
        from facegen.model.export import write_samples

        latent_dim = self.weights.model.latent_dim
        write_samples(self.model.pictures, latent_dim, temporary, command="refine")
