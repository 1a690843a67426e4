"""python docs/update_readme.py [--check]: writes every command's help into README.md.

With --check it changes nothing and exits with 1 if the README is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from sections import write_or_check

from facegen.cli.main import COMMANDS, cli

README = Path(__file__).parent.parent / "README.md"
SECTION = "made by docs/update_readme.py"


def help_text(command: click.Command, name: str) -> str:
    """The help page of a command, and of each of its subcommands, as Markdown."""
    context = click.Context(command, info_name=name, terminal_width=90, max_content_width=90)
    pages = [f"### {name}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        pages += [help_text(sub, f"{name} {verb}") for verb, sub in command.commands.items()]
    return "\n".join(pages)


def reference() -> str:
    """The help pages of all commands."""
    pages = [""]
    for verb in COMMANDS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        pages.append(help_text(command, f"facegen {verb}"))
    return "\n".join(pages)


if __name__ == "__main__":
    sys.exit(write_or_check(README, SECTION, reference()))
