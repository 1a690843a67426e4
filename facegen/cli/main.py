"""The command line: its verbs, and what it says of errors."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

import click

from facegen.cli.options import PATH
from facegen.cli.terminal import StandardOutputError, printable, write_messages
from facegen.errors import FacegenError
from facegen.io.inputs import keep_inputs
from facegen.version import __version__

COMMANDS = (
    "prepare",
    "train",
    "refine",
    "generate",
    "sharpen",
    "reconstruct",
    "encode",
    "merge",
    "query",
    "export",
    "fit",
    "attributes",
    "edit",
    "morph",
    "explore",
    "reproduce",
    "analyze",
    "evaluate",
    "info",
)


class Commands(click.Group):
    """Imports a verb's module, facegen.cli.VERB, when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            if near and not ctx.resilient_parsing:
                ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
            return None
        return importlib.import_module(f"facegen.cli.{name}").command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facegen")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.option(
    "--lock",
    type=PATH,
    metavar="FILE",
    help="For cron: do nothing and exit with 1 while another run holds the same FILE.",
)
@click.pass_context
def cli(context: click.Context, debug: bool, lock: Path | None) -> None:
    """Photos go in, a small set of weights comes out, and from then on a face costs a millisecond.

    \b
    Make 28 new faces with the model that comes with facegen:
        facegen generate

    \b
    Train a model of your own on a folder of photos, and make faces with it:
        facegen prepare photos/ -o faces.h5
        facegen train faces.h5 -o weights/mine
        facegen generate --weights weights/mine
    """
    context.with_resource(keep_inputs())
    if lock is not None:
        from facegen.io.locks import hold_lock

        context.with_resource(hold_lock(lock, f"holds the lock {lock}; its run is not done"))


def run() -> int:
    """Runs the command line and returns the exit code."""
    code = cli.main(standalone_mode=False)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def report(error: BaseException) -> int:
    """Prints an error that `run` raised, as its reader needs it, and returns the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):  # click has answered a shell's question for completions
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # the help, which is ours
        error.show()
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.message = printable(error.message)  # type: ignore[misc]
        error.show()
        return error.exit_code
    if isinstance(error, StandardOutputError) and error.reader_left:
        return 0
    if "--debug" in sys.argv:
        traceback.print_exception(error)
    message = " ".join(str(error).split("\n"))
    if isinstance(error, MemoryError):
        message = "not enough memory"
    elif not isinstance(error, FacegenError):
        message = f"unexpected {type(error).__name__}: {message}; 'facegen --debug' shows where"
    write_messages([f"facegen: {message}"])
    return 1
