"""The long description of the built metadata: README.md, where no link depends on the repository.

Everything else is in setup.cfg. Where that names the repository's address (url), relative links
become absolute ones; where it doesn't, they become plain text.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from setuptools import setup

REPOSITORY = Path(__file__).parent
RELATIVE_LINK = re.compile(r"(!?)\[([^]]*)\]\((?!https?:|mailto:|#)([^)\s]*)\)")


def absolute(readme: str, address: str) -> str:
    """A README with its relative links and pictures led to an address, or taken out."""

    def replace(link: re.Match[str]) -> str:
        mark, text, path = link.groups()
        if not address:
            return f"[{text}]" if mark else text
        kind = "raw" if mark else "tree" if path.endswith("/") else "blob"
        return f"{mark}[{text}]({address.rstrip('/')}/{kind}/HEAD/{path})"

    return RELATIVE_LINK.sub(replace, readme)


if __name__ == "__main__":
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    address = settings.get("metadata", "url", fallback="")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    setup(long_description=absolute(readme, address))
