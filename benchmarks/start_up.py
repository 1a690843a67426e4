"""Whole processes: one sheet of 28 faces with facegen, by the least that makes it, and through
Keras; and facegen --help.

Targets: at most 0.06 of Keras' wall time, at most 150 MiB, help within 0.3 s. `--before` adds the
facegen of another checkout, such as one that `git worktree add` made of an earlier commit.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import measure
from measure import ProcessRun, ratio, run_process, summary

SEED = 1
GENERATE, BEFORE = "facegen generate", "facegen before"
BARE, KERAS = "bare limit", "through Keras"


def facegen_command() -> list[str]:
    """The installed command beside this Python, else the checkout's module."""
    script = Path(sys.executable).parent / "facegen"
    return [str(script)] if script.exists() else [sys.executable, "-m", "facegen"]


def largest_difference(first: Path, second: Path) -> int:
    """Between two pictures of one size, in 1/255."""
    import numpy as np
    from PIL import Image

    pixels = [np.asarray(Image.open(path)).astype(int) for path in (first, second)]
    return int(abs(pixels[0] - pixels[1]).max())


def commands(folder: Path, weights: Path) -> dict[str, list[str]]:
    """What is compared, by its name; pictures go into the folder."""
    here = Path(__file__).parent
    facegen = facegen_command()
    generate = ["generate", "--n", "28", "--r-limit", "2.5", "--seed", str(SEED), "--force"]
    plain = [*generate, "--decoder", "plain"]
    decoder = weights / "crisp_decoder.tflite"
    bare = [here / "bare_generate.py", decoder, folder / "bare.png", SEED]
    keras = [here / "keras_generate.py", weights, folder / "keras.png", SEED]
    return {
        GENERATE: [*facegen, *generate, "-o", str(folder / "crisp.png")],
        "with --decoder plain": [*facegen, *plain, "-o", str(folder / "plain.png")],
        BARE: [sys.executable, *map(str, bare)],
        KERAS: [sys.executable, *map(str, keras)],
        "facegen --help": [*facegen, "--help"],
    }


def measure_all(
    folder: Path, weights: Path, before: Path | None, repeats: int
) -> dict[str, list[ProcessRun]]:
    """The runs of each command, in turn, once all files are in memory and .pyc files written."""
    runs = {
        name: partial(run_process, command, cwd=folder)
        for name, command in commands(folder, weights).items()
    }
    if before is not None:
        command = commands(folder, weights)[GENERATE]
        runs[BEFORE] = partial(run_process, command, cwd=folder, checkout=before.resolve())
    for run in runs.values():
        run()
    return measure.interleave(runs, repeats=repeats)


def table(runs: dict[str, list[ProcessRun]]) -> list[tuple[str, dict[str, float], str]]:
    """The rows to report."""
    walls = {name: [run.wall for run in each] for name, each in runs.items()}
    rows = [(name, summary(values), "s") for name, values in walls.items()]
    for name, each in runs.items():
        rows.append((f"{name}, processors", summary([run.cpu for run in each]), "s"))
        rows.append((f"{name}, peak memory", summary([run.peak for run in each]), "MiB"))
    for name, other, target in (
        (GENERATE, KERAS, "target <= 0.06"),
        (BEFORE, KERAS, ""),
        (GENERATE, BEFORE, ""),
        (GENERATE, BARE, ""),
        (BARE, KERAS, ""),
        ("with --decoder plain", KERAS, ""),
    ):
        if name in walls and other in walls:
            rows.append((f"wall time, {name} / {other}", ratio(walls, name, other), target))
    return rows


def main() -> None:
    parser = measure.arguments(__doc__, repeats=5)
    parser.add_argument("--weights", type=Path, help="by default the model that comes with facegen")
    parser.add_argument("--before", type=Path, help="another checkout of facegen")
    options = parser.parse_args()
    # default_weights_path imports nothing large.
    from facegen.io.weights import default_weights_path

    weights = (options.weights or default_weights_path()).resolve()
    os.environ["FACEGEN_WEIGHTS"] = str(weights)
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-"))
    try:
        runs = measure_all(folder, weights, options.before, options.repeats)
        crisp = largest_difference(folder / "crisp.png", folder / "bare.png")
        plain = largest_difference(folder / "plain.png", folder / "keras.png")
    finally:
        shutil.rmtree(folder)
    rows = table(runs)
    rows.append(("largest difference, facegen and bare limit", summary([crisp]), "of 255"))
    rows.append(("largest difference, plain and Keras", summary([plain]), "of 255"))
    about = measure.machine("tensorflow", "keras", "ai-edge-litert", "pillow")
    facegen = facegen_command()
    shown = " ".join([Path(facegen[0]).name, *facegen[1:]])
    about |= {"command": shown, "threads": "each one's default"}
    measure.report("Start-up: 28 faces as a whole process", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
