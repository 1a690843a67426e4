"""python docs/update_benchmarks.py [--only NAME]...: runs all benchmarks, or some, one after the
other, and writes their results into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from sections import updated

DOCS = Path(__file__).parent
PAGE = DOCS / "benchmarks.md"
benchmarks = DOCS.parent / "benchmarks"
SCRIPTS = (
    "start_up",
    "decode",
    "sharing",
    "individual",
    "train_step",
    "prepare",
    "encode",
    "merge",
    "shards",
    "rows",
    "export",
    "analyze",
    "group",
)


def run(name: str) -> dict[str, Any]:
    """One benchmark's results; its progress goes to stderr."""
    command = [sys.executable, str(benchmarks / f"{name}.py"), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def number(value: float) -> str:
    """Three digits, thousands as they are."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(benchmark: dict[str, Any]) -> str:
    """A benchmark's results as Markdown."""
    about = ", ".join(f"{key} {value}" for key, value in benchmark["machine"].items())
    lines = [
        f"## {benchmark['benchmark']}",
        "",
        f"{datetime.date.today()}; {about}",
        "",
        "| | median | least | largest | unit or target |",
        "|---|---|---|---|---|",
    ]
    for name, row in benchmark["results"].items():
        figures = " | ".join(number(row[key]) for key in ("median", "min", "max"))
        lines.append(f"| {name} | {figures} | {row['unit']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=SCRIPTS, help="repeat for several")
    for name in parser.parse_args().only or SCRIPTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        section = table(run(name))
        PAGE.write_text(updated(PAGE, name, section))


if __name__ == "__main__":
    main()
