"""What a face costs in parts, and the calculation of docs/scaling.md, checked at a small scale.

Costs are processor time of whole processes with one thread, so that the machine's other work counts
for little: generate (crisp and plain) into a face set, encode, and merge of both. A face costs the
difference of a large and a small run; a process, what the small one took besides. From them
follows what four shards cost; that is then measured, too.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import measure
from measure import summary

SHARDS = 4
SMALL = 128  # rows

Command = list[object]


def cpu_of(*commands: Command) -> float:
    """Processor seconds of some facegen commands."""
    start = [sys.executable, "-m", "facegen"]
    words = ([*start, *map(str, command), "--quiet", "--force"] for command in commands)
    return sum(measure.run_process(command).cpu for command in words)


def generate(folder: Path, rows: int, decoder: str) -> Command:
    options = ["--seed", 5, "--decoder", decoder, "--threads", 1]
    return ["generate", "--n", rows, *options, "-o", folder / f"{decoder}-{rows}.h5"]


def encode(folder: Path, rows: int) -> Command:
    faces, output = folder / f"plain-{rows}.h5", folder / f"latents-{rows}.h5"
    return ["encode", faces, "--seed", 5, "--threads", 1, "-o", output]


def part_names(command: Command) -> list[Path]:
    path = Path(str(command[-1]))
    return [path.with_stem(f"{path.stem}-part-{shard}") for shard in range(1, SHARDS + 1)]


def measure_all(folder: Path, rows: int, repeats: int) -> dict[str, list[float]]:
    """Processor seconds of each command, of many rows and of few, whole and in parts."""
    found: dict[str, list[float]] = {}
    kinds: dict[str, Callable[[Path, int], Command]] = {
        "generate, crisp": partial(generate, decoder="crisp"),
        "generate, plain": partial(generate, decoder="plain"),
        "encode": encode,
    }
    for name, make in kinds.items():
        small, large = make(folder, SMALL), make(folder, rows)
        parts = part_names(large)
        shards: list[Command] = [
            [*large[:-1], path, "--shard", f"{number}/{SHARDS}"]
            for number, path in enumerate(parts, 1)
        ]
        merges: list[Command] = [
            ["merge", *paths, "-o", folder / "whole.h5"] for paths in (parts, part_names(small))
        ]
        few: list[Command] = [
            [*small[:-1], path, "--shard", f"{number}/{SHARDS}"]
            for number, path in enumerate(part_names(small), 1)
        ]
        runs: dict[str, Callable[[], float]] = {
            f"{name}, small": partial(cpu_of, small),
            f"{name}, large": partial(cpu_of, large),
            f"{name}, parts": partial(cpu_of, *shards),
            f"{name}, small parts": partial(cpu_of, *few),  # which the small merge needs
            f"{name}, merge": partial(cpu_of, merges[0]),
            f"{name}, small merge": partial(cpu_of, merges[1]),
        }
        found |= measure.interleave(runs, repeats=repeats)
    return found


def results(found: dict[str, list[float]], rows: int) -> list[tuple[str, dict[str, float], str]]:
    """The costs, and what was measured against what was calculated of them."""
    table = []
    for name in ("generate, crisp", "generate, plain", "encode"):
        small, large, parts, merged, few = (
            found[f"{name}, {what}"] for what in ("small", "large", "parts", "merge", "small merge")
        )
        costs = [(b - a) / (rows - SMALL) for a, b in zip(small, large, strict=True)]
        starts = [a - SMALL * cost for a, cost in zip(small, costs, strict=True)]
        merge = [1e6 * (b - a) / (rows - SMALL) for a, b in zip(few, merged, strict=True)]
        ratios = [
            measured / (SHARDS * start + rows * cost)
            for measured, start, cost in zip(parts, starts, costs, strict=True)
        ]
        table += [
            (f"{name}, a face", summary([1e3 * cost for cost in costs]), "ms"),
            (f"{name}, a process", summary(starts), "s"),
            (f"{name}, {SHARDS} parts, measured / calculated", summary(ratios), ""),
        ]
        if name != "encode":  # rows of a store cost too little to be seen here: see merge.py
            table.append((f"{name}, a face merged", summary(merge), "µs"))
    return table


def main() -> None:
    parser = measure.arguments(__doc__, repeats=3)
    parser.add_argument("--rows", type=int, default=4000, help="(%(default)s)")
    parser.add_argument("--folder", help="where there is room")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-", dir=options.folder))
    try:
        found = measure_all(folder, options.rows, options.repeats)
    finally:
        shutil.rmtree(folder)
    about = measure.machine("ai-edge-litert", "numpy", "h5py") | {"rows": options.rows}
    measure.report("what a part costs", results(found, options.rows), about, as_json=options.json)


if __name__ == "__main__":
    main()
