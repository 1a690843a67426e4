"""The losses of a training, epoch by epoch, as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facegen.analysis.plots import REFERENCE, no_notices, panels, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (4.8, 3.3)  # inches of a panel
COLUMNS = 3
# One in STEEP epochs, at the beginning, may leave the frame, if all epochs span STEEP_FALL times as
# much as the others: else these would be one flat line.
STEEP, STEEP_FALL = 10, 3


@no_notices()
def plot_history(
    history: Sequence[Mapping[str, float]],
    shown: Mapping[str, Mapping[str, str]],
    *,
    best: int | None = None,
) -> Image.Image:
    """Draws the losses of every epoch.

    Args:
        history: a row of losses for each epoch, with its number as "epoch"; a row may lack some.
        shown: panels by title, the columns that each shows and their labels. A panel of which no
            epoch has a value other than 0 is left out.
        best: number of the epoch whose weights are kept.
    """
    known = {
        title: columns
        for title, columns in shown.items()
        if any(row.get(name) for row in history for name in columns)
    }
    rows = math.ceil(len(known) / COLUMNS)
    columns = min(len(known), COLUMNS)
    figure, axes = panels("Losses of every epoch", rows=rows, columns=columns)
    figure.set_size_inches(columns * SIZE[0], rows * SIZE[1])
    for panel, (title, names) in zip(axes, known.items(), strict=False):
        _draw(panel, history, names, best)
        panel.set_title(title)
    for panel in axes[len(known) :]:
        panel.set_axis_off()
    return picture(figure)


def _draw(
    axes: Axes,
    history: Sequence[Mapping[str, float]],
    names: Mapping[str, str],
    best: int | None,
) -> None:
    """One panel: its columns against the epochs."""
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    everything: list[float] = []
    later: list[float] = []
    for name, label in names.items():
        values = np.array([row.get(name, np.nan) for row in history], float)
        axes.plot(epochs, values, label=label, marker="o", markersize=3, linewidth=1.3)
        finite = values[np.isfinite(values)].tolist()
        everything += finite
        later += finite[len(finite) // STEEP :]
    if best is not None:
        axes.axvline(best, label=f"kept: epoch {best}", **REFERENCE)
    low, high = _range(later)
    if high - low < (max(everything) - min(everything)) / STEEP_FALL:
        axes.set_ylim(low, high)
    else:
        axes.set_ylim(*_range(everything))
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    if len(names) > 1 or best is not None:
        axes.legend(fontsize="small")


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that leave some room around the values."""
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.05 * abs(high)
    return low - margin, high + margin
