"""python examples/plot_weights.py FOLDER NAME... -o PLOT.png --sheet FACES.png: how KL confines.

FOLDER is that of examples/reproduce_articles.sh, with numbers.csv and the sheets of the models,
which are named by rising weight. The plot has what was measured against the weight, the sheet the
same normal points through each model's decoder, and beside them points of the Gaussian that was
fitted to its encoded faces.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from facegen.analysis.plots import REFERENCE, no_notices, panels, picture
from facegen.images.sheets import save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, str]
ROWS, SHOWN = 4, 7  # of a sheet of 28 faces: how many lines it has, and how many faces are shown


class Panel(NamedTuple):
    """A panel: columns of numbers.csv as lines, by their labels, and bands between two.

    The reference is a number, or a column, of which that of the first model is taken.
    """

    title: str
    lines: dict[str, str]
    bands: tuple[tuple[str, str], ...] = ()
    reference: float | str | None = None
    scale: str = "linear"
    factor: float = 1


PANELS = (
    Panel("KL share of the total loss, %", {"test faces": "kl_share"}, factor=100),
    Panel(
        "coordinates, of 256",
        {
            "active: above 0.01 nats": "active",
            "mu's variance above 0.01": "active_units",
            "directions with 90 % of it": "directions_of_90",
        },
    ),
    Panel(
        "distance from the origin, mean and 5 to 95 %",
        {"of z": "z_mean", "of mu": "mu_mean"},
        bands=(("z_low", "z_high"), ("mu_low", "mu_high")),
        reference=15.98,
        scale="log",
    ),
    Panel(
        "deviation of z's coordinates",
        {
            "largest": "deviation_largest",
            "mean": "deviation_mean",
            "least": "deviation_least",
        },
        reference=1,
        scale="log",
    ),
    Panel(
        "excess of reconstructions, nats",
        {"test faces": "excess_of_mu"},
    ),
    Panel(
        "share with a face, %",
        {"normal points": "normal_found", "fitted Gaussian": "gaussian_found"},
        reference="real_found",
        factor=100,
    ),
    Panel(
        "kernel distance to real faces (objects)",
        {"normal points": "normal_objects", "fitted Gaussian": "gaussian_objects"},
    ),
    Panel(
        "diversity",
        {"normal points": "normal_diversity", "fitted Gaussian": "gaussian_diversity"},
        reference="real_diversity",
    ),
)


def label(row: Row) -> str:
    """What stands under a model."""
    if not row["kl_weight"]:
        return row["model"]
    weight = f"{float(row['kl_weight']):g}".replace("e-0", "e-")
    return weight + ("\nMSE" if row["loss"] == "mse" else "")


def values(rows: list[Row], column: str, factor: float = 1) -> list[float]:
    """A column, NaN where a model has no such figure."""
    return [float(row[column]) * factor if row[column] else math.nan for row in rows]


def draw(axes: Axes, panel: Panel, rows: list[Row]) -> None:
    """Draws a panel: BCE's models as lines, the others, of another loss, as points beside them."""
    places = range(len(rows))
    of_bce = [place for place in places if rows[place]["loss"] != "mse"]
    for i, (name, column) in enumerate(panel.lines.items()):
        found = values(rows, column, panel.factor)
        axes.plot(of_bce, [found[p] for p in of_bce], "o-", ms=4, color=f"C{i}", label=name)
        others = [place for place in places if place not in of_bce]
        axes.plot(others, [found[p] for p in others], "D", ms=5, color=f"C{i}", mfc="white")
    for i, (low, high) in enumerate(panel.bands):
        lowest, highest = ([values(rows, column)[p] for p in of_bce] for column in (low, high))
        axes.fill_between(of_bce, lowest, highest, color=f"C{i}", alpha=0.15, linewidth=0)
    if isinstance(panel.reference, str):
        (real, *_) = values(rows, panel.reference, panel.factor)
        axes.axhline(real, label="real faces", **REFERENCE)
    elif panel.reference is not None:
        axes.axhline(panel.reference, label="unit normal", **REFERENCE)
    axes.set_title(panel.title, fontsize="medium")
    axes.set_yscale(panel.scale)
    axes.set_xticks(places, [label(row) for row in rows])
    axes.set_xlabel("factor of the KL loss")
    if len(axes.lines) > 2:
        axes.legend(fontsize="small")


@no_notices()
def plot(rows: list[Row]) -> Image.Image:
    """Everything against the weight."""
    figure, axes = panels("How the KL loss confines: one model for each factor", rows=2, columns=4)
    figure.set_size_inches(18, 8)
    for panel, place in zip(PANELS, axes, strict=True):
        draw(place, panel, rows)
    return picture(figure)


def first_line(path: Path) -> Image.Image:
    """The upper faces of a sheet."""
    with Image.open(path) as sheet:
        return sheet.convert("RGB").crop((0, 0, sheet.width, round(sheet.height / ROWS)))


@no_notices()
def sheet(rows: list[Row], folder: Path) -> Image.Image:
    """The faces of each model, a line each."""
    figure, axes = panels("", rows=len(rows), columns=2)
    figure.set_size_inches(14, 1.05 * len(rows))
    figure.suptitle("")
    for row, normal, gaussian in zip(rows, axes[::2], axes[1::2], strict=True):
        for place, kind in ((normal, "normal"), (gaussian, "gaussian")):
            place.imshow(first_line(folder / f"{row['model']}-{kind}.png"))
            place.set_xticks([])
            place.set_yticks([])
            place.set_frame_on(False)
        normal.set_ylabel(label(row), rotation=0, ha="right", va="center")
    axes[0].set_title("normal points, the same for all")
    axes[1].set_title("of the Gaussian fitted to its encoded faces")
    return picture(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, required=True)
    options = parser.parse_args()
    with (options.folder / "numbers.csv").open(newline="") as file:
        found = {row["model"]: row for row in csv.DictReader(file)}
    rows = [found[name] for name in options.names]
    about = {"command": "plot_weights", "models": options.names}
    save_png(plot(rows), options.output, about)
    save_png(sheet(rows, options.folder), options.sheet, {**about, "part": "faces"})


if __name__ == "__main__":
    main()
