"""python examples/kill_merge.py [--kills 200]: kills 'merge' at random moments.

A face set and its store are made in parts and put together again and again. After every kill the
whole must be what it was before, nothing or the file of an unbroken run; at last the same command
makes it, and nothing is left behind.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from facegen.api.merge import merge

PARTS = 3


def facegen(*arguments: object) -> None:
    command = [sys.executable, "-m", "facegen", *map(str, arguments), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def make_parts(folder: Path, rows: int) -> dict[str, list[Path]]:
    """Parts of a face set and of its store, and the wholes of unbroken runs: faces.h5, store.h5."""
    parts: dict[str, list[Path]] = {"faces": [], "store": []}
    faces = ("--n", rows, "--seed", 5, "--decoder", "plain")
    facegen("generate", *faces, "-o", folder / "faces.h5")
    facegen("encode", folder / "faces.h5", "--seed", 5, "-o", folder / "store.h5")
    for i in range(1, PARTS + 1):
        shard = ("--shard", f"{i}/{PARTS}")
        for kind, command in {
            "faces": ("generate", *faces),
            "store": ("encode", folder / "faces.h5", "--seed", 5),
        }.items():
            parts[kind].append(folder / f"{kind}-{i}.h5")
            facegen(*command, *shard, "-o", parts[kind][-1])
    return parts


def is_same(path: Path, expected: Path) -> bool:
    with h5py.File(path) as found, h5py.File(expected) as wanted:
        return set(found) == set(wanted) and all(
            np.array_equal(found[name][()], wanted[name][()]) for name in wanted
        )


def merge_and_kill(parts: list[Path], output: Path, after: float | None, *, force: bool) -> float:
    """Merges in a fork, and kills it after some seconds; returns how long it took."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            merge(parts, output, force=force)
            code = 0
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)  # a zombie, if it has ended
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL), "the merge failed"
    return time.monotonic() - start


def run(folder: Path, kills: int, rows: int, draw: random.Random) -> str:
    parts = make_parts(folder, rows)
    output = folder / "out" / "whole.h5"
    output.parent.mkdir()
    usual = {}
    for kind in parts:
        usual[kind] = merge_and_kill(parts[kind], output, None, force=True)
        assert is_same(output, folder / f"{kind}.h5"), f"{kind}: not the file of one run"
    whole = 0
    for i in range(kills):
        kind, force = ("faces", "store")[i % 2], draw.random() < 0.5
        expected = folder / f"{kind}.h5"
        if force:
            output.write_bytes(b"precious")
        else:
            output.unlink(missing_ok=True)
        merge_and_kill(parts[kind], output, draw.uniform(0, 1.1 * usual[kind]), force=force)
        if (output.read_bytes() == b"precious") if force else not output.exists():
            continue
        assert is_same(output, expected), f"kill {i}: neither the old file nor the whole"
        whole += 1
    merge_and_kill(parts["store"], output, None, force=True)
    assert is_same(output, folder / "store.h5")
    assert os.listdir(output.parent) == [output.name], "left behind"
    return f"{kills} kills of a merge, {whole} of them too late; no harm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(run(Path(name), options.kills, options.rows, random.Random(options.seed)))


if __name__ == "__main__":
    main()
