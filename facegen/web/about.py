"""What the page needs to know before it shows the first face (Engine.about in page/engine.js)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facegen.api.explore import Explorer
from facegen.latent.radius_quantiles import RadiusQuantiles
from facegen.version import __version__

STRENGTH = 3.0  # of a slider: steps of a label, or standard deviations
LIKE = 0.3  # a correlation from which on a direction is told to be like a label
SHARES = {"low": 0.05, "middle": 0.5, "high": 0.95}
NORMAL = {"low": -1.645, "middle": 0.0, "high": 1.645}  # deviations at these shares


def about(explorer: Explorer) -> dict[str, Any]:
    """The explorer's model and files, as JSON."""
    quantiles = RadiusQuantiles.of_weights(explorer.weights)
    files = {name: path and str(path) for name, path in vars(explorer.files).items()}
    data = explorer.weights.config.get("data")
    return {
        "version": __version__,
        "name": explorer.weights.name,
        "image_size": explorer.codec.image_size,
        "latent_dim": explorer.codec.latent_dim,
        "decoders": list(explorer.codecs),
        "directions": _directions(explorer),
        "radii": _radii(quantiles, explorer.codec.latent_dim),
        "percentiles": quantiles is not None or explorer.files.sampler is not None,
        "fitted": explorer.files.sampler is not None,
        "note": str(data.get("note", "")) if isinstance(data, dict) else "",
        "files": files,
        "stored": 0 if explorer.opened.store is None else len(explorer.opened.store),
        "labels": [] if explorer.opened.store is None else explorer.opened.store.attribute_names,
        "originals": explorer.opened.face_set is not None,
        "photos": True,
    }


def _directions(explorer: Explorer) -> list[dict[str, Any]]:
    """The labels, those first that show the most, and the directions without."""
    found: list[dict[str, Any]] = []
    if (labels := explorer.opened.directions) is not None:
        order = np.argsort(-labels.cohens_d, kind="stable").tolist()
        found += [{"name": labels.names[i], "kind": "label", "like": None} for i in order]
    if (components := explorer.opened.components) is not None:
        found += [
            {
                "name": one["name"],
                "kind": "component",
                "like": one["label"] if abs(one["correlation"] or 0) >= LIKE else None,
            }
            for one in components.summary()
        ]
    return [{**one, "strength": STRENGTH} for one in found]


def _radii(quantiles: RadiusQuantiles | None, latent_dim: int) -> dict[str, float]:
    """Of training faces, else of normal points, whose deviation is about sqrt(1/2)."""
    if quantiles is None:
        middle = math.sqrt(latent_dim)
        found = {name: max(0.1, middle + n * math.sqrt(0.5)) for name, n in NORMAL.items()}
    else:
        found = {name: float(quantiles.radius(np.array(s))) for name, s in SHARES.items()}
    return {name: round(radius, 2) for name, radius in found.items()}
