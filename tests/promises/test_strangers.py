"""What strangers write into files is checked and bounded before it is believed.

A stranger's file can't make info or reproduce take all memory or time, fail with a traceback, or
write anything but what the file itself has room for.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from facegen.errors import FacegenError
from facegen.images import animation
from facegen.io.provenance import (
    MAX_PROVENANCE_BYTES,
    MAX_PROVENANCE_DEPTH,
    MAX_PROVENANCE_PARTS,
    PROVENANCE_KEY,
    parse_provenance,
)
from facegen.recipes.document_info import document_durations
from running import facegen, python_environment

COMMANDS = {
    "sheet.png": "generate --n 4 --seed 5 --columns 2",
    "moved.png": "generate --n 2 --seed 5 --radius-percentile 5-95 --attribute Smiling=1 "
    "--attributes attributes.h5",
    "stored.png": "generate --latents latents.h5 --rows 3,5-7",
    "nearest.png": "generate --n 2 --seed 5 --nearest latents.h5 --faces faces.h5",
    "reconstructed.png": "reconstruct faces.h5 --n 3 --seed 1",
    "stacked.png": "reconstruct faces.h5 --seed 1 --seed 2 --columns 2 --points mu,z",
    "edited.png": "edit photo.png seed:5 --attribute Smiling=1 --steps 2 --align no "
    "--attributes attributes.h5",
    "along.png": "edit seed:5 --attribute pc-1=1 --steps 1 --attributes components.h5",
    "morphed.png": "morph seed:5 seed:6 --steps 2",
    "single.png": "edit seed:5:3 --sampler sampler.h5 --radius 3 --single",
    "mixed.png": "morph seed:5:0-3 --r-limit 2 --mix 0.25,0.5",
    "square.png": "morph seed:5:0-3 --square 3",
    "a.gif": "morph seed:5 seed:6 --steps 2 --scale 1",
    "a.webp": "morph seed:5 latents.h5:7 --steps 2 --scale 1",
    "new.h5": "generate --n 3 --seed 5",
    "gaussian.h5": "fit latents.h5",
    "directions.h5": "attributes latents.h5",
    "knobs.h5": "attributes latents.h5 --unsupervised",
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 0, 10**9, 2**63, 10**400, 1e300, 1e-300, float("inf"), float("nan")]),
    st.floats(),
    st.text(max_size=9),
    st.sampled_from([*("0-999999999", "0-999999999999999999", "1,1,1,1", "9" * 5000, "1," * 5000)]),
    st.sampled_from(
        [*("\0", "/dev/zero", "/proc/kcore", "..", "a\nb", "\x1b[2J", "plain", "faces.h5")]
    ),
    st.just([]),
    st.just({}),
    st.just([[]] * 1000),
    st.just({"seed": 5, "row": 3}),
    st.just([{"seed": 5, "row": 3}] * 500),
)


@pytest.fixture(scope="module")
def own(files: Path, toy_weights: Path) -> dict[str, dict[str, Any]]:
    """What facegen's own outputs say of themselves; the outputs lie beside their materials."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(files)
        patch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
        for name, command in COMMANDS.items():
            made = facegen(*command.split(), "-o", name)
            assert made.exit_code == 0, (made.output, made.exception)
            found[name] = json.loads(facegen("info", name, "--json").stdout)["provenance"]
        cut = facegen("reproduce", "sheet.png", "--cell", "2,2", "--size", "40", "-o", "cut.png")
        assert cut.exit_code == 0, cut.exception
        found["cut.png"] = json.loads(facegen("info", "cut.png", "--json").stdout)["provenance"]
    return found


def rewrite(source: str, target: str, provenance: Any) -> None:
    """A file with another provenance, all else as it was."""
    text = json.dumps(provenance)
    if source.endswith(".h5"):
        shutil.copy(source, target)
        with h5py.File(target, "a") as file:
            file.attrs["provenance"] = text
        return
    with Image.open(source) as image:
        options: dict[str, Any] = {"save_all": not source.endswith(".png")}
        if source.endswith(".png"):
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt(PROVENANCE_KEY, text)
        elif source.endswith(".gif"):
            options["comment"] = text.encode()
        else:
            options["exif"] = Image.Exif()
            options["exif"][0x010E] = text
        image.save(target, **options)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths of all values inside a JSON value."""
    if not isinstance(value, dict | list):
        return [path]
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(place for key, item in inside for place in places(item, (*path, key)))]


def put(value: Any, path: tuple, new: Any) -> Any:
    """A JSON value in which one inside is replaced; "plain" takes it away."""
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = put(copied[path[0]], path[1:], new)
    if copied[path[0]] == "plain" and isinstance(copied, dict):
        del copied[path[0]]
    return copied


def answers(*arguments: object) -> float:
    """Runs a command, which succeeds or says one clear line; returns the seconds it took."""
    start = time.monotonic()
    done = facegen(*arguments)
    took = time.monotonic() - start
    if done.exit_code:
        assert isinstance(done.exception, FacegenError), repr(done.exception)
        assert len(str(done.exception)) < 10_000
    return took


@pytest.mark.parametrize("name", [*COMMANDS, "cut.png"])
def test_whatever_a_provenance_says_the_answer_is_quick_and_clear(
    name: str, own: dict[str, dict], work: Path, tmp_path: Path
):
    suffix = Path(name).suffix
    target, output = f"stranger{suffix}", f"stranger-reproduced{suffix}"
    paths = [path for path in places(own[name]) if path and path[0] != "facegen_version"]

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(paths), ODD, min_size=1, max_size=3))
    def check(changes: dict[tuple, Any]) -> None:
        changed: Any = own[name]
        for path, new in sorted(changes.items(), key=lambda change: -len(change[0])):
            changed = put(changed, path, new)
        rewrite(name, target, changed)
        for arguments in (["info", target], ["info", target, "--json"], ["reproduce", target]):
            assert answers(*arguments) < 10  # 2 s where nothing else runs
        Path(output).unlink(missing_ok=True)

    before = set(os.listdir())
    check()
    assert set(os.listdir()) - before <= {target}


HUGE: dict[str, tuple[str, dict[str, Any]]] = {
    "rows": ("sheet.png", {"rows": "0-999999999"}),
    "all rows at once": ("new.h5", {"rows": "0-999999999"}),
    "rows of a page": ("sheet.png", {"rows": "0-99999"}),
    "steps of a strip": ("morphed.png", {"steps": 10**6}),
    "steps of an animation": ("a.gif", {"steps": 1000}),
    "steps of a WebP": ("a.webp", {"steps": 10**6}),
    "steps of an edit": ("edited.png", {"steps": 100}),
    "models of a stack": ("stacked.png", {"more_weights": [{"name": "toy"}] * 50}),
    "seeds of a stack": ("stacked.png", {"seeds": [1] * 5000}),
    "side of a square": ("square.png", {"square": 10**6}),
    "a square of a single picture": ("mixed.png", {"square": 1000, "mix": [0.5]}),
    "points of a mix": ("mixed.png", {"points": [{"seed": 5, "row": 3}] * 5}),
    "scale of a square": ("square.png", {"scale": 1000}),
    "scale": ("a.gif", {"scale": 32}),
    "scale of a strip": ("morphed.png", {"scale": 1000}),
    "points": ("morphed.png", {"points": [{"seed": 5, "row": 3}] * 5000}),
    "components": ("gaussian.h5", {"kind": "mixture", "components": 200}),
    "columns": ("sheet.png", {"grid": {"count": 10**9, "columns": 10**9, "height": 32}}),
    "sharpened": ("sheet.png", {"sharpened": [{"sharpness": 3}] * 50_000}),
    "a larger sheet before the cut": (
        "cut.png",
        {
            "rows": "0-3999999",
            "reproduced": {"cell": None, "size": 40},
            "reproduced_from": {
                "grid": {"count": 4_000_000, "columns": 2000, "height": 32, "width": 32}
                | {"gap": 4, "margin": 4}
            },
        },
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_a_file_has_no_room_for_is_refused(
    name: str, own: dict[str, dict], work: Path, monkeypatch: pytest.MonkeyPatch
):
    def make_nothing(*arguments: object) -> None:
        raise AssertionError("something is made")

    source, changes = HUGE[name]
    suffix = Path(source).suffix
    rewrite(source, f"stranger{suffix}", {**own[source], **changes})
    monkeypatch.setattr("facegen.api.reproduce.remake", make_nothing)
    start = time.monotonic()
    done = facegen("reproduce", f"stranger{suffix}")
    assert time.monotonic() - start < 2
    assert isinstance(done.exception, FacegenError), repr(done.exception)
    assert f"stranger{suffix}: " in str(done.exception)
    assert not Path(f"stranger-reproduced{suffix}").exists()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, text: bytes, *more: bytes, behind: bool = False) -> bytes:
    """A PNG of black pixels, one bit each, however large; the text stands before them or behind."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    packer = zlib.compressobj(1)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(row * 64) for _ in range(height // 64)) + packer.flush()
    pixels, said = chunk(b"IDAT", data), chunk(b"iTXt", b"facegen\0\0\0\0\0" + text)
    parts = (pixels, said) if behind else (said, pixels)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + b"".join(parts) + chunk(b"IEND", b"")


def deep(depth: int) -> bytes:
    return b'{"facegen_version": "0", "a": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


MADE = json.dumps(
    {
        "facegen_version": "0.1.0",
        "command": "generate",
        "weights": {"name": "celeba-vae"},
        "sampler": {"name": "normal", "sigma": 1.0},
        "seed": 5,
        "rows": "0-999999999",
        "sharpening": None,
        "grid": {"count": 2, "columns": 2, "height": 96, "width": 96, "gap": 4, "margin": 4},
    }
).encode()
FRAME = b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
FILES: dict[str, Callable[[], bytes]] = {
    "rows.png": lambda: png(204, 104, MADE),
    "large.png": lambda: png(20_000, 19_968, MADE),
    "text-behind.png": lambda: png(20_000, 4992, MADE, behind=True),
    "too-large.png": lambda: png(30_000, 29_952, MADE),
    "lists.png": lambda: png(64, 64, b'{"facegen_version": [' + b"[]," * 2_000_000 + b"1]}"),
    "numbers.png": lambda: png(64, 64, b'{"a": [' + b"1.5," * 1_000_000 + b"1]}"),
    "names.png": lambda: png(
        64, 64, b"{" + b",".join(b'"%x":1' % i for i in range(400_000)) + b"}"
    ),
    "deep.png": lambda: png(64, 64, deep(2000)),
    "text.png": lambda: png(64, 64, b"{" + b" " * 60_000_000 + b"}"),
    "chunks.png": lambda: png(64, 64, MADE, chunk(b"prVt", b"") * 2_000_000),
    "comment.gif": lambda: gif(b"!\xfe" + (b"\xff" + b"{" * 255) * 300_000 + b"\0"),
    "frames.gif": lambda: gif(FRAME * 3_000_000),
    "zeros.mp4": lambda: b"\0\0\0\x18ftypisom" + bytes(190_000_000),
    "comment.mp4": lambda: b"\0\0\0\x18ftypisom\xa9cmt\x7f\0\0\0data" + bytes(190_000_000),
    "zeros.webp": lambda: b"RIFF\0\0\0\x0bWEBPVP8X" + bytes(190_000_000),
    "zeros.json": lambda: b'{"format": [' + b"[]," * 15_000_000 + b"1]}",
}


def gif(blocks: bytes) -> bytes:
    parts = [MADE[i : i + 255] for i in range(0, len(MADE), 255)]
    comment = b"!\xfe" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + comment + FRAME + blocks + b";"


MEASURED = r"""
import contextlib, io, json, re, sys, time
from facegen.cli import info, reproduce  # what every run takes
from facegen.api import info
from facegen.api import reproduce
from facegen.cli.main import cli, report

def peak():  # not getrusage's, which remembers the process that started this one
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024

found = {}
for command in ("info", "reproduce"):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forgets the peak
    before, start = peak(), time.process_time()
    out, said = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            cli.main([command, sys.argv[1]], standalone_mode=False)
            code = 0
        except BaseException as error:
            code = report(error)
    text = said.buffer.getvalue().decode()
    found[command] = [peak() - before, time.process_time() - start, code, text]
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="Linux measures it")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_refused_takes_two_seconds_and_200_mib_at_most(name: str, tmp_path: Path):
    """In a process of its own, beyond what it takes once facegen is imported."""
    (tmp_path / name).write_bytes(FILES[name]())
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, name],
        cwd=tmp_path,
        env={**python_environment(), "FACEGEN_WEIGHTS": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for command, (memory, seconds, code, said) in json.loads(done.stdout).items():
        assert memory < 200, (command, memory)
        assert seconds < 2, (command, seconds)
        assert command == "info" or code == 1
        assert code == 0 or (said.startswith(f"facegen: {name}") and said.count("\n") == 1), said
    assert os.listdir(tmp_path) == [name]


def test_a_provenance_has_bounds_that_real_ones_are_far_from():
    assert parse_provenance(json.dumps({"a": [[]] * 10_000})) == {"a": [[]] * 10_000}
    for text in (
        json.dumps({"a": "x" * MAX_PROVENANCE_BYTES}),
        json.dumps({"a": [[]] * MAX_PROVENANCE_PARTS}),
        deep(MAX_PROVENANCE_DEPTH).decode(),
        '{"a": ' + "9" * 5000 + "}",
    ):
        with pytest.raises(FacegenError, match="the provenance is"):
            parse_provenance(text)
    assert parse_provenance(deep(MAX_PROVENANCE_DEPTH - 2).decode())["facegen_version"] == "0"


def test_numbers_that_are_none_become_null():
    """info --json prints them; NaN is no JSON."""
    assert parse_provenance('{"a": [NaN, Infinity, -1e999, 1.5]}') == {"a": [None, None, None, 1.5]}


def test_a_video_that_is_too_small_for_its_steps_is_refused(
    work: Path, tmp_path: Path, own: dict[str, dict]
):
    text = json.dumps({**own["a.gif"], "steps": 10**6}).encode()
    head = b"\0\0\0\x18ftypisom\xa9cmt" + struct.pack(">I", 16 + len(text)) + b"data" + bytes(8)
    (tmp_path / "a.mp4").write_bytes(head + text + bytes(5000))
    done = facegen("reproduce", tmp_path / "a.mp4")
    assert "asks for 2000000 pictures, more than it has" in str(done.exception)


def test_an_output_is_compared_with_the_files_that_it_was_made_from_before_it_is_written(
    work: Path, tmp_path: Path, own: dict[str, dict]
):
    """The file of a stranger names the user's own files: of the wrong digest, nothing is read."""
    rewrite("gaussian.h5", "stranger.h5", {**own["gaussian.h5"], "latents": "faces.h5"})
    done = facegen("reproduce", "stranger.h5")
    assert isinstance(done.exception, FacegenError)
    assert not Path("stranger-reproduced.h5").exists()


def test_animations_are_measured_without_decoding(tmp_path: Path):
    """Independent of facegen: Pillow's own durations."""
    frames = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), np.uint8)
    for name in ("a.gif", "a.webp"):
        animation.save_animation(frames, tmp_path / name, {"a": 1}, fps=4)
        with Image.open(tmp_path / name) as image:
            kind, expected = str(image.format), []
            for frame in range(getattr(image, "n_frames", 1)):
                image.seek(frame)
                image.load()
                expected.append(image.info["duration"])
        assert document_durations(tmp_path / name, kind) == expected == [250] * 5
