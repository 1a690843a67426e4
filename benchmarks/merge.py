"""merge of a store in 16 parts against an h5py script that copies the same datasets.

The script creates the same datasets with the same chunks, copies them chunk by chunk, the texts
and labels by blocks of 4,096 rows, and syncs the file; it checks nothing. Both are whole processes,
in turn. Targets: at least 0.5 of the script's rate; peak memory of the merge below 300 MiB. The
parts, of random points, are made first (a million rows: 3.1 GB, and as much for each output).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import measure
from measure import ratio, summary

COPY = """
import os, sys
import h5py
*parts, output = sys.argv[1:]
rows = [len(h5py.File(part)["mu"]) for part in parts]
with h5py.File(output, "w") as whole:
    for number, path in enumerate(parts):
        with h5py.File(path) as part:
            start = sum(rows[:number])
            for name, data in part.items():
                if data.ndim == 0:
                    continue
                if number == 0:
                    shape = (sum(rows), *data.shape[1:])
                    whole.create_dataset(name, shape, data.dtype, chunks=data.chunks)
                step = data.chunks[0] if data.chunks else 4096
                for first in range(0, len(data), step):
                    block = data[first : first + step]
                    whole[name][start + first : start + first + len(block)] = block
with open(output, "rb+") as file:
    os.fsync(file.fileno())
"""
MAKE = """
import sys
import numpy as np
from facegen.io.latent_store import Origin
from facegen.io.latent_writer import LatentsWriter
from facegen.io.parts import Part
from facegen.shards import Shard
rows, latent_dim, *paths = sys.argv[1:]
points = np.random.default_rng(1).standard_normal((4096, int(latent_dim))).astype("f4")
for number, path in enumerate(paths, 1):
    part = Part(Shard(number, len(paths)), int(rows))
    labels = {"names": [f"{row:09}.jpg" for row in part.rows]}
    labels["split"] = np.zeros(len(part.rows), "u1")
    origin = Origin(encoder_sha256="0" * 64, fingerprint=part.mark("0" * 64))
    options = {"rows": len(part.rows), "latent_dim": int(latent_dim), "part": part, "seed": 1}
    with LatentsWriter(path, origin, labels, **options) as writer:
        for first in range(0, len(part.rows), 4096):
            some = points[: len(part.rows) - first]
            writer.append(some, some, some)
"""


def make_parts(folder: Path, rows: int, latent_dim: int, count: int) -> list[str]:
    paths = [str(folder / f"part-{number:02}.h5") for number in range(1, count + 1)]
    measure.run_process([sys.executable, "-c", MAKE, str(rows), str(latent_dim), *paths])
    return paths


def measure_both(
    paths: list[str], folder: Path, repeats: int
) -> tuple[dict[str, list[float]], list[float]]:
    """Seconds of each whole process, and the peak memory of the merges in MiB."""
    peaks = []
    output = folder / "whole.h5"

    def run(command: list[str]) -> float:
        done = measure.run_process([sys.executable, *command])
        peaks.append(done.peak)
        output.unlink()
        return done.wall

    merge = ["-m", "facegen", "merge", *paths, "-o", str(output), "--quiet"]
    seconds = measure.interleave(
        {
            "facegen merge": lambda: run(merge),
            "h5py script": lambda: run(["-c", COPY, *paths, str(output)]),
        },
        repeats=repeats,
    )
    return seconds, peaks[::2]


def main() -> None:
    parser = measure.arguments(__doc__, repeats=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the whole (%(default)s)")
    parser.add_argument("--latent-dim", type=int, default=256, help="(%(default)s)")
    parser.add_argument("--parts", type=int, default=16, help="(%(default)s)")
    parser.add_argument("--folder", help="where there is room")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-", dir=options.folder))
    try:
        paths = make_parts(folder, options.rows, options.latent_dim, options.parts)
        measure.announce_timing()
        seconds, peaks = measure_both(paths, folder, options.repeats)
    finally:
        shutil.rmtree(folder)
    rows = [(name, summary(values), "s") for name, values in seconds.items()]
    rows.append(
        (
            "rate, merge / h5py script",
            ratio(seconds, "h5py script", "facegen merge"),
            "target >= 0.5",
        )
    )
    rows.append(("peak memory of merge", summary(peaks), "MiB, target < 300"))
    about = measure.machine("numpy", "h5py")
    about |= {"rows": options.rows, "latent_dim": options.latent_dim, "parts": options.parts}
    measure.report("merging a store", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
