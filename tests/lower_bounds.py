"""python tests/lower_bounds.py: the lowest releases that setup.cfg admits, as pip's constraints.

    pip install --constraint <(python tests/lower_bounds.py) '.[test-base]'

The tests run under them, so that what setup.cfg says is true: it alone has the numbers.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

SETUP = Path(__file__).parent.parent / "setup.cfg"


def lower_bounds(text: str) -> list[str]:
    """A line "name == version" for each requirement "name >= version" in a setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    lists = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    found = re.findall(r"^([\w-]+) >= ([\d.]+)$", "\n".join(lists), re.M)
    return sorted({f"{name} == {version}" for name, version in found})


if __name__ == "__main__":
    print(*lower_bounds(SETUP.read_text()), sep="\n")
