"""Two single-threaded Ray workers against one process of two threads: encode and generate.

The cluster runs already, with two processors; the runs are whole functions of the library, so the
workers' start and their loading of the model count. Target: at least 0.9 of the one process's rate.
The start of two workers is a constant: 200,000 faces hide it, 20,000 show it.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import measure

WORKERS = 2


def measure_rates(count: int, address: str, folder: Path, repeats: int) -> dict[str, list[float]]:
    """Faces a second, by what does them."""
    from facegen.api.encode import encode
    from facegen.api.generate import generate_files
    from facegen.api.generate_request import GenerateRequest

    faces, points = folder / "faces.h5", folder / "latents.h5"

    def generate(**where: Any) -> float:
        request = GenerateRequest(output=faces, count=count, seed=1, force=True, **where)
        return count / measure.seconds(partial(generate_files, request))

    def encode_all(**where: Any) -> float:
        run = partial(encode, faces, points, seed=1, force=True, **where)
        return count / measure.seconds(run)

    return measure.interleave(
        {
            "generate, one process": partial(generate, threads=WORKERS),
            "generate, Ray": partial(generate, ray=address),
            "encode, one process": partial(encode_all, threads=WORKERS),
            "encode, Ray": partial(encode_all, ray=address),
        },
        repeats=repeats,
    )


def main() -> None:
    parser = measure.arguments(__doc__, repeats=3)
    parser.add_argument("address", help="of a cluster with two processors: 127.0.0.1:6379")
    parser.add_argument("--faces", type=int, default=200_000, help="(%(default)s)")
    parser.add_argument("--folder", help="where there is room for them, 28 kB each")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-", dir=options.folder))
    measure.announce_timing()
    try:
        rates = measure_rates(options.faces, options.address, folder, options.repeats)
    finally:
        shutil.rmtree(folder)
    rows = [(name, measure.summary(values), "faces/s") for name, values in rates.items()]
    for verb in ("generate", "encode"):
        ratio = measure.ratio(rates, f"{verb}, Ray", f"{verb}, one process")
        rows.append((f"{verb}, Ray / one process", ratio, "target >= 0.9"))
    about = measure.machine("ray", "ai-edge-litert", "numpy", "h5py")
    measure.report("a Ray cluster", rows, about | {"faces": options.faces}, as_json=options.json)


if __name__ == "__main__":
    main()
