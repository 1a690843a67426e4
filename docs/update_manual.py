"""python docs/update_manual.py [--check]: writes share/, which is installed as it is.

A manual page for each command, made of its `--help`, and the files by which bash, zsh and fish
complete commands and options, made by Click. With --check it changes nothing and exits with 1 if a
file is out of date.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import click
from click.shell_completion import ShellComplete, get_completion_class
from update_reference import commands, split_help

from facegen import __main__
from facegen.cli.main import cli

SHARE = Path(__file__).parent.parent / "share"
COMPLETIONS = {  # where each shell looks, under a share/ that it knows
    "bash": "bash-completion/completions/facegen",
    "zsh": "zsh/site-functions/_facegen",
    "fish": "fish/vendor_completions.d/facegen.fish",
}
WEIGHTS = "A folder of weights to use where no \\-\\-weights says which."


def escaped(text: str) -> str:
    """Plain text for roff: nothing in it is a request, and dashes can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.M)


def bold(text: str) -> str:
    return f"\\fB{escaped(text)}\\fR"


def paragraphs(texts: list[str]) -> str:
    return "\n.PP\n".join(escaped(" ".join(text.split())) for text in texts)


def listed(rows: list[tuple[str, str]]) -> str:
    """Terms, which are roff, with what is said of them."""
    return "\n".join(f".TP\n{term}\n{text}" for term, text in rows)


def literal(lines: str) -> str:
    return f".nf\n{escaped(lines)}\n.fi"


def manual_page(name: str, sections: dict[str, str]) -> str:
    """A page of section 1. It has no date and no version: it changes when a command does."""
    title = escaped(name.upper().replace(" ", "-"))
    parts = [f".SH {section}\n{text}\n" for section, text in sections.items() if text]
    return f'.\\" made by docs/update_manual.py\n.TH {title} 1 "" facegen\n{"".join(parts)}'


def context_of(command: click.Command, name: str) -> click.Context:
    """As main's, whose --help has a short form."""
    return click.Context(command, info_name=name, help_option_names=["-h", "--help"])


def common_sections(name: str, command: click.Command, summary: str) -> dict[str, str]:
    """What stands first on each page."""
    usage = " ".join(command.collect_usage_pieces(context_of(command, name)))
    page = escaped(name.replace(" ", "-"))
    return {
        "NAME": f"{page} \\- {escaped(summary.rstrip('.'))}",
        "SYNOPSIS": f"{bold(name)} {escaped(usage)}",
    }


def options(command: click.Command, name: str) -> str:
    context = context_of(command, name)
    found = (item for item in command.get_params(context) if isinstance(item, click.Option))
    records = filter(None, (option.get_help_record(context) for option in found))
    return listed([(bold(flags), escaped(text)) for flags, text in records])


def command_page(name: str, command: click.Command) -> str:
    """The page facegen-VERB."""
    (summary, *texts), examples = split_help(command)
    name = f"facegen {name}"
    return manual_page(
        name,
        {
            **common_sections(name, command, " ".join(summary.split())),
            "DESCRIPTION": paragraphs([summary, *texts]),
            "OPTIONS": options(command, name),
            "COMMANDS": commands_of(command, name) if isinstance(command, click.Group) else "",
            "EXAMPLES": literal("\n".join(examples)),
            "SEE ALSO": f"{bold('facegen')}(1)",
        },
    )


def commands_of(group: click.Group, name: str) -> str:
    """The commands of a group, with the pages that they have."""
    context = context_of(group, name)
    found = [(verb, group.get_command(context, verb)) for verb in group.list_commands(context)]
    return listed(
        [
            (
                f"{bold(f'{name}-{verb}'.replace(' ', '-'))}(1)",
                escaped(command.get_short_help_str(200)),
            )
            for verb, command in found
            if command is not None
        ]
    )


def main_page() -> str:
    """The page facegen."""
    summary, *examples = inspect.cleandoc(cli.help or "").split("\n\n\b\n")
    codes = re.findall(r"Exit codes: (.*)", __main__.__doc__ or "", re.S)[0]
    return manual_page(
        "facegen",
        {
            **common_sections("facegen", cli, "makes faces of people who don't exist"),
            "DESCRIPTION": paragraphs([summary]),
            "COMMANDS": commands_of(cli, "facegen"),
            "OPTIONS": options(cli, "facegen"),
            "EXAMPLES": literal("\n\n".join(examples)),
            "EXIT STATUS": paragraphs([codes]),
            "ENVIRONMENT": listed([(bold("FACEGEN_WEIGHTS"), WEIGHTS)]),
        },
    )


def completion(shell: str) -> str:
    """What makes a shell ask facegen."""
    kind = get_completion_class(shell)
    assert kind is not None
    # Not the kind's own, which runs bash to see its version.
    return ShellComplete.source(kind(cli, {}, "facegen", "_FACEGEN_COMPLETE"))


def files() -> dict[Path, str]:
    """All files under share/."""
    found = {SHARE / path: completion(shell) for shell, path in COMPLETIONS.items()}
    manual = SHARE / "man" / "man1"
    found[manual / "facegen.1"] = main_page()
    for name, command in commands():
        page = manual / f"facegen-{name.replace(' ', '-')}.1"
        found[page] = command_page(name, command)
    return found


def main() -> int:
    wanted = files()
    there = {path for path in SHARE.rglob("*") if path.is_file()}
    if "--check" in sys.argv:
        wrong = {
            path for path, text in wanted.items() if path not in there or path.read_text() != text
        }
        for path in sorted(wrong | (there - wanted.keys())):
            print(
                f"{path.relative_to(SHARE.parent)} is out of date; run 'make reference'",
                file=sys.stderr,
            )
        return 1 if wrong or there - wanted.keys() else 0
    for path in there - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
