"""No name draws on a terminal, and every name comes out of a pipe as it went in."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facegen.api.encode import encode
from facegen.errors import InputError
from facegen.images.animation import save_animation
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.model.devices import limit_hardware
from facegen.strict_json import to_json_line
from running import facegen, python_environment, run_python
from toys import draw_photo

EVIL = "a\x1b[31m\x1b]0;title\x07\x9b31m\r\n\N{RIGHT-TO-LEFT OVERRIDE}.png"
SHOWN = r"a\x1b[31m\x1b]0;title\x07\x9b31m\r\n\u202e.png"
NOT_UTF8 = os.fsdecode(b"caf\xe9")


def on_terminal(*arguments: object, cwd: Path) -> tuple[int, str]:
    """Runs facegen with a terminal as its stdout and stderr; its exit code, and what came there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(
        [sys.executable, "-m", "facegen", *map(str, arguments)],
        cwd=cwd,
        env=python_environment(),
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:  # how Linux says that a terminal has no other side any more
        pass
    os.close(ours)
    return process.wait(), b"".join(parts).decode().replace("\r\n", "\n")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """A photo in `tmp_path`, by its evil name."""
    draw_photo(40, 40).save(tmp_path / EVIL, format="PNG")
    return EVIL


@pytest.fixture
def evil_store(toy_faces: Path, toy_weights: Path, tmp_path: Path) -> Path:
    """A store of 30 rows, all with the evil name and labels."""
    with FaceSet.open(toy_faces) as faces:
        images = faces.images[:30]
    with FaceSetWriter(tmp_path / "f.h5", size=32, source="x", crop="none") as writer:
        writer.append(images, [EVIL] * 30)
        writer.set_split(np.arange(30) == 29)
        writer.set_labels(None, np.array([[1], [-1]] * 15, np.int8), [EVIL])
    encode([tmp_path / "f.h5"], tmp_path / "latents.h5", weights=toy_weights, seed=1)
    return tmp_path / "latents.h5"


def test_a_written_path_is_shown_as_escapes_on_a_terminal(photo: str, tmp_path: Path):
    assert on_terminal("sharpen", photo, "-o", "out", cwd=tmp_path) == (0, f"out/{SHOWN}\n")


def test_a_written_path_comes_out_of_a_pipe_as_its_bytes(photo: str, tmp_path: Path):
    command = [sys.executable, "-m", "facegen", "sharpen", photo, "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=python_environment(), capture_output=True)
    assert (done.returncode, done.stdout) == (0, os.fsencode(f"out/{EVIL}\n"))
    assert (tmp_path / "out" / EVIL).exists()


def test_names_of_a_store_are_shown_as_escapes_on_a_terminal(
    evil_store: Path, toy_weights: Path, tmp_path: Path
):
    here = {"cwd": tmp_path}
    code, shown = on_terminal("query", evil_store, "--csv", "--limit", "1", **here)
    header, row = shown.splitlines()
    assert (code, header) == (0, f'row,name,split,radius,"{SHOWN}"')
    assert row.startswith(f'0,"{SHOWN}",train,')
    code, shown = on_terminal("query", evil_store, "--limit", "2", **here)
    rows = [line.split("\t") for line in shown.splitlines()]
    assert (code, [row[3] for row in rows]) == (0, [SHOWN, SHOWN])
    command = ["generate", "--nearest", evil_store, "--weights", toy_weights, "--n", "1"]
    code, shown = on_terminal(*command, "--seed", "1", "-o", "n.png", **here)
    assert code == 0
    assert f", {SHOWN}\n" in shown
    code, shown = on_terminal("attributes", evil_store, "--min-count", "2", "-o", "a.h5", **here)
    assert code == 0
    assert f"\n{SHOWN} " in shown
    assert "\x1b" not in shown


def test_csv_and_json_of_a_pipe_hold_names_as_they_are(evil_store: Path):
    table = list(
        csv.DictReader(io.StringIO(facegen("query", evil_store, "--csv").stdout_bytes.decode(), ""))
    )
    assert [row["name"] for row in table] == [EVIL] * 30
    lines = facegen("query", evil_store, "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == [EVIL] * 30


def test_an_exported_csv_holds_names_with_line_breaks(evil_store: Path, tmp_path: Path):
    facegen("export", evil_store, "--csv", "-o", tmp_path / "points.csv")
    with (tmp_path / "points.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [EVIL] * 30


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["prepare", EVIL], 1, f"facegen: {SHOWN} does not exist".replace(r"\r\n", r"\r ")),
        (["generate", "--seed", EVIL], 2, SHOWN),
        (["generate", EVIL], 2, SHOWN),
        (["--debug", "prepare", EVIL], 1, "MissingFileError"),
    ],
)
def test_errors_draw_nothing_on_a_terminal(
    arguments: list[str], code: int, line: str, tmp_path: Path
):
    found, shown = on_terminal(*arguments, cwd=tmp_path)
    assert found == code
    assert line in shown
    assert [c for c in shown if not c.isprintable() and c != "\n"] == []


def test_a_warning_of_a_library_draws_nothing_on_a_terminal(tmp_path: Path):
    program = (
        "import warnings; from facegen.cli.terminal import standard_streams\n"
        "with standard_streams(): warnings.warn('\\x1b[31m' + chr(0x9b))"
    )
    done = run_python("-c", program)
    assert r"UserWarning: \x1b[31m\x9b" in done.stderr


def test_a_progress_bar_is_drawn_on_a_terminal_with_messages_above_it(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "bad.png").touch()
    draw_photo(40, 40).save(tmp_path / "photos" / "good.png")
    _, shown = on_terminal("prepare", "photos", "--workers", "1", "--size", "16", cwd=tmp_path)
    assert "facegen: skipped bad.png: the file is empty\n" in shown
    assert re.search(r"\r100%\|█+\| 2\.00/2\.00 \[", shown)


OUTPUTS = {
    "generate": "generate --n 1 --seed 1 -o generate-NAME.png",
    "individual": "generate --n 1 --seed 1 --individual individual-NAME",
    "face set": "generate --n 1 --seed 1 -o face-set-NAME.h5",
    "sharpen": "sharpen photo.png -o sharpen-NAME.png",
    "prepare": "prepare photo.png -o prepare-NAME.h5 --test-fraction 0 --workers 1",
    "encode": "encode faces.h5 -o encode-NAME.h5",
    "merge": "merge part-1.h5 part-2.h5 -o merge-NAME.h5",
    "export": "export latents.h5 --csv -o export-NAME.csv",
    "fit": "fit latents.h5 -o fit-NAME.h5",
    "attributes": "attributes latents.h5 -o attributes-NAME.h5",
    "edit": "edit seed:5 --attributes attributes.h5 --attribute Smiling=1 -o edit-NAME.png",
    "morph": "morph seed:5 seed:6 --steps 1 -o morph-NAME.gif",
    "reconstruct": "reconstruct photo.png --align no -o reconstruct-NAME.png",
    "evaluate": "evaluate faces.h5 --n 12 --pixels-only -o evaluate-NAME.json",
}


@pytest.mark.parametrize("line", OUTPUTS.values(), ids=OUTPUTS)
def test_an_output_whose_name_is_not_utf8_is_written_and_printed_as_its_bytes(
    line: str, work: Path
):
    command = line.replace("NAME", NOT_UTF8).split()
    done = facegen(*command)
    assert done.exit_code == 0, done.exception
    (name,) = [word for word in command if NOT_UTF8 in word]
    assert done.stdout_bytes == os.fsencode(f"{name}\n")
    assert (work / name).exists()
    again = facegen(*command, "--force", "--json")
    path = json.loads(again.stdout)["path"]
    assert path.encode() == name.encode(errors="surrogateescape").replace(b"\xe9", b"\xef\xbf\xbd")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("caf\udce9", '"caf\\ufffd"'),
        ("\ud83d\ude00 \U0001f600", '"\\ud83d\\ude00 \\ud83d\\ude00"'),
        ("\ud83dx\ude00", '"\\ufffdx\\ufffd"'),
        ({"\udcff": ["\x1b\x9b\x7f\n"]}, '{"\\ufffd": ["\\u001b\\u009b\\u007f\\n"]}'),
        (r"\ud800", r'"\\ud800"'),
    ],
)
def test_json_is_ascii_that_every_parser_takes(value: Any, line: str):
    assert to_json_line(value) == line


def test_names_on_standard_input_end_at_line_breaks_alone(tmp_path: Path):
    names = ["caf\udce9.png", "a\u2028b.png", "c\x85d.png", "e\x0cf.png", "g\rh.png", "i\x1cj.png"]
    for name in names:
        draw_photo(20, 20).save(tmp_path / name, format="PNG")
    listed = os.fsencode("\n".join(names))
    done = prepare_from_stdin(listed, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["faces"] == 6


def prepare_from_stdin(listed: bytes, *more: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "facegen", "prepare", "-", *more, "--json", "-q"]
    return subprocess.run(
        [*command, "--workers", "1", "--size", "16", "--test-fraction", "0"],
        input=listed,
        cwd=cwd,
        env=python_environment(),
        capture_output=True,
    )


@pytest.mark.parametrize("option", ["-0", "--null"])
def test_with_null_names_end_at_zero_bytes(option: str, tmp_path: Path):
    names = [b"a\nb.png", b"caf\xe9\n.png", b"c.png"]
    for name in names:
        draw_photo(20, 20).save(tmp_path / os.fsdecode(name), format="PNG")
    done = prepare_from_stdin(b"\0".join(names) + b"\0", option, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["faces"] == 3


@pytest.mark.parametrize("verb", ["prepare", "sharpen", "encode", "edit"])
def test_null_goes_with_standard_input_alone(verb: str, work: Path):
    more = ["--attributes", "attributes.h5", "--attribute", "Smiling=1"] if verb == "edit" else []
    done = facegen(verb, "-0", "photo.png", "-o", "null.png", *more)
    assert done.exit_code == 2
    assert "--null goes with -" in done.stderr


def test_json_of_pages_counts_the_faces_of_each(toy_weights: Path, tmp_path: Path):
    output = ["--weights", toy_weights, "--json", "-o", tmp_path / "big.png", "--seed", 1]
    done = facegen("generate", "--columns", 2, "--n", 81, *output)
    pages = [json.loads(line) for line in done.stdout.splitlines()]
    # 20 rows of 2 faces a page
    assert [(Path(page["path"]).name, page["faces"]) for page in pages] == [
        ("big-1.png", 40),
        ("big-2.png", 40),
        ("big-3.png", 1),
    ]


def test_json_of_nearest_faces_counts_the_generated_ones_of_each_page(work: Path, tmp_path: Path):
    output = ["--json", "-o", tmp_path / "near.png", "--seed", 1, "--nearest", "latents.h5"]
    done = facegen("generate", "--columns", 2, "--n", 21, *output)
    # 20 rows, of which 10 are of generated faces, of 2 a page
    assert [json.loads(line)["faces"] for line in done.stdout.splitlines()] == [20, 1]


@pytest.mark.parametrize("verb", ["train f.h5 -o w", "refine w f.h5"])
def test_hiding_gpus_and_limiting_their_memory_is_wrong_usage(verb: str):
    done = facegen(*verb.split(), "--cpu-only", "--gpu-memory", 100)
    assert done.exit_code == 2
    assert "Choose one of --cpu-only and --gpu-memory." in done.stderr


def test_a_limit_of_memory_holds_for_every_visible_gpu(monkeypatch: pytest.MonkeyPatch):
    limits: dict[str, list[Any]] = {}
    config = SimpleNamespace(
        list_physical_devices=lambda kind: ["gpu 0", "gpu 1", "gpu 2"],
        get_visible_devices=lambda kind: ["gpu 0", "gpu 2"],
        LogicalDeviceConfiguration=lambda memory_limit: memory_limit,
        set_logical_device_configuration=limits.__setitem__,
    )
    monkeypatch.setitem(
        sys.modules, "tensorflow", SimpleNamespace(config=config, __spec__=object())
    )
    limit_hardware(gpu_memory=500)
    assert limits == {"gpu 0": [500], "gpu 2": [500]}


def test_no_gpus_can_be_hidden_and_limited():
    with pytest.raises(InputError, match="cpu_only hides the GPUs that gpu_memory limits"):
        limit_hardware(cpu_only=True, gpu_memory=500)


@pytest.mark.parametrize("name", ["12:30.mp4", "concat:x.mp4", "-y.mp4", "100%d.mp4"])
def test_a_video_may_have_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("imageio_ffmpeg")
    monkeypatch.chdir(tmp_path)
    save_animation(np.zeros((2, 32, 32, 3), np.uint8), name, {"command": "test"}, fps=5)
    assert os.listdir() == [name]
    assert (tmp_path / name).read_bytes()[4:8] == b"ftyp"
