"""Scattered rows of a face set: `FaceSet.read` against HDF5's own choice of rows.

2,500 of 25,000 faces of 96x96 pixels, chosen at random, as `reconstruct`, `evaluate` and
`generate --nearest` do. The same, twice as many, shows how the time grows; reading all faces in
order shows what the disk gives. The file is in the system's cache.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import measure
import numpy as np
from measure import summary

SIZE = 96


def make_face_set(path: Path, count: int) -> None:
    """Writes so many faces of noise."""
    from facegen.io.face_set_writer import FaceSetWriter

    random = np.random.default_rng(1)
    with FaceSetWriter(path, size=SIZE, source="noise", crop="none") as writer:
        for start in range(0, count, 1000):
            rows = range(start, min(start + 1000, count))
            images = random.integers(0, 256, (len(rows), SIZE, SIZE, 3), np.uint8)
            writer.append(images, [f"{row}.png" for row in rows])


def main() -> None:
    parser = measure.arguments(__doc__, repeats=3)
    parser.add_argument("--faces", type=int, default=25_000, help="(%(default)s)")
    parser.add_argument("--rows", type=int, default=2_500, help="(%(default)s)")
    options = parser.parse_args()
    from facegen.io.face_set import FaceSet

    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-"))
    try:
        make_face_set(folder / "faces.h5", options.faces)
        chosen = np.random.default_rng(2).permutation(options.faces)
        rows, twice = chosen[: options.rows], chosen[: 2 * options.rows]
        measure.announce_timing()
        with FaceSet.open(folder / "faces.h5") as faces:
            np.testing.assert_array_equal(
                faces.read(rows[:50]), [faces.images[r] for r in rows[:50]]
            )
            functions: dict[str, Callable[[], object]] = {
                "facegen": partial(faces.read, rows),
                "facegen, twice the rows": partial(faces.read, twice),
                "h5py": partial(faces.images.__getitem__, np.sort(rows)),
                "all faces in order": lambda: sum(len(b) for _, b in faces.iterate(batch_size=128)),
            }
            results = measure.interleave(
                {name: partial(measure.seconds, f) for name, f in functions.items()},
                repeats=options.repeats,
            )
    finally:
        shutil.rmtree(folder)
    table = [(name, summary(values), "s") for name, values in results.items()]
    for numerator, denominator, target in (
        ("facegen", "h5py", "target <= 0.2"),
        ("facegen, twice the rows", "facegen", "target <= 2.2"),
    ):
        name = f"{numerator} / {denominator}"
        table.append((name, measure.ratio(results, numerator, denominator), target))
    about = measure.machine("numpy", "h5py") | {"faces": options.faces, "rows": options.rows}
    measure.report("scattered rows", table, about, as_json=options.json)


if __name__ == "__main__":
    main()
