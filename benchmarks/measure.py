"""What the benchmarks share: interleaved timing, whole processes, workers, a table or JSON.

Keep this module free of large imports: the peak memory that Linux reports for a child process
begins at the memory of the process that started it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # an uninstalled checkout works too


def arguments(description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    return parser


def cpus() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0))


def machine(*packages: str) -> dict[str, Any]:
    """What the figures depend on: processor, how many of them, versions."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "processor": model,
        "cpus": cpus(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        **versions,
    }


def interleave(
    functions: Mapping[str, Callable[[], Result]], *, repeats: int
) -> dict[str, list[Result]]:
    """Calls each function once per round, A B C A B C ..., and collects what they return.

    What disturbs the machine for a while then disturbs all of them.
    """
    results: dict[str, list[Result]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            results[name].append(function())
    return results


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, least and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratio(results: dict[str, list[float]], numerator: str, denominator: str) -> dict[str, float]:
    """Median, least and largest of the round-by-round ratio of two results."""
    pairs = zip(results[numerator], results[denominator], strict=True)
    return summary([a / b for a, b in pairs])


@dataclass(frozen=True)
class ProcessRun:
    """One whole process: seconds from start to end, peak resident memory in MiB, and seconds of
    processors.
    """

    wall: float
    peak: float
    cpu: float


def run_process(
    command: Sequence[str], *, cwd: str | Path | None = None, checkout: Path = REPOSITORY
) -> ProcessRun:
    """Runs a command to its end, with the facegen of a checkout.

    Raises:
        RuntimeError: it failed; the message has its output.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what pip installs is compiled, too
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output.decode(errors='replace')}")
    return ProcessRun(wall, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


class Worker:
    """A process of its own that is ready to time one variant, whenever it is told to.

    Each library has its own thread pool and its own settings, which can't change in a process
    that has used them. The script it runs calls `serve`.
    """

    def __init__(
        self, script: str | Path, *options: str, environment: dict[str, str] | None = None
    ):
        self.process = subprocess.Popen(
            [sys.executable, str(script), *options],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.options = options
        self.answer()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker {' '.join(self.options)} ended")
        return json.loads(line)

    def seconds(self, times: int) -> float:
        """How long `times` calls take there."""
        assert self.process.stdin is not None
        print(times, file=self.process.stdin, flush=True)
        return self.answer()

    def rate(self, items: int, times: int = 1) -> float:
        """Items a second, where `times` calls do `items`."""
        return items / self.seconds(times)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def serve(run: Callable[[int], object], *, warm_up: int = 3) -> None:
    """In a worker: warms up, then times as many calls, `run(times)`, as each line of stdin says."""
    run(warm_up)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        times = int(line)
        print(json.dumps(seconds(partial(run, times))), flush=True)


def announce_timing() -> None:
    """Says on stderr that everything is set up and the timing begins."""
    print("timing ...", file=sys.stderr, flush=True)


def report(
    title: str,
    rows: list[tuple[str, dict[str, float], str]],
    about: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Prints the results.

    Args:
        rows: a name, its summary, and its unit or target.
        about: from `machine`, with the thread count and the like.
    """
    if as_json:
        results = {name: {**figures, "unit": unit} for name, figures, unit in rows}
        print(json.dumps({"benchmark": title, "machine": about, "results": results}))
        return
    print(title)
    print("  " + ", ".join(f"{k} {v}" for k, v in about.items()))
    width = max(len(name) for name, _, _ in rows)
    print(f"  {'':{width}}  {'median':>9} {'min':>9} {'max':>9}")
    for name, figures, unit in rows:
        numbers = " ".join(f"{figures[key]:9.4g}" for key in ("median", "min", "max"))
        print(f"  {name:{width}}  {numbers}  {unit}")
