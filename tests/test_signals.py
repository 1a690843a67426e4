"""A signal at any line of a command: nothing is left behind, and outputs are whole or go on."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from running import run_python

COMMANDS = {
    "prepare": "prepare photos -o out.h5 --size 32 --workers 1 -q",
    "encode": "encode faces.h5 -o out.h5 --weights toy --seed 3 -q",
    "merge": "merge part-1.h5 part-2.h5 -o out.h5",
    "export": "export latents.h5 --csv -o out.csv",
    "fit": "fit latents.h5 -o out.h5 --seed 1",
    "attributes": "attributes latents.h5 -o out.h5",
    "generate": "generate --n 300 --seed 5 -o out.h5 --weights toy",
    "reconstruct": "reconstruct faces.h5 --n 7 --seed 2 -o out.png --weights toy",
    "morph": "morph seed:5:0-2 --steps 3 -o out.gif --weights toy",
}


@pytest.mark.slow
@pytest.mark.parametrize("verb", COMMANDS)
def test_a_signal_at_any_line_leaves_whole_files_or_none(
    verb: str,
    toy_faces: Path,
    toy_weights: Path,
    toy_store: Path,
    photos_folder: Path,
    tmp_path: Path,
):
    inputs = {"faces.h5": toy_faces, "toy": toy_weights, "latents.h5": toy_store}
    inputs |= {name: toy_store.with_name(name) for name in ("part-1.h5", "part-2.h5")}
    for name, path in {**inputs, "photos": photos_folder}.items():
        (tmp_path / name).symlink_to(path)
    script = Path(__file__).with_name("stop_at_lines.py")
    done = run_python(script, "20", *shlex.split(COMMANDS[verb]), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
