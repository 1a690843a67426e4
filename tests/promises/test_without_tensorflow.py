"""Without TensorFlow all but training works, and training says in one line what to install."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from facegen import evaluate, refine, train
from facegen.errors import FacegenError
from lower_bounds import lower_bounds
from running import REPOSITORY, run_python

WITHOUT = """
import runpy, sys

sys.modules["tensorflow"] = sys.modules["keras"] = None
sys.argv[0] = "facegen"
runpy.run_module("facegen", run_name="__main__", alter_sys=True)
"""
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "ai_edge_litert": "ai-edge-litert"}
OPTIONAL = {"openTSNE", "ray", "pyarrow", "onnx", "starlette", "uvicorn"}


@pytest.mark.parametrize(
    "command",
    [
        "train faces.h5 -o mine --seed 1",
        "refine mine faces.h5 --seed 1",
        "evaluate faces.h5 -o mine.json",
    ],
)
def test_what_trains_says_in_one_line_what_to_install(command: str, work: Path):
    before = sorted(work.iterdir())
    done = run_python("-c", WITHOUT, *command.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "need TensorFlow: pip install 'facegen[train]', or 'pip install tenso" in done.stderr
    assert sorted(work.iterdir()) == before


@pytest.mark.parametrize(
    "function",
    [
        lambda: train("faces.h5", "mine"),
        lambda: refine("mine", "faces.h5"),
        lambda: evaluate("faces.h5", networks=True),
    ],
)
def test_the_functions_say_it_too(
    function: Callable[[], object], work: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    before = sorted(work.iterdir())
    with pytest.raises(FacegenError, match="need TensorFlow: pip install"):
        function()
    assert sorted(work.iterdir()) == before


@pytest.mark.parametrize(
    "command",
    [
        "prepare photo.png --size 32 --test-fraction 0 -q -o {}.h5",
        "generate --seed 1 -o {}.png",
        "sharpen photo.png --sharpen 2 -o {}.png",
        "reconstruct photo.png --align no --seed 1 -o {}.png",
        "encode faces.h5 --seed 1 -q -o {}.h5",
        "query latents.h5 --limit 2",
        "export latents.h5 --csv -o {}.csv",
        "export latents.h5 --sqlite -o {}.db",
        "export latents.h5 --projector -o {}",
        "fit latents.h5 -q -o {}.h5",
        "generate --sampler sampler.h5 --seed 1 -o {}.png",
        "attributes latents.h5 -q -o {}.h5",
        "attributes latents.h5 --unsupervised -q -o {}.h5",
        "edit photo.png --align no --attributes attributes.h5 --attribute Smiling=1 -o {}.png",
        "morph photo.png seed:1 --align no -o {}.gif",
        "analyze radius latents.h5",
        "analyze clusters latents.h5",
        "evaluate faces.h5 --pixels-only --n 12 -q -o {}.json",
        "info latents.h5",
    ],
)
def test_everything_else_works(command: str, work: Path, tmp_path: Path):
    done = run_python("-c", WITHOUT, *command.format(tmp_path / "new").split())
    assert done.returncode == 0, done.stderr
    assert done.stdout


def third_party_imports() -> set[str]:
    """The modules that facegen imports, those of Python and its own left out."""
    found = set()
    for path in (REPOSITORY / "facegen").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"facegen"}


def test_the_base_declares_what_it_imports_and_tensorflow_is_an_extra():
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    base = set(re.findall(r"^[\w-]+", setup["options"]["install_requires"], re.M))
    imported = {DISTRIBUTIONS.get(name, name) for name in third_party_imports() - OPTIONAL}
    assert imported - {"tensorflow", "keras"} == base
    assert "tensorflow >=" in setup["options.extras_require"]["train"]


def test_each_lower_bound_becomes_a_constraint():
    extra = "[options.extras_require]\nb =\n    c-d >= 1\n    e\n"
    text = f"[options]\ninstall_requires =\n    numpy >= 2.0\n{extra}"
    assert lower_bounds(text) == ["c-d == 1", "numpy == 2.0"]
    found = "\n".join(lower_bounds((REPOSITORY / "setup.cfg").read_text()))
    assert "h5py == " in found
    assert "tensorflow == " in found
