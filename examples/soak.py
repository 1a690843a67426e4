"""python examples/soak.py [--runs 1000]: the main job again and again, killed at random moments.

Two of three runs get SIGTERM or SIGKILL within the time that a run takes. After each the sheet
must be whole, the new one or the one before; a run that ends by itself leaves no temporary file of
any run before it, one that gets SIGTERM adds none; and the memory of the runs must not grow.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image

COMMAND = [sys.executable, "-m", "facegen", "generate", "--quiet", "--n", "28", "--r-limit", "2.5"]
TEMPORARY = ".facegen-*.tmp"


def run(folder: Path, kill: signal.Signals | None, after: float) -> tuple[int, float]:
    """Runs the job once; returns its exit code and its peak memory in MiB."""
    before = set(folder.glob(TEMPORARY))
    process = subprocess.Popen(
        [*COMMAND, "-o", "sheet.png", "--force"], cwd=folder, stdout=subprocess.DEVNULL
    )
    if kill is not None:
        time.sleep(after)
        os.kill(process.pid, kill)  # a zombie, if it has ended: nobody has waited for it
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    temporary = set(folder.glob(TEMPORARY))
    if process.returncode == 0:
        assert not temporary, f"left behind: {temporary}"
    elif process.returncode == 128 + signal.SIGTERM:
        assert temporary <= before, f"left behind: {temporary - before}"
    else:
        assert process.returncode in (-signal.SIGKILL, -signal.SIGTERM), process.returncode
    return process.returncode, usage.ru_maxrss / 1024


def check_whole(path: Path) -> None:
    """Decodes all of a sheet, which raises an OSError if some of it is missing."""
    with Image.open(path) as image:
        image.load()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    ends: Counter[int] = Counter()
    peaks: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        run(folder, None, 0)
        usual = time.perf_counter() - start
        for number in range(1, options.runs + 1):
            kill = draw.choice([None, signal.SIGTERM, signal.SIGKILL])
            code, peak = run(folder, kill, draw.uniform(0, 1.2 * usual))
            check_whole(folder / "sheet.png")
            ends[code] += 1
            if code == 0:
                peaks.append(peak)
            if number % 100 == 0:
                print(f"{number} runs, exit codes {dict(ends)}", flush=True)
        code, _ = run(folder, None, 0)
        assert code == 0
        assert [path.name for path in folder.iterdir()] == ["sheet.png"]
    tenth = max(1, len(peaks) // 10)
    first, last = (statistics.median(part) for part in (peaks[:tenth], peaks[-tenth:]))
    print(f"peak memory {first:.1f} MiB at first, {last:.1f} MiB at last")
    assert last < 1.05 * first


if __name__ == "__main__":
    main()
