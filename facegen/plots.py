"""Pictures of numbers. matplotlib is imported when one is drawn: it costs half a second."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from facegen.files import atomic_output


def plot_evaluation(result: dict[str, Any], path: str | os.PathLike, *, force: bool = True) -> Path:
    """Draws a result of `facegen.evaluating.evaluate` as PNG: patches, texture, nearest faces.

    Raises:
        OutputError: it exists (without `force`) or can't be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    patches, texture, nearest = figure.subplots(1, 3)
    parts = {"generated": result["figures"], "real": result["real"]}
    for i, (name, part) in enumerate(parts.items()):
        distances = part["patch_distance"]
        places = [level + 0.4 * i for level in range(len(distances))]
        patches.bar(places, list(distances.values()), 0.4, label=name)
        power = part["spectrum"][1:]
        texture.loglog(range(1, len(power) + 1), power, label=name)
    sizes = list(result["figures"]["patch_distance"])
    patches.set_xticks([i + 0.2 for i in range(len(sizes))], [f"{size} px" for size in sizes])
    patches.set_ylabel("patch distance (x 1000)")
    texture.set_xlabel("cycles a picture")
    texture.set_ylabel("power of the luminance")
    for name, quantiles in (
        ("generated", result["nearest"]["pixels"]["subject"]),
        ("real, held out", result["nearest"]["pixels"]["real"]),
    ):
        nearest.plot(list(quantiles.values()), [float(q) for q in quantiles], label=name)
    nearest.set_xlabel("distance to the nearest training face")
    nearest.set_ylabel("share of faces")
    for axes in (patches, texture, nearest):
        axes.legend()
    with atomic_output(path, force=force) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    return Path(path)
