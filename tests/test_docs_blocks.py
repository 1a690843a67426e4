"""Every console, sh and Python block of README.md and docs/ runs as it stands.

The blocks of a page run in order in a folder of its own, beside files of the names that the pages
use, with the model that comes with facegen. A block that can't run has the comment
<!-- not run: REASON --> on the line before it.

What takes minutes has a stand-in: `train` and `refine` are parsed, and the model that comes with
facegen lies where `train` would have written; `evaluate` does without its networks. What `prepare`
made of a dozen photos makes room for a hundred faces, t-SNE takes 20 steps, and of `pip install` it
is checked that there are such extras.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

from facegen.api.attributes import attributes
from facegen.api.encode import encode
from facegen.api.fit import fit
from facegen.api.generate import generate
from facegen.cli.main import cli
from facegen.images.photos import CELEBA_BOX
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.weights import default_weights_path
from facegen.latent.samplers import Sampler
from facegen.shards import Shard
from running import REPOSITORY, facegen, python_environment
from toys import TOY_ATTRIBUTES

FACES = 100
MOST_MARKERS = 25
SEED = 5  # that is drawn where a command names none: some of its rows are near the origin
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?"
    r"```(?P<language>console|sh|python)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
OF_A_SHELL = set("|<>;&$`*(){}\n")
OUTPUTS = {"-o", "--output"}


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    reason: str | None

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Yields each command of a console block, and what is said to come of it."""
        command, answer = "", list[str]()
        for line in self.text.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, answer
                command, answer = line.removeprefix("$ "), []
            elif command.rstrip().endswith(("|", "\\")):
                command = f"{command}\n{line}"
            else:
                answer.append(line)
        yield command, answer


def pages() -> dict[str, list[Block]]:
    """The blocks of each page that has any."""
    paths = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    found = {}
    for path in paths:
        name = path.relative_to(REPOSITORY).as_posix()
        blocks = [
            Block(match["language"], match["text"], match["reason"])
            for match in BLOCK.finditer(path.read_text())
        ]
        if blocks and not name.startswith("docs/_build"):
            found[name] = blocks
    return found


PAGES = pages()


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of the names that the pages use."""
    folder = tmp_path_factory.mktemp("kit")
    faces = generate(FACES, seed=5, sampler=Sampler(sigma=0.3), decoder="plain")
    labels = 2 * (np.arange(FACES)[:, None] >> np.arange(1, 4) & 1) - 1
    with FaceSetWriter(folder / "faces.h5", size=96, source="generated", crop="none") as writer:
        writer.append(faces, [f"{row:06}.png" for row in range(FACES)])
        writer.set_split(np.arange(FACES) % 2 == 0)
        writer.set_labels(np.arange(FACES, dtype=np.int32), labels.astype(np.int8), TOY_ATTRIBUTES)
    (folder / "photos").mkdir()
    names = ("me.jpg", "you.jpg", "photo.jpg", *(f"photos/{number}.jpg" for number in range(12)))
    for name, face in zip(names, faces, strict=False):
        save_photo(face, folder / name)
    encode([folder / "faces.h5"], folder / "latents.h5", seed=5)
    for part in (1, 2):
        path = folder / f"part-{part}.h5"
        encode([folder / "faces.h5"], path, seed=5, shard=Shard(part, 2))
    for name in ("ae.h5", "vae.h5"):
        shutil.copy(folder / "latents.h5", folder / name)
    attributes(folder / "latents.h5", folder / "attributes.h5")
    fit(folder / "latents.h5", folder / "sampler.h5")
    assert facegen("generate", "--seed", 5, "-o", folder / "faces.png").exit_code == 0
    (folder / "ae-samplers").mkdir()
    (folder / "examples").symlink_to(REPOSITORY / "examples")
    (folder / "weights").mkdir()
    for name in ("ae", "weights/mine"):
        (folder / name).symlink_to(default_weights_path().resolve())
    return folder


def save_photo(face: np.ndarray, path: Path) -> None:
    """A photo in which the face lies as in CelebA's, of twice their size."""
    left, upper, right, lower = CELEBA_BOX
    photo = Image.new("RGB", (178, 218), (90, 80, 75))
    size = (right - left, lower - upper)
    photo.paste(Image.fromarray(face).resize(size, Image.Resampling.BICUBIC), (left, upper))
    photo.resize((356, 436), Image.Resampling.BICUBIC).save(path, quality=95)


@pytest.fixture
def here(kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's folder, which is the current one."""
    folder = tmp_path / "page"
    shutil.copytree(kit, folder, symlinks=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "facegen"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m facegen "$@"\n')
    program.chmod(0o755)
    for name, value in python_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setattr("secrets.randbelow", lambda limit: SEED)
    for name in ("EARLY_ITERATIONS", "ITERATIONS"):  # of t-SNE, to which 1,000 belong
        monkeypatch.setattr(f"facegen.analysis.embedding.{name}", 10)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("FACEGEN_WEIGHTS", raising=False)
    monkeypatch.chdir(folder)
    with threadpool_limits(1):  # threads that wait for each other are slow on a busy machine
        yield folder


class Page:
    """The folder of a page, in which its commands run."""

    def __init__(self, folder: Path, kit: Path):
        self.folder, self.kit = folder, kit
        self.given = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}

    def run_console(self, block: Block) -> None:
        for command, answer in block.commands():
            said = "".join(self.run(part) for part in command.split(" && "))
            for line in answer:
                assert without_numbers(line) in without_numbers(said)

    def run(self, command: str) -> str:
        """Runs a command of a shell; returns what it said."""
        words = shlex.split(command, comments=True)
        if not words or words[0] == "pytest":
            return ""
        if words[:2] == ["pip", "install"]:
            check_extras(words[2:])
            return ""
        self.make_way(words)
        text = command.partition(" #")[0].strip()
        if words[0] != "facegen" or OF_A_SHELL & set(text):
            return run_shell(text)
        if words[1] in ("train", "refine"):
            return self.stand_in(words)
        more = ["--pixels-only"] if words[1] == "evaluate" else []
        done = facegen(*words[1:], *more)
        assert done.exit_code in exit_codes(text), (text, done.output, done.exception)
        if words[1] == "prepare" and not {"--update", "--forget"} & set(words):
            shutil.copy(self.kit / "faces.h5", words[words.index("-o") + 1])
        return done.output

    def make_way(self, words: list[str]) -> None:
        """Removes an output that comes with the folder and not from the page."""
        for flag, value in pairwise(words):
            if flag in OUTPUTS and value in self.given:
                self.given.remove(value)
                path = self.folder / value
                if path.is_file() or path.is_symlink():
                    path.unlink()

    def stand_in(self, words: list[str]) -> str:
        command = cli.get_command(click.Context(cli), words[1])
        assert command is not None
        values = command.make_context(words[1], words[2:]).params
        weights = values.get("output") or values["weights"]
        if not weights.exists():
            weights.parent.mkdir(exist_ok=True)
            weights.symlink_to(default_weights_path().resolve())
        return ""


def outputs_in(python: str) -> Iterator[str]:
    """The files that a block of Python writes: it may say again what commands have done."""
    for node in ast.walk(ast.parse(python)):
        if isinstance(node, ast.Call):
            named = [keyword.value for keyword in node.keywords if keyword.arg == "output"]
            for value in (*node.args[1:2], *named):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def exit_codes(command: str) -> tuple[int, ...]:
    """A report of so few faces tells of what is unhealthy."""
    return (0, 3) if "analyze report" in command else (0,)


def run_shell(text: str) -> str:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text], capture_output=True, text=True, timeout=120
    )
    assert done.returncode in exit_codes(text), (text, done.stdout, done.stderr)
    return done.stdout + done.stderr


def without_numbers(text: str) -> str:
    return re.sub(r"\d+", "N", text)


def lacks_program(text: str) -> bool:
    """Whether a block calls a program of others that isn't here."""
    called = re.findall(r"(?:\$|\|) (jq|exiftool)\b", text)
    return not all(map(shutil.which, called))


def check_extras(words: list[str]) -> None:
    """What pip is told to install is this checkout, with extras that there are."""
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg")
    for word in words:
        match = re.fullmatch(r"(?:\.|facegen)(?:\[([a-z,]+)\])?", word)
        assert match, word
        assert set((match[1] or "test").split(",")) <= set(settings["options.extras_require"])


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_of_a_page_run(name: str, here: Path, kit: Path):
    page, names = Page(here, kit), {"__name__": "__main__"}
    for block in PAGES[name]:
        if block.reason is not None or lacks_program(block.text):
            continue
        if block.language == "console":
            page.run_console(block)
        elif block.language == "sh":
            run_shell(block.text)
        else:
            for output in map(Path, outputs_in(block.text)):
                for path in (output, output.with_suffix(".json")):  # a report has its numbers there
                    path.unlink(missing_ok=True)
            exec(compile(block.text, name, "exec"), names)


def test_few_blocks_are_not_run_and_each_has_its_reason():
    texts = [(REPOSITORY / name).read_text() for name in PAGES]
    markers = sum(text.count("<!-- not run") for text in texts)
    reasons = [block.reason for blocks in PAGES.values() for block in blocks if block.reason]
    assert markers == len(reasons) <= MOST_MARKERS


def test_the_runner_finds_blocks_commands_and_answers():
    text = "```console\n$ facegen query x |\n    head -1\na\n$ true  # b\n```\n"
    marked = f"<!-- not run: it takes hours -->\n{text}"
    (block,) = (Block(m["language"], m["text"], m["reason"]) for m in BLOCK.finditer(marked))
    assert block.reason == "it takes hours"
    assert list(block.commands()) == [
        ("facegen query x |\n    head -1", ["a"]),
        ("true  # b", []),
    ]
