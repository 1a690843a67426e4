"""The documentation site: `make docs` builds it into docs/_build/html."""

from __future__ import annotations

import configparser
import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
sys.path.insert(0, str(REPOSITORY))

from facegen.version import __version__  # noqa: E402

project = html_title = "facegen"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
smartquotes = False  # they make a dash of --
myst_heading_anchors = 3

add_module_names = False
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 80
napoleon_use_ivar = True
# Prose; napoleon takes what stands before a colon for a type.
napoleon_custom_sections = ["Returns", "Yields"]

html_theme = "furo"
html_copy_source = html_show_copyright = False

settings = configparser.ConfigParser(interpolation=None)
settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
ADDRESS = settings.get("metadata", "url", fallback="").rstrip("/")  # empty: not filled in yet

INCLUDE = re.compile(r"```\{include\} (\S+)\n```\n")
RELATIVE_LINK = re.compile(r"(!?)\[([^]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def settle_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Puts in the page that a page includes, and leads what leaves docs/ to the repository.

    Where its address is not filled in, files can be downloaded, and other links become plain text.
    """
    folder = origin = (DOCS / name).parent
    if include := INCLUDE.fullmatch(source[0]):
        page = folder / include[1]
        source[0], origin = page.read_text(encoding="utf-8"), page.parent

    def replace(link: re.Match[str]) -> str:
        mark, text, path, anchor = link.groups(default="")
        target = (origin / path).resolve()
        file = target.is_file() and target.suffix != ".md"
        if target.is_relative_to(DOCS) or (file and not ADDRESS):
            return f"{mark}[{text}]({os.path.relpath(target, folder)}{anchor})"
        place = os.path.relpath(target, REPOSITORY)
        return f"[{text}]({ADDRESS}/blob/HEAD/{place}{anchor})" if ADDRESS else text

    source[0] = RELATIVE_LINK.sub(replace, source[0])


def setup(app: Sphinx) -> None:
    app.connect("source-read", settle_links)
