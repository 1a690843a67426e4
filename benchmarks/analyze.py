"""analyze: passes over a store against reading its datasets with h5py; memory.

Radius, coordinates and logvar are the library's functions of these names, whole; the report's
pass finds what all three do. Plain h5py reads mu, logvar and z in batches of 4096 rows, from the
same page cache, and does nothing with them. Target: each of the four at least 0.5 of its rate.
The store is made up (1,000,000 rows of 256 coordinates: 3 GB). Memory is that of a whole
'facegen analyze coordinates' process at 50,000 rows and at all.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import h5py
import measure
import numpy as np
from measure import ratio, summary

DIM = 256
BATCH = 4096
ANALYSES = ("radius", "coordinates", "logvar")


def make_store(rows: int, folder: Path) -> Path:
    """A store of points like a VAE's; batches are those before, turned by a coordinate."""
    from facegen.io.latent_writer import write_latents

    path = folder / f"{rows}.h5"
    random = np.random.default_rng(0)
    mu, noise = random.standard_normal((2, BATCH, DIM), np.float32)
    logvar = random.uniform(-4, 0, (BATCH, DIM)).astype(np.float32)
    z = mu + np.exp(logvar / 2) * noise

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for start in range(0, rows, BATCH):
            count = min(BATCH, rows - start)
            turn = partial(np.roll, shift=start // BATCH, axis=1)
            yield turn(mu[:count]), turn(logvar[:count]), turn(z[:count])

    write_latents(path, batches(), [f"{row}.jpg" for row in range(rows)], latent_dim=DIM)
    return path


def measure_rates(path: Path, repeats: int) -> dict[str, list[float]]:
    """Rows a second of reading alone, of each of ANALYSES and of the report's pass."""
    from facegen.analysis.results import iterate_rows
    from facegen.analysis.scan import Coordinates, Noise, scan
    from facegen.api.analyze import analyze_coordinates, analyze_logvar, analyze_radius
    from facegen.api.analyze_pca import analyze_pca
    from facegen.io.latent_store import Latents

    def read() -> None:
        with h5py.File(path) as file:
            for name in ("mu", "logvar", "z"):
                data = file[name]
                for start in range(0, len(data), BATCH):
                    data[start : start + BATCH]

    def report() -> None:
        with Latents.open(path) as store:
            scan(iterate_rows(store), Coordinates(DIM, (0, 1, 2)), Noise(DIM))

    with Latents.open(path) as store:
        rows = len(store)
    runs: dict[str, Callable[[], object]] = {
        "h5py": read,
        "radius": partial(analyze_radius, [path]),
        "coordinates": partial(analyze_coordinates, path),
        "logvar": partial(analyze_logvar, path),
        "pca": partial(analyze_pca, path),
        "report": report,
    }
    for run in (read, runs["radius"]):  # fill the page cache, import SciPy
        run()
    functions = {name: lambda run=run: rows / measure.seconds(run) for name, run in runs.items()}
    return measure.interleave(functions, repeats=repeats)


def measure_memory(paths: dict[str, Path]) -> dict[str, list[float]]:
    """Peak memory of whole 'facegen analyze coordinates' processes, in MiB."""
    command = [sys.executable, "-m", "facegen", "analyze", "coordinates"]
    return {name: [measure.run_process([*command, str(p)]).peak] for name, p in paths.items()}


def main() -> None:
    parser = measure.arguments(__doc__, repeats=5)
    parser.add_argument("--rows", type=int, default=1_000_000, help="(%(default)s)")
    parser.add_argument("--folder", help="where there is room for the store")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-", dir=options.folder))
    try:
        small = options.rows // 20
        # Stores by others, and memory first: a child's peak begins at the memory of the process
        # that starts it.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            small_path, path = pool.map(make_store, (small, options.rows), (folder, folder))
        peaks = measure_memory({"small": small_path, "large": path})
        measure.announce_timing()
        rates = measure_rates(path, options.repeats)
    finally:
        shutil.rmtree(folder)
    rows = [(name, summary(values), "rows/s") for name, values in rates.items()]
    for name in ANALYSES:
        rows.append((f"{name} / h5py", ratio(rates, name, "h5py"), "target >= 0.5"))
    rows.append(("report / h5py", ratio(rates, "report", "h5py"), "target >= 0.5"))
    rows.append((f"peak memory, {small} rows", summary(peaks["small"]), "MiB"))
    rows.append((f"peak memory, {options.rows} rows", summary(peaks["large"]), "MiB"))
    about = measure.machine("numpy", "h5py")
    measure.report("analyze", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
