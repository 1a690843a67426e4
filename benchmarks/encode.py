"""encode against the bare encoder graph and a bare write; its memory at two sizes of input.

The bare graph runs over float32 batches that lie ready in memory, on the same threads; the bare
write puts as many numbers into three datasets with h5py. encode also reads the faces, converts
them and draws epsilon. Targets: at least 0.95 of the bare graph's rate; memory within 10 % from
the small input to the large one. The inputs are made by 'facegen generate' (200,000 faces of 96
pixels: 5.5 GB and some minutes).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import h5py
import measure
import numpy as np
from measure import ratio, summary

MEMORY_ROWS = (20_000, 200_000)


def facegen(*arguments: object) -> measure.ProcessRun:
    """A facegen command as a process of its own."""
    return measure.run_process([sys.executable, "-m", "facegen", *map(str, arguments)])


def make_faces(rows: int, weights: list[str], folder: Path) -> Path:
    path = folder / f"{rows}.h5"
    facegen("generate", "--n", rows, "--seed", 1, "--decoder", "plain", "-o", path, *weights)
    return path


def measure_rates(
    faces_path: Path, weights_path: str | None, folder: Path, threads: int, repeats: int
) -> dict[str, list[float]]:
    """Faces a second of encode, whole, of the bare graph and of the bare write."""
    from facegen.api.encode import encode
    from facegen.images.pixels import to_float
    from facegen.io.face_set import FaceSet
    from facegen.io.weights import Weights
    from facegen.model.codec import BATCH_SIZE, Graph

    weights = Weights.load(weights_path)
    graph = Graph(weights.read("encoder.tflite"), threads=threads)
    with FaceSet.open(faces_path) as faces:
        rows = len(faces)
        batches = [
            to_float(faces.read(np.arange(first, first + BATCH_SIZE)))
            for first in range(0, min(rows, 32 * BATCH_SIZE), BATCH_SIZE)
        ]
    graph.run(batches[0])
    output = folder / "latents.h5"

    def bare() -> float:
        steps = rows // BATCH_SIZE
        inputs = [batches[step % len(batches)] for step in range(steps)]
        return steps * BATCH_SIZE / measure.seconds(lambda: [graph.run(x) for x in inputs])

    def write() -> float:
        points = np.zeros((BATCH_SIZE, graph.run(batches[0])[0].shape[-1]), np.float32)

        def run() -> None:
            with h5py.File(folder / "bare.h5", "w") as file:
                for name in ("mu", "logvar", "z"):
                    shape = (rows, points.shape[1])
                    data = file.create_dataset(name, shape, np.float32)
                    for first in range(0, rows, BATCH_SIZE):
                        data[first : first + BATCH_SIZE] = points[: rows - first]

        return rows / measure.seconds(run)

    def whole() -> float:
        run = partial(encode, [faces_path], output, weights=weights_path, force=True)
        return rows / measure.seconds(partial(run, threads=threads, seed=1))

    return measure.interleave(
        {"bare graph": bare, "bare h5py write": write, "encode": whole}, repeats=repeats
    )


def measure_memory(weights: list[str], folder: Path) -> dict[str, list[float]]:
    """Peak memory of whole 'facegen encode' processes, in MiB."""
    peaks = {}
    for rows in MEMORY_ROWS:
        faces = make_faces(rows, weights, folder)
        run = facegen("encode", faces, "-o", folder / f"latents-{rows}.h5", *weights)
        peaks[f"{rows} rows"] = [run.peak]
        faces.unlink()
    return peaks


def main() -> None:
    parser = measure.arguments(__doc__, repeats=5)
    parser.add_argument("--faces", type=int, default=8192, help="for the rate (%(default)s)")
    parser.add_argument("--threads", type=int, default=measure.cpus(), help="(%(default)s)")
    parser.add_argument("--weights", help="by default the model that comes with facegen")
    parser.add_argument("--folder", help="where there is room for the inputs")
    parser.add_argument("--no-memory", action="store_true", help="measure the rate only")
    options = parser.parse_args()
    weights = ["--weights", options.weights] if options.weights else []
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-", dir=options.folder))
    try:
        # Memory first: a child's peak begins at the memory of the process that starts it.
        peaks = {} if options.no_memory else measure_memory(weights, folder)
        faces = make_faces(options.faces, weights, folder)
        measure.announce_timing()
        rates = measure_rates(faces, options.weights, folder, options.threads, options.repeats)
    finally:
        shutil.rmtree(folder)
    rows = [(name, summary(values), "faces/s") for name, values in rates.items()]
    rows.append(("encode / bare graph", ratio(rates, "encode", "bare graph"), "target >= 0.95"))
    rows += [(f"peak memory, {name}", summary(values), "MiB") for name, values in peaks.items()]
    if peaks:
        small, large = (f"{count} rows" for count in MEMORY_ROWS)
        rows.append(("large / small", ratio(peaks, large, small), "target <= 1.1"))
    about = measure.machine("ai-edge-litert", "numpy", "h5py") | {"threads": options.threads}
    measure.report("encode", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
