"""A crisp decoder in training: its steps, its checkpoint, and the watch over its health.

As in trainer.py, everything random is a function of (seed, epoch, step). A checkpoint is written
every few minutes, in the middle of an epoch too, and a resumed run goes the way of the unbroken
one from there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice

import numpy as np

from facegen import sampling
from facegen.checkpoint import restore_checkpoint, save_checkpoint
from facegen.crisp_options import CrispOptions
from facegen.errors import TrainingError
from facegen.faces import FaceSet
from facegen.files import atomic_output
from facegen.images import to_pixels
from facegen.prefetching import prefetch
from facegen.sheets import make_sheet, save_png
from facegen.trainer import Metrics, Progress, history_csv, training_batches
from facegen.weights import CRISP_CHECKPOINT, Weights

CHECKPOINT_SECONDS = 240
IMITATION_RATE = 5  # times learning_rate: there is no opponent that it could upset
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


class CrispTrainer:
    """A crisp decoder in training beside a trained model, and its checkpoint in that folder."""

    def __init__(self, weights: Weights, faces: FaceSet, options: CrispOptions):
        import tensorflow as tf

        from facegen.crisp_model import CrispModel
        from facegen.export import load_arrays
        from facegen.model import Autoencoder

        plain = Autoencoder(weights.model)
        load_arrays(plain.encoder, weights.file("encoder.h5"))
        load_arrays(plain.decoder, weights.file("decoder.h5"))
        self.weights = weights
        self.faces = faces
        self.options = options
        self.path = weights.path / CRISP_CHECKPOINT
        self.model = CrispModel(plain, options)
        self.steps = int((~faces.is_test).sum()) // options.batch_size
        self.history: list[Metrics] = []
        self.step = 0  # of the epoch that is not done yet
        self.sums: Metrics = {}  # of its metrics
        self._recent: list[Metrics] = []
        self._plain_variety = self.model.plain_variety()
        self._seed = lambda number: tf.constant([options.seed, number], tf.int64)
        self._imitate = tf.function(self.model.imitation_step, autograph=False)
        self._oppose = tf.function(self.model.adversarial_step, autograph=False)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    def _same(self) -> dict[str, str]:
        """What a checkpoint must have in common with this run."""
        encoder = self.weights.digest("encoder.h5")
        return {"face_set": self.faces.fingerprint, "model": encoder}

    def save(self) -> None:
        """Writes crisp_checkpoint.h5, with where in the epoch the run is."""
        state = {
            "options": asdict(self.options),
            **self._same(),
            "history": self.history,
            "step": self.step,
            "sums": self.sums,
        }
        save_checkpoint(self.path, self.model.variables, state)
        self._saved = time.monotonic()

    def restore(self) -> None:
        """Goes back to the checkpoint.

        Raises:
            InputError: it is of another network, another model or another face set.
        """
        state = restore_checkpoint(self.path, self.model.variables, self._same())
        self.history, self.step, self.sums = state["history"], state["step"], state["sums"]

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
            means = {name: value / self.step for name, value in self.sums.items()}
            report(Progress(epoch, options.epochs, self.step, self.steps, means))
            if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self._check_health()
                self.save()
        self._check_health()
        row = {"epoch": epoch, "rate_factor": options.rate_factor(epoch - 1)}
        self.history.append({**row, **{name: means.get(name, math.nan) for name in METRICS}})
        self.step, self.sums = 0, {}
        self.save()
        self.write_reports()
        report(Progress(epoch, options.epochs, self.steps, self.steps, means, {}))

    def _train_step(self, batch: np.ndarray) -> None:
        """One step, its metrics added to the sums."""
        number = self.epochs_done * self.steps + self.step
        if self.epochs_done < self.options.imitation_epochs:
            self.model.set_rates(IMITATION_RATE)
            train = self._imitate
        else:
            self.model.set_rates(self.options.rate_factor(number / self.steps))
            train = self._oppose
        metrics = {k: float(v) for k, v in train(batch, self._seed(number)).items()}
        self.step += 1
        for name, value in metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self._recent = [*self._recent[1 - WATCH_STEPS :], metrics]
        if not all(map(math.isfinite, metrics.values())):
            self._recent = [metrics]
            self._check_health()

    def _check_health(self) -> None:
        """Stops a run that has collapsed or diverged, before it is saved."""
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

    def write_reports(self) -> None:
        """Writes crisp_history.csv, and crisp_samples.png from the points of samples.png."""
        from facegen.export import SAMPLES

        folder = self.weights.path
        with atomic_output(folder / "crisp_history.csv") as temporary:
            temporary.write_text(history_csv(self.history))
        z = sampling.normal(range(SAMPLES), self.weights.model.latent_dim, seed=0)
        sheet, grid = make_sheet(to_pixels(self.model.pictures(z)))
        sampler = {"name": "normal", "sigma": 1.0}
        rows = f"0-{SAMPLES - 1}"
        provenance = {"command": "refine", "sampler": sampler, "seed": 0, "rows": rows}
        save_png(sheet, folder / "crisp_samples.png", provenance, grid=grid)
