"""python docs/update_readme.py [--check]: writes every command's help into README.md.

With --check it changes nothing and exits with 1 if the README is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from facegen.cli import COMMANDS, cli

README = Path(__file__).parent.parent / "README.md"
BEGIN = "<!-- reference: made by docs/update_readme.py -->\n"
END = "<!-- end of reference -->\n"


def help_text(command: click.Command, name: str) -> str:
    """The help page of a command, and of each of its subcommands, as Markdown."""
    context = click.Context(command, info_name=name, terminal_width=90, max_content_width=90)
    pages = [f"### {name}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        pages += [help_text(sub, f"{name} {verb}") for verb, sub in command.commands.items()]
    return "\n".join(pages)


def reference() -> str:
    """The help pages of all commands."""
    pages = []
    for verb in COMMANDS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        pages.append(help_text(command, f"facegen {verb}"))
    return "\n".join(pages)


def main() -> int:
    text = README.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    updated = f"{before}{BEGIN}\n{reference()}\n{END}{after}"
    if "--check" in sys.argv:
        if updated != text:
            print("README.md is out of date; run 'make reference'", file=sys.stderr)
        return int(updated != text)
    README.write_text(updated)
    return 0


if __name__ == "__main__":
    sys.exit(main())
