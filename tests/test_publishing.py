"""What is installed and published beside the code: versions, licences, completions, the image."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facegen.io.weights import Weights
from facegen.version import __version__
from running import REPOSITORY, run_python

SETUP = configparser.ConfigParser(interpolation=None)
SETUP.read(REPOSITORY / "setup.cfg", encoding="utf-8")
SHARE = REPOSITORY / "share"
COMMAND = "import sys; sys.argv[0] = 'facegen'; from facegen.__main__ import main; main()"
HEAVY = {"numpy", "h5py", "PIL", "scipy", "matplotlib", "ai_edge_litert", "tqdm"}


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_citation_and_changelog_name_the_version():
    assert f"\nversion: {__version__}\n" in text_of("CITATION.cff")
    newest = re.findall(r"^## (\S+) \((.*)\)$", text_of("CHANGELOG.md"), re.M)[0]
    assert newest[0] == __version__.removesuffix(".dev0")
    assert (newest[1] == "not released yet") == __version__.endswith(".dev0")


def test_the_default_models_card_names_its_licence_as_the_metadata_do():
    card = Weights.load(REPOSITORY / "weights" / "celeba-vae").file("MODEL_CARD.md").read_text()
    head = card.removeprefix("---\n").partition("---\n")[0]
    said = dict(re.findall(r"^(\w+): (.+)$", head, re.M))
    assert (said["license"], said["library_name"]) == ("other", "facegen")
    reference = f"LicenseRef-{said['license_name']}".lower()
    assert SETUP["metadata"]["license_expression"].lower() == f"mit and {reference}"


def test_all_of_share_is_installed_where_it_lies():
    installed = set()
    for folder, patterns in SETUP["options.data_files"].items():
        found = [path for pattern in patterns.split() for path in REPOSITORY.glob(pattern)]
        assert {path.parent for path in found} == {REPOSITORY / folder}
        installed |= set(found)
    assert installed == {path for path in SHARE.rglob("*") if path.is_file()}


def test_docker_is_given_what_an_installation_needs_and_no_photos():
    lines = [line for line in text_of(".dockerignore").splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    given = {line[1:] for line in lines if line.startswith("!")}
    licences = SETUP["metadata"]["license_files"].split()
    needed = {"facegen", "share", "setup.cfg", "setup.py", "pyproject.toml", "README.md", *licences}
    assert given == needed | {"weights/celeba-vae"}


@pytest.fixture
def facegen_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program facegen, as an installation has it."""
    program = tmp_path / "facegen"
    program.write_text(f"#!{sys.executable}\n{COMMAND}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [("gen", "generate"), ("generate --truncation-", ""), ("generate --trunc", "--truncation")],
)
def test_bash_completes(words: str, expected: str, facegen_on_the_path: None):
    script = (
        f"source {SHARE}/bash-completion/completions/facegen; COMP_WORDS=(facegen {words}); "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _facegen_completion facegen; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == (expected, "")


@pytest.mark.parametrize("words", ["gen", "generate --s"])
def test_a_completion_imports_nothing_that_takes_time(words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_FACEGEN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"facegen {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    show = "import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    done = run_python("-c", f"import sys; {show}; {COMMAND}")
    assert done.stdout.startswith("plain,")
    assert "click" in done.stderr.split()
    assert HEAVY & set(done.stderr.split()) == set()
