"""Whole processes: one sheet of 28 faces with facegen and through Keras, and facegen --help.

Targets: at most 0.08 of Keras' wall time, at most 150 MiB, help within 0.3 s.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import measure
from measure import ratio, run_process, summary

SEED = 1


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


def main() -> None:
    parser = measure.arguments(__doc__, repeats=5)
    parser.add_argument("--weights", type=Path, help="by default the model that comes with facegen")
    options = parser.parse_args()
    # default_weights_path imports nothing large.
    from facegen.io.weights import default_weights_path

    weights = options.weights or default_weights_path()
    path = str(weights.resolve())
    os.environ["FACEGEN_WEIGHTS"] = path
    facegen = facegen_command()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-"))
    try:
        ours, keras = folder / "facegen.png", folder / "keras.png"
        generate = ["generate", "--n", "28", "--r-limit", "2.5", "--seed", str(SEED), "--force"]
        script = str(Path(__file__).with_name("keras_generate.py"))
        commands = {
            "facegen generate": [*facegen, *generate, "-o", str(folder / "crisp.png")],
            "with --decoder plain": [*facegen, *generate, "--decoder", "plain", "-o", str(ours)],
            "through Keras": [
                sys.executable,
                script,
                str(weights.resolve()),
                str(keras),
                str(SEED),
            ],
            "facegen --help": [*facegen, "--help"],
        }
        for command in commands.values():  # files into the page cache, .pyc files written
            run_process(command, cwd=folder)
        runs = measure.interleave(
            {name: partial(run_process, command, cwd=folder) for name, command in commands.items()},
            repeats=options.repeats,
        )
        difference = largest_difference(ours, keras)
    finally:
        shutil.rmtree(folder)
    walls = {name: [run.wall for run in each] for name, each in runs.items()}
    peaks = {name: [run.peak for run in each] for name, each in runs.items()}
    rows = [(name, summary(values), "s") for name, values in walls.items()]
    rows += [(f"{name}, peak memory", summary(values), "MiB") for name, values in peaks.items()]
    rows += [
        (
            "wall time, facegen / Keras",
            ratio(walls, "facegen generate", "through Keras"),
            "target <= 0.08",
        ),
        (
            "wall time, plain decoder / Keras",
            ratio(walls, "with --decoder plain", "through Keras"),
            "",
        ),
        ("largest difference of the plain sheets", summary([difference]), "of 255"),
    ]
    about = measure.machine("tensorflow", "keras", "ai-edge-litert", "pillow")
    shown = " ".join([Path(facegen[0]).name, *facegen[1:]])
    about |= {"command": shown, "threads": "each one's default"}
    measure.report("Start-up: 28 faces as a whole process", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
