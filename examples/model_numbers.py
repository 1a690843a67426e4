"""python examples/model_numbers.py FOLDER NAME... > numbers.csv: what was measured of models.

FOLDER is that of examples/reproduce_articles.sh. Prints CSV, a line for each model: its options,
its losses, and the numbers of the analyses that were made of it, empty where one was not.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

# Where a number stands in a document: keys, divided by slashes, since some keys have dots. Where a
# list stands, a function makes one number of it.
Place = str | tuple[str, Callable[[list[float]], float]]

OPTIONS = ("kind", "batch_norm", "loss", "kl_weight", "epsilon_limit", "seed")
LOSSES = ("total_loss", "reco_loss", "kl_loss")
RADIUS = {
    "peak": "files/0/peak",
    "mean": "files/0/mean",
    "deviation": "files/0/deviation",
    "least": "files/0/quantiles/0",
    "low": "files/0/quantiles/0.05",
    "high": "files/0/quantiles/0.95",
    "largest": "files/0/quantiles/1",
    "in_12_24": "files/0/shares/0/share",
    "in_14_19": "files/0/shares/1/share",
}
JUDGED = {
    "found": "faces/found",
    "objects": "objects/kernel_distance",
    "faces": "faces/kernel_distance",
    "recall": "objects/recall",
    "diversity": "diversity",
}


def judged(name: str, part: str = "figures") -> dict[str, Place]:
    """The figures of pictures that evaluate has judged."""
    return {f"{name}_{figure}": f"{part}/{place}" for figure, place in JUDGED.items()}


FIGURES: dict[str, Mapping[str, Place]] = {
    "config": {
        **{name: f"model/{name}" for name in OPTIONS},
        "epochs": "training/epochs",
        **{f"training_{name}": f"metrics/last_epoch/{name}" for name in LOSSES},
        **{f"test_{name}": f"metrics/last_epoch/test_{name}" for name in LOSSES},
        "kl_share": "metrics/test/kl_share",
        "floor": "metrics/test/floor",
        "excess": "metrics/test/excess",
        "excess_of_training": "metrics/train/excess",
    },
    "radius-z": {f"z_{name}": place for name, place in RADIUS.items()},
    "radius-mu": {f"mu_{name}": place for name, place in RADIUS.items()},
    "logvar": {
        "logvar_least": "logvar/min",
        "logvar_largest": "logvar/max",
        "logvar_mean": "logvar/mean",
        "logvar_outside": "logvar/outside",
        "noise_largest": "noise/largest",
        "noise_above": "noise/above",
        "components": "noise/components",
        "radius_difference_largest": "radius/largest_difference",
        "radius_difference_mean": "radius/mean_difference",
        "radius_relative_largest": "radius/largest_relative",
        "radius_relative_mean": "radius/mean_relative",
    },
    "coordinates": {
        "kl": "kl",
        "active": "active",
        "active_units": "active_units",
        "deviation_least": ("coordinates/z_deviation", min),
        "deviation_mean": ("coordinates/z_deviation", mean),
        "deviation_largest": ("coordinates/z_deviation", max),
    },
    "pca": {
        "directions_of_90": "directions/holding/0.9",
        "coordinates_of_90": "coordinates/holding/0.9",
        "share_of_30": "directions/first/30",
        "effective_directions": "effective_directions",
        "correlation_largest": "correlation/largest",
        "correlation_mean": "correlation/mean",
        "correlation_held_out": "held_out_correlation/before/mean",
        "correlation_turned": "held_out_correlation/after/mean",
    },
    **{
        f"clusters-{points}": {
            f"clusters_{points}_{count}": f"share/{count // 2 - 1}" for count in (2, 40, 80)
        }
        for points in ("mu", "z")
    },
    **{f"tsne-{perplexity}": {f"tsne_{perplexity}": "kl_divergence"} for perplexity in (30, 10)},
    "evaluation": {
        **judged("normal"),
        **judged("posterior", "posterior"),
        **judged("mu", "reconstructions"),
        **judged("real", "real"),
        "excess_of_mu": "reconstruction/excess",
    },
    "gaussian-evaluation": judged("gaussian"),
}
COLUMNS = ("model", *(column for places in FIGURES.values() for column in places))


def at(found: Any, place: Place) -> Any:
    """The value at a place, such as files/0/mean; "" where there is none, as of MSE's excess."""
    keys, summary = (place, None) if isinstance(place, str) else place
    for key in keys.split("/"):
        found = found[int(key)] if isinstance(found, list) else found.get(key, "")
    if summary:
        return summary(found)
    return "" if found is None else found


def read(folder: Path, name: str, kind: str) -> Any:
    """One analysis of a model, or None."""
    path = folder / name / "config.json" if kind == "config" else folder / f"{name}-{kind}.json"
    return json.loads(path.read_text()) if path.exists() else None


def numbers(folder: Path, name: str) -> dict[str, Any]:
    """All figures of a model."""
    found: dict[str, Any] = {"model": name}
    for kind, places in FIGURES.items():
        document = read(folder, name, kind)
        found |= {
            column: "" if document is None else at(document, place)
            for column, place in places.items()
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+", metavar="NAME")
    options = parser.parse_args()
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(numbers(options.folder, name) for name in options.names)


if __name__ == "__main__":
    main()
