"""The house: rooms that import only downward, short files, one file a verb in every place.

docs/architecture.md says what the rooms are for; pyproject.toml has their floors.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import facegen
from facegen.cli.main import COMMANDS
from running import REPOSITORY, TESTS, run_python

PACKAGE = Path(facegen.__file__).parent
CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
PROGRAMS = ("facegen", "benchmarks", "docs", "examples", "fuzz")
GROUND_FLOOR = {
    *("errors", "version"),
    *("hardware", "notices", "options", "paths", "prefetch", "row_ranges", "seeds", "shards"),
    *("signals", "strict_json", "workers"),
}
LONGEST_FILE = 300
LONGEST_FUNCTION = 40


def layers() -> list[set[str]]:
    """The floors of the house, from the top."""
    contract = next(c for c in CONTRACTS["contracts"] if c["type"] == "layers")
    return [set(floor.split(" : ")) for floor in contract["layers"]]


def test_rooms_import_only_downward_tensorflow_only_in_model_and_ray_only_in_cluster():
    pytest.importorskip("importlinter")
    lint = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    done = run_python("-c", lint, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(("library", "room"), [("tensorflow", "model"), ("ray", "cluster")])
def test_a_large_library_is_forbidden_to_all_but_one_room(library: str, room: str):
    forbidden = [c for c in CONTRACTS["contracts"] if c["type"] == "forbidden"]
    contract = next(c for c in forbidden if library in c["forbidden_modules"])
    sources = {name.removeprefix("facegen.") for name in contract["source_modules"]}
    assert sources == set().union(*layers()) - {room}


def test_no_module_is_outside_the_rooms_but_the_ground_floor_s():
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert modules == GROUND_FLOOR | {"__init__", "__main__"}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set().union(*layers()) == rooms | GROUND_FLOOR | {"__main__"}


def lines_of_code(function: ast.FunctionDef) -> int:
    """Lines of a function's body without its docstring; a list of options is one line.

    Click's options are data: the calls of click.option, one below the other.
    """
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    nodes = (node for part in body for node in ast.walk(part))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    options = [call for call in calls if ast.unparse(call.func) == "click.option"]
    listed = sum(lines_of(option) for option in options)
    return body[-1].end_lineno - body[0].lineno + 1 - listed  # type: ignore[operator]


def lines_of(node: ast.expr | ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def files(*folders: str) -> Iterator[tuple[str, str]]:
    """The name and the text of every Python file in some folders of the repository."""
    for folder in folders:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield path.relative_to(REPOSITORY).as_posix(), path.read_text()


def test_no_file_is_longer_than_300_lines():
    longer = {name for name, text in files(*PROGRAMS) if text.count("\n") > LONGEST_FILE}
    assert longer == set()


def test_no_function_is_longer_than_40_lines_but_lists_of_options():
    longer = {
        f"{name}: {node.name}"
        for name, text in files("facegen")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and lines_of(node) > LONGEST_FUNCTION
        and lines_of_code(node) > LONGEST_FUNCTION
    }
    assert longer == set()


def test_lines_of_code_are_counted_without_docstrings_and_options():
    text = 'def f(a):\n    """One.\n\n    Two.\n    """\n    b = a\n\n    return b\n'
    options = (
        "def f(g):\n    for o in (\n        click.option(\n            '-n',\n        ),\n    ):\n"
    )
    for source in (text, options + "        g = o(g)\n"):
        function = ast.parse(source).body[0]
        assert isinstance(function, ast.FunctionDef)
        assert lines_of_code(function) == 3


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_verb_has_one_file_of_its_name_in_every_place(verb: str):
    places = [PACKAGE / "api" / f"{verb}.py", PACKAGE / "cli" / f"{verb}.py"]
    places.append(TESTS / "api" / f"test_{verb}.py")
    if (REPOSITORY / "docs" / "cli").is_dir():
        places.append(REPOSITORY / "docs" / "cli" / f"{verb}.md")
    assert [str(path) for path in places if not path.is_file()] == []
