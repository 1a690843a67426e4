"""python examples/start_from.py FACES.h5 FOLDER: what --start-from is worth with 500 photos.

Of the test images of FACES.h5, people whom a model trained on its training images has never seen,
500 become the training images of a small face set, and up to 1,000 of other people its test images.
For each seed one model is trained on it from scratch, and one for each learning rate from the
arrays of the model that comes with facegen. After 5, 10 and 20 epochs the excess over the floor of
the test images is noted, beside that of the model as it is.

Prints a Markdown table. Whatever stops it, the same command goes on: FOLDER keeps the face set, the
models and what each training has printed. Some minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from facegen import Codec, FaceSet, Weights
from facegen.analysis.quality import cross_entropy, cross_entropy_floor
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.files import atomic_output

TRAIN_IMAGES, TEST_IMAGES = 500, 1000


def choose_rows(is_test: np.ndarray, people: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """Test rows by whole people in a seeded order, and how many of them are for training."""
    order = np.random.default_rng(seed).permutation(np.unique(people[is_test]))
    rows = np.concatenate([np.flatnonzero(is_test & (people == person)) for person in order])
    train = TRAIN_IMAGES
    while train < len(rows) and people[rows[train]] == people[rows[train - 1]]:
        train += 1  # no person on both sides
    return rows[: train + TEST_IMAGES], train


def zoomed(images: np.ndarray, zoom: float) -> np.ndarray:
    """The middle of each image, enlarged to its size: uint8 (n, size, size, 3)."""
    size = images.shape[1]
    edge = size * (1 - 1 / zoom) / 2
    box = (edge, edge, size - edge, size - edge)
    resized = [
        Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS, box)
        for image in images
    ]
    return np.stack([np.asarray(image) for image in resized])


def write_small_set(source: Path, path: Path, seed: int, zoom: float) -> None:
    """Writes the small face set, unless it is there."""
    if path.exists():
        return
    with h5py.File(source) as file:
        people = file["identities"][:]
    with FaceSet.open(source) as faces:
        rows, train = choose_rows(faces.is_test, people, seed)
        writer = FaceSetWriter(path, size=faces.size, source=faces.source, crop=faces.crop)
        with writer:
            writer.append(zoomed(faces.read(rows), zoom), faces.read_names(rows))
            writer.set_split(np.arange(len(rows)) >= train)
            writer.set_labels(people[rows], None, [])


def excess_of(weights: Weights, path: Path) -> float:
    """The excess of the plain decoder's reconstructions of the test images, in nats an image."""
    codec, total, count = Codec(weights, decoder="plain"), 0.0, 0
    with FaceSet.open(path) as faces:
        for rows, pixels in faces.iterate("test"):
            mu, _ = codec.encode(pixels)
            excess = cross_entropy(pixels, codec.decode(mu)) - cross_entropy_floor(pixels)
            total, count = total + len(rows) * excess, count + len(rows)
    return total / count


def train(faces: Path, weights: Path, epochs: int, options: list[str]) -> float:
    """Trains up to so many epochs, unless that is done; returns the excess of the test images."""
    answer = weights.with_name(f"{weights.name}-{epochs}.json")
    if not answer.exists():
        more = ["--resume"] if (weights / "checkpoint.h5").exists() else options
        command = ["train", str(faces), "-o", str(weights), "--epochs", str(epochs), *more]
        print("facegen", *command, file=sys.stderr, flush=True)
        program = [sys.executable, "-m", "facegen", *command, "--json"]
        done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
        with atomic_output(answer) as temporary:
            temporary.write_text(done.stdout)
    found: dict[str, Any] = json.loads(answer.read_text())
    return float(found["metrics"]["test"]["excess"])


def show(*row: str) -> None:
    """Prints a row of a Markdown table."""
    print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faces", type=Path, help="that the model was trained on, with identities")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, nargs="+", default=[5, 10, 20], metavar="N")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--batch-size", type=int, default=32, help="%(default)s")
    parser.add_argument(
        "--learning-rates",
        nargs="+",
        default=["5e-4", "1e-4"],
        metavar="RATE",
        help="the first is that from scratch, too (%(default)s)",
    )
    parser.add_argument("--zoom", type=float, default=1.0, help="of all images (%(default)s)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    small = options.folder / "faces.h5"
    write_small_set(options.faces, small, seed=0, zoom=options.zoom)
    weights = Weights.load()
    runs = {"scratch": ["--learning-rate", options.learning_rates[0]]}
    for rate in options.learning_rates:
        runs[f"start-{rate}"] = ["--learning-rate", rate, "--start-from", str(weights.path)]
    show("training", *(f"{epochs} epochs" for epochs in options.epochs))
    show(*["---"] * (1 + len(options.epochs)))
    show(
        f"none: {weights.name} as it is",
        *[f"{excess_of(weights, small):.0f}"] * len(options.epochs),
    )
    for name, more in runs.items():
        cells = []
        for epochs in options.epochs:
            found = [
                train(
                    small,
                    options.folder / f"{name}-{seed}",
                    epochs,
                    ["--batch-size", str(options.batch_size), "--seed", str(seed), *more],
                )
                for seed in options.seeds
            ]
            scatter = f" ({min(found):.0f} to {max(found):.0f})" if len(found) > 1 else ""
            cells.append(f"{statistics.mean(found):.0f}{scatter}")
        show(name, *cells)


if __name__ == "__main__":
    main()
