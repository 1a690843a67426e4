"""The documentation site: `make docs` builds it into docs/_build/html."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

from facegen.version import __version__  # noqa: E402

settings = configparser.ConfigParser()
settings.read(REPOSITORY / "setup.cfg")

project = "facegen"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
smartquotes = False  # they make a dash of --
add_module_names = False
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 80
napoleon_use_ivar = True
napoleon_custom_sections = [
    "Returns",
    "Yields",
]  # prose: napoleon takes what stands before a colon for a type
myst_heading_anchors = 3

html_theme = "furo"
html_title = "facegen"
html_copy_source = False
html_theme_options = {}
if address := settings.get("metadata", "url", fallback=""):
    html_theme_options = {
        "source_repository": address,
        "source_branch": "HEAD",
        "source_directory": "docs/",
    }
