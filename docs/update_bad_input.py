"""python docs/update_bad_input.py [--check]: writes the tables of docs/bad-input.md.

They are made of tests/bad_input_cases.py, whose cases tests/cli/test_bad_input.py runs. With
--check it changes nothing and exits with 1 if the page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from sections import write_or_check  # noqa: E402

from bad_input_cases import TABLES, Case  # noqa: E402

PAGE = DOCS / "bad-input.md"
SECTION = "made by docs/update_bad_input.py"
LONGEST = 60  # letters of a name that is long on purpose


def cell(text: str) -> str:
    """Text as code in a table's cell."""
    if not text:
        return ""
    text = text.encode(errors="replace").decode()
    words = [
        word if len(word) <= LONGEST else f"{word[:9]}…{word[-9:]}" for word in text.split(" ")
    ]
    escaped = " ".join(words).replace("|", "\\|")
    return f"`` {escaped} ``" if "`" in text else f"`{escaped}`"


def row(case: Case) -> str:
    test = f"{case.test}" if case.test else f"test_bad_input[{case.name}]"
    says = cell(case.says) or "nothing"
    return f"| {case.given} | {cell(case.command)} | {says} | {case.code} | {test} |\n"


def tables() -> str:
    """One table for each kind of input."""
    head = "| given | `facegen` ... | says on stderr | exit code | test |\n|---|---|---|---|---|\n"
    parts = [f"## {title}\n\n{head}{''.join(map(row, cases))}" for title, cases in TABLES.items()]
    return "\n".join(["", *parts])


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, SECTION, tables()))
