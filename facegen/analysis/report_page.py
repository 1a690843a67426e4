"""The report of an analysis as one HTML page that needs nothing else: pictures lie inside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from string import Template
from typing import Any

from PIL import Image

from facegen.io.provenance import png_texts, with_version

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1.5rem; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { text-align: left; padding: 0.2rem 1.5rem 0.2rem 0; border-bottom: 1px solid #eee;
  vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: normal; color: #555; }
.health { padding: 0.8rem 1rem; border-radius: 0.3rem; }
.good { background: #e6f4e6; }
.broken { background: #fbe3e0; }
</style>
</head>
<body>
<h1>$title</h1>
$health
$sections
</body>
</html>
""")


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title, text: the heading and the sentences under it, as plain text.
        numbers: JSON values, shown as a table: a column for each, if all are dicts; else those in
            dicts with their path. Lists are not shown.
        image: a picture, if there is one.
        provenance: what the picture records of how it was made.
    """

    title: str
    text: str
    numbers: dict[str, Any] = field(default_factory=dict)
    image: Image.Image | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def make_page(title: str, broken_rules: Sequence[str], sections: Sequence[Section]) -> str:
    """The page as HTML.

    Args:
        broken_rules: sentences for the top of the page; none is good.
    """
    health = '<p class="health good">All health rules hold.</p>'
    if broken_rules:
        items = "".join(f"<li>{escape(rule)}</li>" for rule in broken_rules)
        health = f'<div class="health broken"><b>Broken health rules</b><ul>{items}</ul></div>'
    return PAGE.substitute(
        title=escape(title), health=health, sections="\n".join(map(_section, sections))
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", f"<p>{escape(section.text)}</p>"]
    if section.image is not None:
        source = data_uri(section.image, section.provenance)
        parts.append(f'<img src="{source}" alt="{escape(section.title)}">')
    if section.numbers:
        parts.append(_table(section.numbers))
    return "\n".join(parts)


def data_uri(image: Image.Image, provenance: dict[str, Any]) -> str:
    """A picture as PNG, with its provenance, inside a URI."""
    content = io.BytesIO()
    image.save(content, format="PNG", pnginfo=png_texts(with_version(provenance)))
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _table(numbers: dict[str, Any]) -> str:
    """A column for each dict, if there are only dicts, else one column."""
    if all(isinstance(value, dict) for value in numbers.values()):
        columns = [dict(flatten(column)) for column in numbers.values()]
        head = ["", *numbers]
    else:
        columns, head = [dict(flatten(numbers))], []
    names = dict.fromkeys(name for column in columns for name in column)
    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"] * bool(head)
    for name in names:
        cells = "".join(f"<td>{escape(column.get(name, ''))}</td>" for column in columns)
        lines.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """(name, text) of each value: 'chi mean', '15.98'. Lists are left out."""
    found = []
    for name, value in values.items():
        name = prefix + name.replace("_", " ")
        if isinstance(value, dict):
            found += flatten(value, f"{name} ")
        elif not isinstance(value, list):
            # A seed is to be typed again.
            found.append((name, str(value) if name.endswith("seed") else show(value)))
    return found


def show(value: Any) -> str:
    """A value as people read it: six digits, thousands apart."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
