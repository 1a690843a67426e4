"""The bar of train and refine: all steps of a run, the time that is left, the running losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from facegen.cli.options import WEIGHTS
from facegen.cli.terminal import Bars, Console

if TYPE_CHECKING:
    from facegen.model.trainer import Progress


# With the losses of train all of it fits into 80 columns.
LAYOUT = "{desc} |{bar}| {n_fmt}/{total_fmt} {remaining} left {rate_fmt}{postfix}"


class TrainingBar(Bars):
    """Shows where a training run is; give its `report` to `train` or `refine`.

    Args:
        line: an epoch's losses on one line, which stays above the bar.
    """

    def __init__(self, console: Console, line: Callable[[Progress], str]):
        super().__init__(console)
        self._console = console
        self._line = line
        self._started = False
        self.epochs = 0  # that were done

    def report(self, progress: Progress) -> None:
        """Counts a step, or says the losses of an epoch and what went wrong in it."""
        if progress.test_metrics is not None:
            self.epochs += 1
            self._console.say(self._line(progress))
            if progress.warning:
                self._console.warn(progress.warning)
            return
        if not self._started:  # the number of steps is known with the first one
            done = (progress.epoch - 1) * progress.steps + progress.step - 1
            self.start(progress.epochs * progress.steps, "step", initial=done, layout=LAYOUT)
            self._started = True
        losses = " ".join(
            f"{name.removesuffix('_loss')} {_short(value)}"
            for name, value in progress.metrics.items()
        )
        self._console.describe(f"epoch {progress.epoch}/{progress.epochs}", losses)
        self.count(1)


def _short(value: float) -> str:
    """A loss in few digits: 5192, 150, 12.34."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.4g}"


start_option = click.option(
    "--start-from",
    type=WEIGHTS,
    metavar="WEIGHTS",
    help="Begin with the arrays of a trained model, not from scratch: a folder, or 'default' for "
    "the model that commands take without --weights.",
)


def nothing_left_line(epochs: int) -> str:
    """That a resumed run had nothing to do."""
    return f"all {epochs} epochs were done before; a larger --epochs goes on"


def best_line(metrics: dict[str, Any]) -> str:
    """Which epoch's weights were kept."""
    best, last = (int(metrics[name]["epoch"]) for name in ("best_epoch", "last_epoch"))
    loss = metrics["best_epoch"]["test_total_loss"]
    return f"the weights are those of epoch {best} of {last}, with the lowest test loss: {loss:.1f}"


def epoch_line(progress: Progress) -> str:
    """An epoch's losses on one line."""
    train = " ".join(f"{name} {value:.1f}" for name, value in progress.metrics.items())
    test = " ".join(f"{name} {value:.1f}" for name, value in (progress.test_metrics or {}).items())
    return f"epoch {progress.epoch}/{progress.epochs}: {train}" + (test and f"; test: {test}")
