"""python docs/update_reproduction.py [--check | --from FOLDER]: makes docs/reproduction.md.

Words come from docs/reproduction.md.in, figures from the files in docs/reproduction, which --from
takes over first from the FOLDER of examples/reproduce_articles.sh. With --check it changes nothing
and exits with 1 if the page is out of date. A figure stands in the words as

    {FILE/KEY/KEY...}                 a cell of a Markdown table, as it is
    {FILE/KEY/KEY... .1f}             a number of JSON, or by line and column of CSV, in that format
    {numbers.csv/ae-?/z_mean .1f}     the mean of the lines that fit, here of all seeds
    {numbers.csv/ae-?/z_mean .1f range}    from the least to the largest of them; or largest
    {FILE/... over FILE/... .3f}      the ratio of two
    {controls/z_mean .2f}             cells of a row: mean and range of each control; or vaes/...
    {FILE/... else FILE/...}          the second, in italics, where the first is not measured yet

and is "pending" where it is not measured yet: where its file is not there, or its cell is empty. A
picture or a file that is to come is pending, too.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import mean
from typing import Any

DOCS = Path(__file__).parent
PAGE, WORDS, FIGURES = DOCS / "reproduction.md", DOCS / "reproduction.md.in", DOCS / "reproduction"
HEAD = "<!-- made by docs/update_reproduction.py of reproduction.md.in -->\n\n"
NUMBERS = "numbers.csv"
PENDING = "pending"
PLACEHOLDER = re.compile(r"\{([^{}\n]+/[^{}\n]+)\}")
LINK = re.compile(r"!?\[([^]]+)\]\(reproduction/([^)]+)\)")
# 3 (2 to 4), 2 to 4 and the like: once is enough.
ONE = re.compile(r" \(1 of \d\) \(one seed\)")
REPEATED = re.compile(rf"{PENDING}(?:(?:,| to|;|:)? \(?{PENDING}\)?)+")
FORM = re.compile(r"(?P<places>.+?)(?: (?P<format>,?\.\d[feg%]))?(?: (?P<summary>range|largest))?")

ROW = re.compile(r"\{(controls|vaes)/(\w+) (,?\.\d[feg%])\}")
VAES = ("tiny", "tiny-nobn", "tiny-free", "tiny-nobn-free")
CONTROLS = {"vaes": VAES, "controls": ("ae", "ae-bn", *VAES)}

EXAMINED = ("default", "ae-1", "ae-bn-1", "tiny-1", "tiny-nobn-1")
TRAINED = (
    *EXAMINED,
    *("vae-1", "tiny-2", "tiny-3", "tiny-free-1", "tiny-free-2", "tiny-free-3", "ae-1600"),
)
# What --from takes over, by its place in the folder. No original of CelebA's, and nothing that a
# model has made of one, is among the pictures.
TAKEN = {
    **{
        name: name
        for name in (
            *(NUMBERS, "start-from.md", "neighbours.json", "neighbours.png", "weights.png"),
            *(
                "start-zoomed.md",
                "weights-faces.png",
                "controls-radius.json",
                "controls-radius.png",
                "own-faces.png",
            ),
        )
    },
    "networks/networks.md": "networks.md",
    **{f"{name}/history.csv": f"{name}-history.csv" for name in TRAINED},
    **{f"{name}-samplers.md": f"{name}-samplers.md" for name in EXAMINED},
    **{
        f"{name}-{picture}.png": f"{name}-{picture}.png"
        for name in ("ae-1", "tiny-1")
        for picture in ("normal", "gaussian", "tsne-30", "tsne-10", "clusters-mu")
    },
    **{f"{name}-normal.png": f"{name}-normal.png" for name in ("ae-bn-1", "tiny-nobn-1")},
    **{f"default-{name}.json": f"default-{name}.json" for name in ("pca", "neighbours")},
    **{
        f"default-{picture}.png": f"default-{picture}.png"
        for picture in ("coordinates", "tsne-30", "clusters-mu", "pca", "neighbours")
    },
}


def cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def markdown_tables(text: str) -> dict[str, dict[str, str]]:
    """The rows of all tables, by their first cell, each by the headings of its columns."""
    found: dict[str, dict[str, str]] = {}
    heading: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            heading = []
        elif not heading:
            heading = cells(line)
        else:
            found[cells(line)[0]] = dict(zip(heading, cells(line), strict=True))
    return found


def read(path: Path) -> Any:
    """A file of figures: what stands in it, by its keys."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix == ".csv":
        return {next(iter(row.values())): row for row in csv.DictReader(text.splitlines())}
    return markdown_tables(text)


def at(found: Any, keys: list[str]) -> Iterator[Any]:
    """The values at a place; ? and * in a key stand for other letters.

    Raises:
        KeyError: there is no such place.
    """
    if not keys:
        yield found
        return
    if isinstance(found, list):
        found = {str(number): value for number, value in enumerate(found)}
    fitting = [key for key in found if key == keys[0]] or [
        key for key in found if fnmatchcase(key, keys[0])
    ]
    if not fitting:
        raise KeyError(keys[0])
    for key in fitting:
        yield from at(found[key], keys[1:])


def values(place: str, folder: Path) -> list[Any]:
    """The values at FILE/KEY/KEY...: none where the file is to come, "" for those to come.

    Raises:
        ValueError: there is no such file, and none is to come, or no such key in it.
    """
    name, *keys = place.strip().split("/")
    path = folder / name
    if not path.exists():
        if name in TAKEN.values():
            return []
        raise ValueError(f"{name}: no such file in {folder}, and --from takes none over")
    try:
        return list(at(read(path), keys))
    except KeyError as error:
        if path.suffix == ".md" and name in TAKEN.values() and error.args[0] == keys[0]:
            return []  # a table grows line by line
        raise ValueError(f"{place}: there is no {error}") from error


def shown(number: float, form: str) -> str:
    """A number in its format: a percentage with a space, 6e-5 for 6e-05."""
    return re.sub("e([+-])0", r"e\1", f"{number:{form}}").replace("%", " %")


def figure(term: str, folder: Path) -> str | None:
    """What stands for one term; None if it is not measured yet.

    Raises:
        ValueError: it can't be read, or there is no such figure.
    """
    found = FORM.fullmatch(term)
    assert found
    columns = [values(place, folder) for place in found["places"].split(" over ")]
    rows = [row for row in zip(*columns, strict=False) if "" not in row]
    if not rows:
        return None
    if found["format"] is None:
        if len(rows) > 1:
            raise ValueError(f"{term}: several values and no format")
        return str(rows[0][0])
    numbers = [float(row[0]) / float(row[1]) if len(row) > 1 else float(row[0]) for row in rows]
    some = f" ({len(rows)} of {len(columns[0])})" if len(rows) < len(columns[0]) else ""
    if found["summary"] == "largest":
        return shown(max(numbers), found["format"]) + some
    if found["summary"] == "range":
        least, largest = (shown(edge, found["format"]) for edge in (min(numbers), max(numbers)))
        return f"{least} to {largest}{some}" if len(numbers) > 1 else "one seed"
    return shown(mean(numbers), found["format"]) + some


def filled(words: str, folder: Path = FIGURES) -> str:
    """The page: the words with their figures.

    Raises:
        ValueError: a figure that is asked for can't be.
    """

    def fill(match: re.Match[str]) -> str:
        first, *older = match[1].split(" else ")
        if (text := figure(first, folder)) is not None:
            return text
        former = figure(older[0], folder) if older else None
        return PENDING if former is None else f"*{former}*"

    def link(match: re.Match[str]) -> str:
        if (folder / match[2]).exists():
            return match[0]
        if match[2] in TAKEN.values():
            return f"{match[1]} ({PENDING})"
        raise ValueError(f"{match[2]}: no such file in {folder}, and --from takes none over")

    def row(match: re.Match[str]) -> str:
        models, column, form = match.groups()
        places = [f"{NUMBERS}/{model}-?/{column} {form}" for model in CONTROLS[models]]
        return " | ".join(f"{{{place}}} ({{{place} range}})" for place in places)

    filled_in = PLACEHOLDER.sub(fill, ROW.sub(row, words))
    return HEAD + ONE.sub(" (one seed)", REPEATED.sub(PENDING, LINK.sub(link, filled_in)))


def merge(before: str, after: str) -> str:
    """Two tables of CSV with a line for each model: what the later one doesn't have yet stays."""
    tables = [csv.DictReader(text.splitlines()) for text in (before, after)]
    former, later = ({line["model"]: line for line in table} for table in tables)
    merged = io.StringIO()
    writer = csv.DictWriter(merged, tables[1].fieldnames or (), lineterminator="\n")
    writer.writeheader()
    for model in former | later:
        old, new = former.get(model, {}), later.get(model, {})
        writer.writerow({name: new.get(name) or old.get(name, "") for name in writer.fieldnames})
    return merged.getvalue()


def take(folder: Path) -> None:
    """Takes over what a run of the experiments has made; models may be of several such folders."""
    for source, name in TAKEN.items():
        if not (folder / source).exists():
            print(f"{source} is not there yet", file=sys.stderr)
        elif name == NUMBERS:
            merged = merge((FIGURES / name).read_text(), (folder / source).read_text())
            (FIGURES / name).write_text(merged)
        elif name.endswith(".md"):  # a page of the documentation, which has a title
            table = (folder / source).read_text(encoding="utf-8")
            (FIGURES / name).write_text(f"# {Path(name).stem}\n\n{table}", encoding="utf-8")
        else:
            shutil.copyfile(folder / source, FIGURES / name)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--from", dest="folder", type=Path)
    options = parser.parse_args()
    if options.folder and not options.check:
        take(options.folder)
    page = filled(WORDS.read_text(encoding="utf-8"))
    if not options.check:
        PAGE.write_text(page, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page:
        print("reproduction.md is out of date; run 'make reference'", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
