"""python docs/update_reference.py [--check]: writes the pages of docs/cli/ and docs/api/.

A command's page is made of its `--help`; the API's pages list the names in facegen/__init__.pyi,
whose docstrings Sphinx fills in. With --check it changes nothing and exits with 1 if a page is out
of date.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

import facegen
from facegen.cli.main import COMMANDS, cli

DOCS = Path(__file__).parent
STUB = DOCS.parent / "facegen" / "__init__.pyi"
NOTE = "<!-- made by docs/update_reference.py -->"
NOT_RUN = {
    "refine": "training against opponents takes hours",
    "explore": "it serves until Ctrl-C",
}  # by tests of the examples
PAGES = {  # of docs/api/: a title, and the room that is shown there; the last has the rest
    "verbs": ("Verbs", "api"),
    "files": ("Files", "io"),
    "points": ("Points", "latent"),
    "models": ("Models, options and errors", ""),
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands and, after theirs, all subcommands, with their names."""
    for verb in COMMANDS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        yield verb, command
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", sub) for name, sub in command.commands.items())


def code_of(match: re.Match[str]) -> str:
    """A command, in quotes, or a flag as code; not the flag once more inside the command."""
    return f"`{match[1] or match[2]}`"


def prose(text: str) -> str:
    """Plain text as Markdown: flags and commands become code, pages of docs/ links."""
    text = re.sub(r"([\\*|]|<(?=[a-z])|\b_)", r"\\\1", " ".join(text.split()))
    text = re.sub(r"'(facegen [^']*)'|(?<![\w`-])(--[a-z][a-z-]*)", code_of, text)
    text = re.sub(r"(^|\. )docs/([\w-]+)\.md", r"\1[The page on \2](../\2.md)", text)
    return re.sub(r"docs/([\w-]+)\.md", r"[the page on \1](../\1.md)", text)


def code(text: str) -> str:
    """Text as code in a table's cell."""
    return "`" + text.replace("|", "\\|") + "`"


def split_help(command: click.Command) -> tuple[list[str], list[str]]:
    """The paragraphs of a command's help, and its examples, each with the lines it goes on."""
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\nExamples:\n")
    return text.strip().split("\n\n"), re.split(r"\n(?! )", textwrap.dedent(examples).strip())


def own_example(name: str, examples: list[str]) -> str:
    """The first example that is of this command alone."""
    return next(line for line in examples if line.startswith(f"facegen {name} "))


def options_table(command: click.Command, context: click.Context) -> str:
    """A row for each option."""
    rows = [
        f"| {code(record[0])} | {prose(record[1])} |\n"
        for option in command.params
        if isinstance(option, click.Option) and (record := option.get_help_record(context))
    ]
    return f"## Options\n\n| option | what it does |\n|---|---|\n{''.join(rows)}" if rows else ""


def command_page(name: str, command: click.Command) -> str:
    """A command's help as a page."""
    context = click.Context(command, info_name=f"facegen {name}")
    (summary, *paragraphs), examples = split_help(command)
    example = own_example(name, examples)
    mark = f"<!-- not run: {NOT_RUN[name]} -->\n" if name in NOT_RUN else ""
    others = [line for line in examples if line != example]
    parts = [
        f"{NOTE}\n\n# facegen {name}\n",
        f"{prose(summary)}\n",
        f"{mark}```console\n$ {example}\n```\n",
        *(f"{prose(paragraph)}\n" for paragraph in paragraphs),
    ]
    if isinstance(command, click.Group):
        parts.append(
            listing([(f"{name} {sub}", command.commands[sub]) for sub in command.commands])
        )
    if others:
        parts.append("More examples:\n\n```text\n" + "\n".join(others) + "\n```\n")
    parts.append(options_table(command, context))
    return "\n".join(part for part in parts if part)


def listing(found: list[tuple[str, click.Command]]) -> str:
    """A table of commands with links to their pages, and these pages' place in the navigation."""
    pages = [name.replace(" ", "-") for name, _ in found]
    rows = [
        f"| [`{name}`]({page}.md) | {prose(command.get_short_help_str(200))} |\n"
        for page, (name, command) in zip(pages, found, strict=True)
    ]
    toctree = "```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"
    return f"| command | what it does |\n|---|---|\n{''.join(rows)}\n{toctree}"


def commands_page() -> str:
    """The list of all commands, and the options that stand before them."""
    context = click.Context(cli, info_name="facegen")
    verbs = [(name, command) for name, command in commands() if " " not in name]
    return (
        f"{NOTE}\n\n# Commands\n\n"
        f"`facegen COMMAND --help` says what these pages say.\n\n{listing(verbs)}\n"
        f"These stand before the command, as in `facegen --lock night.lock encode faces.h5`:\n\n"
        f"{options_table(cli, context)}"
    )


def public_names() -> Iterator[tuple[str, str]]:
    """The room and the name of all that the stub lists."""
    for statement in ast.parse(STUB.read_text()).body:
        if isinstance(statement, ast.ImportFrom) and statement.module != "version":
            room = str(statement.module).split(".")[0]
            yield from ((room, name.name) for name in statement.names)


def directive(name: str) -> str:
    """What Sphinx makes a name's docstring of."""
    if inspect.isclass(getattr(facegen, name)):
        return f".. autoclass:: facegen.{name}\n   :members:\n"
    return f".. autofunction:: facegen.{name}\n"


def api_page(title: str, names: list[str]) -> str:
    """A page of the API's reference."""
    body = "\n".join(map(directive, sorted(names)))
    return f"{NOTE}\n\n# {title}\n\n```{{eval-rst}}\n{body}```\n"


def pages() -> dict[Path, str]:
    """All pages that this program writes."""
    found = {DOCS / "cli" / "index.md": commands_page()}
    for name, command in commands():
        found[DOCS / "cli" / f"{name.replace(' ', '-')}.md"] = command_page(name, command)
    places = {room: page for page, (_, room) in PAGES.items()}
    names: dict[str, list[str]] = {page: [] for page in PAGES}
    for room, name in public_names():
        names[places.get(room, places[""])].append(name)
    for page, (title, _) in PAGES.items():
        found[DOCS / "api" / f"{page}.md"] = api_page(title, names[page])
    return found


def main() -> int:
    wanted = pages()
    made = {page for folder in ("api", "cli") for page in (DOCS / folder).glob("*.md")}
    made = {page for page in made if page.read_text().startswith(NOTE)}
    if "--check" in sys.argv:
        wrong = {page for page in wanted if page not in made or page.read_text() != wanted[page]}
        wrong |= made - wanted.keys()
        for page in sorted(wrong):
            name = page.relative_to(DOCS.parent)
            print(f"{name} is out of date; run 'make reference'", file=sys.stderr)
        return 1 if wrong else 0
    for page in made - wanted.keys():
        page.unlink()
    for page, text in wanted.items():
        page.parent.mkdir(exist_ok=True)
        page.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
