"""Sections of pages that programs write: what stands between <!-- NAME --> and <!-- /NAME -->."""

from __future__ import annotations

import sys
from pathlib import Path


def updated(page: Path, name: str, section: str) -> str:
    """A page's text with the section of that name replaced.

    Raises:
        ValueError: the page has no such place.
    """
    before, begin, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->\n")
    if not begin or not end:
        raise ValueError(f"{page} has no place for {name}")
    return f"{before}{begin}{section}\n{end}{after}"


def write_or_check(page: Path, name: str, section: str) -> int:
    """Writes a section of a page, or with --check says if it is out of date; the exit code."""
    text = updated(page, name, section)
    if "--check" not in sys.argv:
        page.write_text(text)
    elif text != page.read_text():
        print(f"{page.name} is out of date; run 'make reference'", file=sys.stderr)
        return 1
    return 0
