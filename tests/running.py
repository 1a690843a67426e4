"""How the tests run facegen: a command in this process, or Python in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

import facegen as package
from facegen.cli.main import cli

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent


def facegen(*arguments: object, stdin: str | None = None) -> Result:
    """Runs a facegen command in this process."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)


def run_python(
    *arguments: str | os.PathLike, cwd: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Runs Python in a process of its own, where `facegen` is the one that is tested here."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=python_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def python_environment() -> dict[str, str]:
    """The environment of a subprocess in which `facegen` is the one that is tested here."""
    return {**os.environ, "PYTHONPATH": str(Path(package.__file__).parent.parent)}
