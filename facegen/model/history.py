"""The losses of every epoch, as a table and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from facegen.images.sheets import save_png

Metrics = dict[str, float]

PANELS = {  # of history.png: title, columns, labels
    name: {name: "training", f"test_{name}": "test"}
    for name in ("total_loss", "reco_loss", "kl_loss")
}


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


def history_picture(
    history: list[Metrics],
    panels: Mapping[str, Mapping[str, str]] = PANELS,
    *,
    best: int | None = None,
) -> Image.Image | None:
    """The losses of every epoch drawn (`facegen.analysis.history_plot`); None if that fails.

    A picture is not worth a model: `draw_history` has told what is wrong.
    """
    try:
        from facegen.analysis.history_plot import plot_history

        return plot_history(history, panels, best=best)
    except Exception:
        return None


def draw_history(
    path: Path,
    history: list[Metrics],
    provenance: dict[str, Any],
    panels: Mapping[str, Mapping[str, str]] = PANELS,
    *,
    best: int | None = None,
) -> str:
    """Draws the losses of every epoch into a PNG, as `history_picture`.

    A picture is not worth an epoch: whatever goes wrong is told, not raised.

    Returns:
        Why there is none, or "".
    """
    try:
        from facegen.analysis.history_plot import plot_history

        save_png(plot_history(history, panels, best=best), path, provenance)
    except Exception as error:
        return f"{path.name} is not drawn: {type(error).__name__}: {' '.join(str(error).split())}"
    return ""
