"""python examples/model_numbers.py FOLDER NAME... > numbers.csv: what was measured of models.

FOLDER is that of examples/reproduce_articles.sh. Prints CSV, a line for each model: its options,
its losses, and the numbers of the analyses that were made of it, empty where one was not.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

OPTIONS = ("kind", "batch_norm", "loss", "kl_weight", "epsilon_limit", "seed")
RADIUS = {
    "peak": "files.0.peak",
    "mean": "files.0.mean",
    "least": "files.0.quantiles.0",
    "largest": "files.0.quantiles.1",
    "in_12_24": "files.0.shares.0.share",
    "in_14_19": "files.0.shares.1.share",
}
JUDGED = {
    "found": "figures.faces.found",
    "objects": "figures.objects.kernel_distance",
    "faces": "figures.faces.kernel_distance",
    "recall": "figures.objects.recall",
    "diversity": "figures.diversity",
}
FIGURES = {
    "config": {
        **{name: f"model.{name}" for name in OPTIONS},
        "epochs": "training.epochs",
        "training_loss": "metrics.last_epoch.total_loss",
        "test_loss": "metrics.last_epoch.test_total_loss",
        "test_kl_loss": "metrics.last_epoch.test_kl_loss",
        "kl_share": "metrics.test.kl_share",
        "excess": "metrics.test.excess",
    },
    "radius-z": {f"z_{name}": place for name, place in RADIUS.items()},
    "radius-mu": {f"mu_{name}": place for name, place in RADIUS.items()},
    "logvar": {
        "logvar_least": "logvar.min",
        "logvar_largest": "logvar.max",
        "logvar_mean": "logvar.mean",
        "logvar_outside": "logvar.outside",
        "noise_largest": "noise.largest",
        "noise_above": "noise.above",
        "components": "noise.components",
        "radius_difference_largest": "radius.largest_difference",
        "radius_difference_mean": "radius.mean_difference",
        "radius_relative_largest": "radius.largest_relative",
        "radius_relative_mean": "radius.mean_relative",
    },
    "coordinates": {"kl": "kl", "active": "active", "active_units": "active_units"},
    "pca": {
        "directions_of_90": "directions.holding.0.9",
        "share_of_30": "directions.first.30",
        "correlation_largest": "correlation.largest",
        "correlation_mean": "correlation.mean",
    },
    **{
        f"clusters-{points}": {
            f"clusters_{points}_{count}": f"share.{count // 2 - 1}" for count in (2, 40, 80)
        }
        for points in ("mu", "z")
    },
    **{f"tsne-{perplexity}": {f"tsne_{perplexity}": "kl_divergence"} for perplexity in (30, 10)},
    "evaluation": {f"normal_{name}": place for name, place in JUDGED.items()},
    "gaussian-evaluation": {f"gaussian_{name}": place for name, place in JUDGED.items()},
}


def at(found: Any, place: str) -> Any:
    """The value at a dotted place, such as files.0.mean."""
    for key in place.split("."):
        found = found[int(key) if isinstance(found, list) else key]
    return found


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
    rows = [numbers(options.folder, name) for name in options.names]
    table = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)


if __name__ == "__main__":
    main()
