"""python examples/network_table.py FACES.h5 FOLDER: models of several seeds, compared.

FOLDER holds weights NAME-SEED, as examples/compare_networks.sh makes them. Prints a Markdown table
with a row for each NAME: the mean over its seeds and, behind +-, half of their range.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facegen import Codec, FaceSet, Weights
from facegen.latent import random_points
from facegen.model.layer_table import layer_tables

FACES = 512
COLUMNS = (
    *("parameters, millions", "training loss", "test loss", "test excess", "KL share, %"),
    "checkerboard",
)


def checkerboard(pictures: np.ndarray) -> float:
    """How much of a pattern that repeats every second pixel there is, over what detail explains.

    The power at the highest frequency of rows or columns, relative to the mean of those from 2 to 5
    below it: about 1 for photos, whose power hardly changes there, and more where every second
    pixel is brighter.

    Args:
        pictures: uint8 (N, size, size, channels), of an even size.
    """
    gray = pictures.mean(axis=3)
    size = gray.shape[1]
    window = np.hanning(size)  # a picture's edges would else be detail
    gray = (gray - gray.mean(axis=(1, 2), keepdims=True)) * window[:, None] * window
    power = (np.abs(np.fft.fft2(gray)) ** 2).mean(axis=0)
    half = size // 2
    rows, columns = power[:, :half].mean(axis=1), power[:half].mean(axis=0)
    below = slice(half - 5, half - 1)
    return float((rows[half] + columns[half]) / (rows[below].mean() + columns[below].mean()))


def figures(weights: Weights) -> list[float]:
    """What the columns say of one model; NaN where there is none."""
    metrics = weights.config["metrics"]
    last, test = metrics["last_epoch"], metrics["test"]
    points = random_points.normal(range(FACES), weights.model.latent_dim, seed=1)
    return [
        sum(table["parameters"] for table in layer_tables(weights).values()) / 1e6,
        last["total_loss"],
        last["test_total_loss"],
        test.get("excess", np.nan),
        100 * test["kl_share"],
        checkerboard(Codec(weights, decoder="plain").decode(points)),
    ]


def cells(seeds: Sequence[Sequence[float]]) -> list[str]:
    """The columns of one row, of the figures of each seed."""
    columns = np.array(seeds).T
    return [
        "" if np.isnan(values).any() else f"{values.mean():.5g} +- {np.ptp(values) / 2:.2g}"
        for values in columns
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = defaultdict(list)
    for config in sorted(options.folder.glob("*-*/config.json")):
        name, _, _ = config.parent.name.rpartition("-")
        found[name].append(figures(Weights.load(config.parent)))
    rows = [[name, str(len(seeds)), *cells(seeds)] for name, seeds in found.items()]
    with FaceSet.open(options.faces) as faces:
        real = checkerboard(faces.read(np.sort(faces.rows("test"))[:FACES]))
    rows.append(["real faces", "", *[""] * (len(COLUMNS) - 1), f"{real:.3g}"])
    for row in (["", "seeds", *COLUMNS], ["---"] * (2 + len(COLUMNS)), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
