"""export: whole processes, seconds and memory of each format for other programs, in turn.

The points are made up, 256 coordinates. With four times the rows memory should be the same.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import measure
from analyze import make_store
from measure import ProcessRun, summary

KINDS = ("npy", "csv", "parquet", "sqlite", "projector")


def run_export(kind: str, path: Path) -> ProcessRun:
    """One export as a whole process, over the last one's."""
    output = path.with_name(f"out-{kind}")
    command = [sys.executable, "-m", "facegen", "export", str(path), f"--{kind}", "-q"]
    return measure.run_process([*command, "--force", "-o", str(output)])


def main() -> None:
    parser = measure.arguments(__doc__, repeats=3)
    parser.add_argument("--rows", type=int, default=50_000, help="(%(default)s)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-"))
    try:
        small, large = (make_store(times * options.rows, folder) for times in (1, 4))
        measure.announce_timing()
        functions = {kind: partial(run_export, kind, small) for kind in KINDS}
        functions |= {f"{kind}, 4 x": partial(run_export, kind, large) for kind in KINDS}
        runs = measure.interleave(functions, repeats=options.repeats)
    finally:
        shutil.rmtree(folder)
    rows = [(name, summary([run.wall for run in found]), "s") for name, found in runs.items()]
    peaks = {name: [run.peak for run in found] for name, found in runs.items()}
    rows += [(f"{kind}, memory", summary(peaks[kind]), "MiB") for kind in KINDS]
    for kind in KINDS:
        flat = measure.ratio(peaks, f"{kind}, 4 x", kind)
        rows.append((f"{kind}, memory of 4 x the rows / of 1 x", flat, "target <= 1.1"))
    about = measure.machine("numpy", "h5py", "pyarrow") | {"rows": options.rows}
    measure.report("export", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
