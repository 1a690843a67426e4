"""python examples/sampler_table.py FACES.h5 LATENTS.h5 [--weights ...]: the samplers compared.

For each way to choose points: 1,200 faces, in how many of them a network sees a face, how near
they are to held-out real faces and how different from each other (docs/quality.md). Then the log
density of held-out points, by which distributions can be compared without looking at faces.
Prints the Markdown tables of docs/samplers.md. Needs pip install 'facegen[quality]'.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facegen import Codec, FaceSet, Weights, fit
from facegen.api.generation import Generation
from facegen.io.latent_store import Latents
from facegen.latent import random_points
from facegen.latent.sampler_choice import SamplerChoice
from facegen.latent.samplers import FittedSampler
from facegen.model.measure import Measure

SWEEP = (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 5, 8, 10)  # article XI
COLUMNS = ("options", "mean radius", "found", "kernel distance", "recall", "diversity", "warning")


def ways(fitted: dict[str, Path]) -> dict[str, SamplerChoice]:
    """What the table compares: options of generate, and the choice that they make."""
    found = {
        "none: normal": SamplerChoice(),
        "--radius 16": SamplerChoice(radius=16),
        "--radius-percentile 5-95": SamplerChoice(radius_percentile=(5, 95)),
        "--truncation 0.7": SamplerChoice(truncation=0.7),
    }
    for path in fitted.values():
        found[f"--sampler {path.name}"] = SamplerChoice(sampler=path)
        narrow = SamplerChoice(sampler=path, truncation=0.7)
        found[f"--sampler {path.name} --truncation 0.7"] = narrow
    return found | {f"--r-limit {r:g}": SamplerChoice(r_limit=r) for r in SWEEP}


def cells(figures: dict[str, Any], radius: float | None, warning: str) -> list[str]:
    """A row of the table, but for its name."""
    return [
        "" if radius is None else f"{radius:.1f}",
        f"{100 * figures['faces']['found']:.1f} %",
        f"{figures['objects']['kernel_distance']:.1f}",
        f"{figures['objects']['recall']:.2f}",
        f"{figures['diversity']:.3f}",
        next((word for word in ("nearer", "further") if f"lie {word}" in warning), ""),
    ]


def fit_samplers(latents: Path, folder: Path) -> dict[str, Path]:
    """A sampler of each kind, fitted unless the folder has it."""
    folder.mkdir(exist_ok=True)
    paths = {kind: folder / f"{kind}.h5" for kind in ("gaussian", "mixture")}
    for kind, path in paths.items():
        if not path.exists():
            fit(latents, path, kind=kind)
    return paths


def log_density(fitted: FittedSampler, points: np.ndarray) -> float:
    """The mean log density of points under a mixture of Gaussians, in nats a point."""
    parts = []
    for weight, mean, factor in zip(fitted.weights, fitted.means, fitted.factors, strict=True):
        factor = factor.astype(np.float64)
        noise = np.linalg.solve(factor, (points - mean).T)
        volume = np.log(np.diag(factor)).sum() + len(mean) / 2 * np.log(2 * np.pi)
        parts.append(np.log(weight) - (noise**2).sum(axis=0) / 2 - volume)
    return float(np.logaddexp.reduce(parts).mean())


def show_densities(latents: Path, fitted: dict[str, Path]) -> None:
    """Prints the log density of the held-out points of the array that was fitted."""
    samplers = {name: FittedSampler.load(path) for name, path in fitted.items()}
    gaussian = samplers["gaussian"]
    normal = replace(
        gaussian,
        means=np.zeros_like(gaussian.means),
        factors=np.eye(gaussian.latent_dim, dtype=np.float32)[None],
    )
    with Latents.open(latents) as store:
        points = store.read(np.flatnonzero(store.is_test), gaussian.fit.points)
    show("distribution", "log density of held-out points")
    show("---", "---")
    for name, sampler in ({"normal": normal} | samplers).items():
        show(name, f"{log_density(sampler, points):.2f}")


def show(*row: str) -> None:
    """Prints a row of a Markdown table."""
    print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("latents", type=Path, help="of these weights")
    parser.add_argument("--weights", type=Path, help="by default the model of facegen")
    parser.add_argument("--decoder", choices=["plain", "crisp"], help="as facegen's")
    parser.add_argument("--n", type=int, default=1200, help="faces of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keeps, and finds again, the fitted samplers")
    options = parser.parse_args()
    weights, count = Weights.load(options.weights), options.n
    codec = Codec(weights, decoder=options.decoder)
    with FaceSet.open(options.faces) as faces:
        real, other = (
            faces.read(np.sort(random_points.select(faces.rows(split), count, seed=options.seed)))
            for split in ("test", "train")
        )
    judge = Measure(real, networks=True).figures

    show(*COLUMNS)
    show(*["---"] * len(COLUMNS))
    with tempfile.TemporaryDirectory() as temporary:
        fitted = fit_samplers(options.latents, options.folder or Path(temporary))
        for name, choice in ways(fitted).items():
            sampler, radii = choice.make(weights)
            points = sampler.sample(range(count), codec.latent_dim, seed=options.seed)
            figures = judge(Generation(codec, sampler, options.seed).faces(range(count)))
            radius = float(np.linalg.norm(points.astype(np.float64), axis=1).mean())
            show(name, *cells(figures, radius, radii.warning(points) if radii else ""))
        if len(other) == len(real) == count:
            show("real faces", *cells(judge(other), None, ""))
        print()
        show_densities(options.latents, fitted)
    about = {"weights": weights.provenance(codec.decoder), "decoder": codec.decoder}
    about |= {"n": count, "seed": options.seed}
    print(json.dumps(about), file=sys.stderr)


if __name__ == "__main__":
    main()
