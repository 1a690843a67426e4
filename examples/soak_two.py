"""python examples/soak_two.py [--rounds 200]: two runs at once on one output, killed at random.

Each runs in a PID namespace of its own, as in two containers on one folder: both are process 1,
and neither sees the other. Two of three get SIGTERM or SIGKILL within the time that a run takes.
After each round the face set must be whole: that of one of the two, or the one before. In the end
nothing else is left. Needs `unshare`, and root or user namespaces.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import h5py

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc"]
COMMAND = [sys.executable, "-m", "facegen", "generate", "--quiet", "--n", "100", "--force"]
OUTPUT = "faces.h5"
SEEDS = (1, 2)
ERRORS = "errors.txt"
STOPPED = {128 + signal.SIGTERM, -signal.SIGTERM, -signal.SIGKILL}
STOPPED |= {1}  # unshare's own, where it trips over the end of a killed child


def start(folder: Path, seed: int) -> subprocess.Popen:
    """Starts a run in a namespace of its own; what it says of errors goes to one file for all."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    with (folder.parent / ERRORS).open("a") as errors:
        return subprocess.Popen(
            [*UNSHARE, *as_root, *COMMAND, "--seed", str(seed), "-o", OUTPUT],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )


def kill(process: subprocess.Popen, number: signal.Signals) -> None:
    """Sends a signal to the run inside of a namespace, if it has begun and not ended."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), number)
    except (FileNotFoundError, ProcessLookupError):
        pass


def content(path: Path) -> str:
    """A digest of the faces and names in a face set; HDF5 notes the time beside them."""
    with h5py.File(path) as file:
        data = file["images"][()].tobytes() + b"\0".join(file["names"][()])
        return hashlib.sha256(data).hexdigest() + file.attrs["fingerprint"]


def run_round(folder: Path, draw: random.Random, usual: float) -> list[int]:
    """Two runs at once, with their kills; returns their exit codes, which are checked."""
    kills = []
    begun = time.monotonic()
    processes = [start(folder, seed) for seed in SEEDS]
    for process in processes:
        number = draw.choice([None, signal.SIGTERM, signal.SIGKILL])
        if number is not None:
            kills.append((draw.uniform(0, 1.2 * usual), process, number))
    for after, process, number in sorted(kills, key=lambda planned: planned[0]):
        time.sleep(max(0, begun + after - time.monotonic()))
        kill(process, number)
    codes = [process.wait() for process in processes]
    for process, code in zip(processes, codes, strict=True):
        killed = any(process is other for _, other, _ in kills)
        assert code == 0 or (killed and code in STOPPED), (code, killed)
    said = (folder.parent / ERRORS).read_text()
    assert "facegen" not in said, said
    return codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    ends: Counter[int] = Counter()
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "folder"
        folder.mkdir()
        whole = {}
        for seed in SEEDS:
            assert start(folder, seed).wait() == 0
            whole[content(folder / OUTPUT)] = f"of seed {seed}"
        begun = time.monotonic()
        for process in [start(folder, seed) for seed in SEEDS]:
            assert process.wait() == 0
        usual = time.monotonic() - begun
        before = content(folder / OUTPUT)
        for number in range(1, options.rounds + 1):
            codes = run_round(folder, draw, usual)
            after = content(folder / OUTPUT)
            assert after in whole, "a mix, or zeros"
            ends.update(codes)
            found[whole[after] if after != before or 0 in codes else "the one before"] += 1
            before = after
            if number % 50 == 0:
                print(f"{number} rounds, exit codes {dict(ends)}, {dict(found)}", flush=True)
        assert start(folder, SEEDS[0]).wait() == 0
        assert os.listdir(folder) == [OUTPUT]
    print(f"{options.rounds} rounds, each with one whole file")


if __name__ == "__main__":
    main()
