"""Bad input: a clear line, the right exit code, nothing lost and nothing half-written.

The cases are in bad_input_cases.py; docs/bad-input.md shows them as tables.
"""

from __future__ import annotations

import importlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from bad_files import folder, picture
from bad_input_cases import CASES, DONE, SKIPPED, Case
from facegen import signals
from facegen.__main__ import main
from running import REPOSITORY, TESTS, python_environment

# Takes root's way around permission bits away.
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@dataclass
class Done:
    code: int
    stdout: str
    stderr: str


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the weights that come with facegen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACEGEN_WEIGHTS", raising=False)
    return tmp_path


def run_here(command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Done:
    """Runs the command in this process, all of it but the handlers of signals."""
    monkeypatch.setattr(sys, "argv", ["facegen", *shlex.split(command)])
    monkeypatch.setattr(signals.StopSignals, "install", lambda self: None)
    monkeypatch.setattr(signals.StopSignals, "finish", lambda self: None)
    if Path("stdin").exists():
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("stdin").read_bytes())))
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    return Done(int(ended.value.code or 0), *capfd.readouterr())


def run_without_privileges(command: str) -> Done:
    prefix = WITHOUT_PRIVILEGES if os.geteuid() == 0 else []
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "facegen", *shlex.split(command)],
        env=python_environment(),
        capture_output=True,
        text=True,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def state(folder: Path) -> dict[str, bytes | str]:
    """What is in a folder: files, links, folders and others."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else "no file"
    return found


def matches(line: str, expected: str) -> bool:
    beginning = expected.removesuffix("...").rstrip()
    return line.startswith(beginning) if beginning != expected else line == expected


@pytest.mark.parametrize("case", [case for case in CASES if not case.test], ids=lambda c: c.name)
def test_bad_input(
    case: Case, here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
):
    if case.command.startswith(("train", "refine")) and not find_spec("tensorflow"):
        pytest.skip("needs facegen[train]")
    if case.without_privileges and os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may read and write everything")
    case.make(here)
    before = state(here)
    if case.without_privileges:
        done = run_without_privileges(case.command)
    else:
        done = run_here(case.command, monkeypatch, capfd)
    lines = done.stderr.splitlines()
    if done.code == SKIPPED:
        assert lines.pop() == "facegen: 1 skipped"
    others, said = lines[:-1], lines[-1] if lines else ""
    assert matches(said, case.says), done.stderr
    assert done.code == case.code
    assert "Traceback" not in done.stderr
    if case.code in (0, 1, 3):
        assert all(line.startswith("facegen: skipped ") for line in others), done.stderr
    after = state(here)
    kept = {name: after.get(name) for name in before if name not in case.writes}
    assert kept == {name: value for name, value in before.items() if name not in case.writes}
    assert set(after) - set(before) | set(case.writes) == set(case.writes)
    assert set(case.writes) <= set(after)
    assert (done.stdout == "") == (case.code not in (DONE, SKIPPED) or not case.writes) or (
        case.command.startswith("query")
    )


def test_tests_that_other_files_have_exist():
    for case in CASES:
        if case.test:
            file, name = case.test.split("::")
            assert f"def {name}(" in (TESTS / file).read_text()


def test_the_names_of_cases_are_different():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_an_output_folder_that_vanishes_is_one_clear_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
):
    """A pipe stands for a photo: facegen reads it when the face set has been begun."""
    folder("out")(here)
    os.mkfifo(here / "slow.png")

    def remove_and_write() -> None:
        with (here / "slow.png").open("wb") as pipe:  # waits for its reader
            shutil.rmtree(here / "out")
            pipe.write(picture())

    thread = threading.Thread(target=remove_and_write, daemon=True)
    thread.start()
    done = run_here("prepare slow.png -o out/faces.h5 --workers 1 -q", monkeypatch, capfd)
    thread.join(timeout=10)
    assert done.code == 1
    assert done.stderr == "facegen: the folder out does not exist; create it first\n"
    assert not (here / "out").exists()


def test_the_documentation_shows_these_cases(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(REPOSITORY / "docs")
    page = importlib.import_module("update_bad_input")
    assert page.tables() in page.PAGE.read_text(), "run 'make reference'"
