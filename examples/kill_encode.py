"""python examples/kill_encode.py FACES.h5 [--kills 300]: kills 'encode' at random moments.

After every kill the store, if there is one yet, must open, and rows_done must be true: the rows
it counts are those of an unbroken run, and never fewer than before. When a store is complete,
all its datasets must be those of the unbroken run; then the next one begins. Rows are made safe
after every batch instead of once a second, so that kills find more to break.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ENCODE = """
import sys
from facegen.api.encode import encode
faces, output, weights = sys.argv[1:]
encode([faces], output, weights=weights or None, seed=5, flush_seconds=0)
"""


class HarmError(Exception):
    """A kill did harm."""


def start(faces: Path, output: Path, weights: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", ENCODE, faces, output, weights])


def read_store(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: data[()] for name, data in file.items()}


def check(path: Path, expected: dict[str, np.ndarray], done_before: int) -> int:
    """Compares a store with the unbroken run's; returns how many rows are there."""
    try:
        found = read_store(path)
    except OSError as error:
        raise HarmError(f"{path} can't be read: {error}") from error
    done = int(found["rows_done"])
    if done < done_before:
        raise HarmError(f"rows_done was {done_before}, is {done}")
    if found["complete"] and done < len(expected["z"]):
        raise HarmError(f"marked as complete with {done} rows")
    for name in expected.keys() - {"rows_done", "complete"}:
        rows = slice(done) if name in ("mu", "logvar", "z") else slice(None)
        if not np.array_equal(found[name][rows], expected[name][rows]):
            raise HarmError(f"{name} differs from the unbroken run's in the first {done} rows")
    return done


def kill_once(
    faces: Path, output: Path, weights: str, longest: float, chance: random.Random
) -> bool:
    """Starts 'encode' and kills it at a random moment; False if it was done before."""
    process = start(faces, output, weights)
    try:
        code = process.wait(chance.uniform(0, longest))
        if code:
            raise HarmError(f"encode failed with exit code {code}")
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def run(faces: Path, weights: str, kills: int, folder: Path, chance: random.Random) -> str:
    """Kills as often as is asked for, then lets the last store be completed."""
    reference, output = folder / "unbroken.h5", folder / "killed.h5"
    begin = time.monotonic()
    if start(faces, reference, weights).wait():
        raise HarmError("the unbroken run failed")
    longest = time.monotonic() - begin
    expected = read_store(reference)
    killed = stores = done = 0
    moments = set()
    while killed < kills:
        killed += kill_once(faces, output, weights, longest, chance)
        if output.exists():
            done = check(output, expected, done)
            moments.add(done)
            if read_store(output)["complete"]:
                stores, done = stores + 1, 0
                output.unlink()
    if start(faces, output, weights).wait() or check(output, expected, done) != len(expected["z"]):
        raise HarmError("the last store could not be completed")
    left = sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
    if left:
        raise HarmError(f"left behind: {', '.join(left)}")
    return (
        f"{killed} kills, {stores + 1} stores completed, rows_done seen at {len(moments)} "
        "different numbers, no harm"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--weights", default=os.environ.get("FACEGEN_WEIGHTS", ""))
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        chance = random.Random(options.seed)
        try:
            print(run(options.faces, options.weights, options.kills, folder, chance))
        except HarmError as harm:
            print(f"harm: {harm}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
