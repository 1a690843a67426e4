"""Runs all benchmarks, one after the other, and writes their results into docs/BENCHMARKS.md.

`--only NAME` (repeatable) runs some and keeps the others' tables as they are.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "BENCHMARKS.md"
SCRIPTS = ("start_up", "decode", "train_step", "prepare", "encode", "analyze")


def run(name: str) -> dict[str, Any]:
    """One benchmark's results; its progress goes to stderr."""
    command = [sys.executable, str(HERE / f"{name}.py"), "--json"]
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


def replace(page: str, name: str, section: str) -> str:
    """The page with what stands between <!-- NAME --> and <!-- /NAME --> replaced.

    Raises:
        ValueError: the page has no such place.
    """
    before, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->\n")
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for {name}")
    return f"{before}{begin}{section}\n{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=SCRIPTS, help="repeat for several")
    for name in parser.parse_args().only or SCRIPTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        section = table(run(name))
        PAGE.write_text(replace(PAGE.read_text(), name, section))


if __name__ == "__main__":
    main()
