"""The library does what the commands do: each calls the public function of its name."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import facegen as package
from running import facegen, run_python
from working_commands import BY_PROCESS, COMMANDS, arguments, commands

STOPPED = """
import sys
from click.testing import CliRunner
import facegen.api.{verb}
import facegen.model.devices
from facegen.cli.main import cli

def stop(*arguments, **options):
    raise SystemExit(7)

facegen.model.devices.limit_hardware = lambda **limits: None
facegen.api.{verb}.{verb} = stop
sys.exit(CliRunner().invoke(cli, sys.argv[1:]).exit_code)
"""


def function_name(command: str) -> str:
    """The name of a command's function. `generate` gives an array; the command writes files."""
    return {"generate": "generate_files"}.get(command, command.replace(" ", "_"))


def test_every_command_has_a_public_function_and_is_tried_here():
    names = {name for name, _ in commands()}
    assert names == COMMANDS.keys() | BY_PROCESS.keys()
    functions = {function_name(name) for name in names}
    assert functions <= set(dir(package))
    assert all(callable(getattr(package, name)) for name in functions | {"generate"})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_calls_its_public_function(
    command: str, sheet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    name = function_name(command)
    function = getattr(package, name)
    calls = []

    @functools.wraps(function)
    def recorder(*values: Any, **options: Any) -> Any:
        calls.append(name)
        return function(*values, **options)

    monkeypatch.setattr(sys.modules[function.__module__], name, recorder)
    done = facegen(*arguments(COMMANDS[command], tmp_path))
    assert done.exit_code == 0, done.output
    assert calls == [name]


@pytest.mark.usefixtures("with_tensorflow")
@pytest.mark.parametrize("command", BY_PROCESS)
def test_a_command_that_brings_tensorflow_calls_its_public_function(
    command: str, work: Path, tmp_path: Path
):
    line = arguments(BY_PROCESS[command], tmp_path)
    assert run_python("-c", STOPPED.format(verb=command), *line, cwd=work).returncode == 7


@pytest.mark.parametrize("name", sorted({function_name(name) for name, _ in commands()}))
def test_a_public_function_says_what_it_takes_and_what_it_raises(name: str):
    function = getattr(package, name)
    text = inspect.getdoc(function) or ""
    missing = [one for one in inspect.signature(function).parameters if not says(text, one)]
    assert missing == []
    assert "Raises:" in text


def says(text: str, parameter: str) -> bool:
    """Whether the Args of a docstring have a parameter, alone or beside others."""
    return re.search(rf"^    (\w+, )*{parameter}(, \w+)*:", text, re.MULTILINE) is not None
