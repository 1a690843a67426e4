"""Whatever standard input, output and error are, work is done and the exit code tells how."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from running import python_environment
from toys import draw_photo

CLOSED = ["<&- >&- 2>&-", "<&-", ">&-", "2>&-"]
STARTING = ["prepare", "video"]  # they start processes, which get streams of their own
MAKING = {
    "generate": "generate --n 3 --seed 1 -o OUT.png",
    "face set": "generate --n 3 --seed 1 -o OUT.h5",
    "prepare": "prepare photo.png -o OUT.h5 --test-fraction 0 --workers 2",
    "encode": "encode faces.h5 --seed 1 -o OUT.h5",
    "merge": "merge part-1.h5 part-2.h5 -o OUT.h5",
    "sharpen": "sharpen photo.png -o OUT.png",
    "edit": "edit photo.png --align no --attributes attributes.h5 --attribute Male=1 -o OUT.png",
    "video": "morph seed:1:0-1 --steps 1 -o OUT.mp4",
}
# Of these what is printed is all there is.
TELLING = {
    "query": "query latents.h5",
    "query --rows": "query latents.h5 --rows",
    "info": "info latents.h5",
    "info --json": "info latents.h5 --json",
    "analyze": "analyze radius latents.h5",
    "help": "generate --help",
    "version": "--version",
}


def shell(line: str, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a line of bash, in which `facegen` is the one that is tested here."""
    function = f'facegen() {{ "{sys.executable}" -m facegen "$@"; }}'
    return subprocess.run(
        ["bash", "-c", f"{function}\n{line}"],
        cwd=cwd,
        env=python_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def content(path: Path) -> Any:
    """A file's bytes; of HDF5, which may note the time, the datasets."""
    if path.suffix != ".h5":
        return path.read_bytes()
    with h5py.File(path) as file:
        return {name: data[()].tolist() for name, data in file.items()}


def started(*arguments: object, cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
    """A facegen that runs."""
    command = [sys.executable, "-m", "facegen", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=python_environment(), **options)


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.parametrize("name", MAKING)
def test_with_closed_streams_the_same_file_is_made(name: str, work: Path):
    if name == "video":
        pytest.importorskip("imageio_ffmpeg")
    line = MAKING[name].replace("OUT", name.replace(" ", "-"))
    words = line.split()
    output = work / words[words.index("-o") + 1]
    assert shell(f"facegen {line}", cwd=work).returncode == 0
    whole = content(output)
    for closed in CLOSED if name in ["generate", *STARTING] else CLOSED[:1]:
        output.unlink()
        done = shell(f"facegen {line} {closed}", cwd=work)
        assert (closed, done.returncode) == (closed, 0), done.stderr
        assert "facegen:" not in done.stderr
        assert content(output) == whole


def test_what_others_print_does_not_get_into_a_file(work: Path):
    """The first file that is opened gets the lowest free descriptor."""
    program = "import os; from facegen.cli.terminal import standard_streams as s\n"
    program += "with s(), open('o', 'w') as f:"
    program += " os.write(2, b'noise'); os.system('echo noise; echo noise >&2'); f.write('mine')"
    done = shell(f'"{sys.executable}" -c "{program}" <&- >&- 2>&-', cwd=work)
    assert done.returncode == 0
    assert (work / "o").read_text() == "mine"


@pytest.mark.parametrize("line", MAKING.values(), ids=MAKING)
def test_output_that_nobody_takes_is_no_error_where_a_file_is_made(line: str, work: Path):
    if line.endswith(".mp4"):
        pytest.importorskip("imageio_ffmpeg")
    line = f"facegen {line.replace('OUT', 'nobody')} --force"
    done = shell(f"{line} -q >/dev/full", cwd=work)
    (name,) = (word for word in line.split() if word.startswith("nobody."))
    says = "cannot write to standard output: No space left on device"
    assert (done.returncode, done.stderr) == (0, f"facegen: {says}; {name} is written\n")
    assert shell(f"{line} >/dev/full 2>/dev/full", cwd=work).returncode == 0
    done = shell(f"{line} -q | true; exit ${{PIPESTATUS[0]}}", cwd=work)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line", TELLING.values(), ids=TELLING)
def test_a_result_that_cannot_be_printed_is_an_error_of_one_line(line: str, work: Path):
    for where, reason in ((">/dev/full", "No space left on device"), (">&-", "it is closed")):
        done = shell(f"facegen {line} {where}", cwd=work)
        says = f"facegen: cannot write to standard output: {reason}\n"
        assert (done.returncode, done.stderr) == (1, says)


@pytest.mark.parametrize("line", TELLING.values(), ids=TELLING)
def test_a_reader_who_has_had_enough_ends_what_is_only_printed(line: str, work: Path):
    done = shell(f"facegen {line} | true; exit ${{PIPESTATUS[0]}}", cwd=work)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line", ["prepare - -o closed.h5", "sharpen - -o closed", "encode -"])
def test_names_from_a_closed_standard_input_are_an_error(line: str, work: Path):
    done = shell(f"facegen {line} <&-", cwd=work)
    says = "facegen: standard input is closed; '-' stands for what it holds\n"
    assert (done.returncode, done.stderr) == (1, says)


def test_rows_from_a_closed_standard_input_are_an_error(work: Path):
    done = shell("facegen generate --latents latents.h5 --rows - -o r.png <&-", cwd=work)
    assert (done.returncode, done.stderr[:33]) == (1, "facegen: standard input is closed")


def test_standard_input_that_cannot_be_read_is_an_error(work: Path):
    done = shell("facegen prepare - -o w.h5 0>/dev/null", cwd=work)
    says = "facegen: cannot read standard input: Bad file descriptor\n"
    assert (done.returncode, done.stderr) == (1, says)


@pytest.mark.parametrize("last", ["", "broken.png"])
def test_a_reader_who_leaves_stops_no_work_on_files(last: str, tmp_path: Path):
    (tmp_path / "in").mkdir()
    for i in range(60):
        draw_photo(16, 16).save(tmp_path / "in" / f"{i:02}.png")
    if last:
        (tmp_path / "in" / last).touch()
    done = shell("facegen sharpen in -o out | head -1; exit ${PIPESTATUS[0]}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3 if last else 0, "out/00.png\n")
    assert len(os.listdir(tmp_path / "out")) == 60
    assert ("skipped broken.png" in done.stderr) == bool(last)


def test_a_pipe_that_does_not_block_gets_everything(work: Path):
    """Another program may have set O_NONBLOCK on a terminal or a pipe that both have."""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(theirs, False)
    process = started("query", "latents.h5", "--json", cwd=work, stdout=theirs)
    os.close(theirs)
    time.sleep(0.5)  # so that the pipe is full
    with open(ours, "rb") as file:
        lines = file.readlines()
    assert (process.wait(), len(lines)) == (0, 300)


def test_sighup_leaves_nothing_behind(toy_weights: Path, tmp_path: Path):
    arguments = ["generate", "--weights", toy_weights, "-q", "--n", "10000000", "-o", "x.h5"]
    process = started(*arguments, cwd=tmp_path, stderr=subprocess.PIPE)
    wait_for(lambda: os.listdir(tmp_path))
    process.send_signal(signal.SIGHUP)
    assert process.communicate() == (None, b"")
    assert (process.returncode, os.listdir(tmp_path)) == (129, [])


def test_a_terminal_that_is_closed_leaves_nothing_behind(toy_weights: Path, tmp_path: Path):
    ours, theirs = pty.openpty()
    arguments = ["generate", "--weights", toy_weights, "--n", "10000000", "-o", "x.h5"]
    process = started(
        *arguments,
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    wait_for(lambda: os.listdir(tmp_path))
    os.close(ours)
    assert (process.wait(timeout=30), os.listdir(tmp_path)) == (129, [])


def test_sighup_to_all_processes_of_prepare_is_as_quiet(tmp_path: Path):
    """As a terminal sends it. A pipe stands for a photo that is read after the workers started."""
    (tmp_path / "photos").mkdir()
    for i in range(33):  # a batch has 32
        draw_photo(16, 16).save(tmp_path / "photos" / f"{i:02}.png")
    os.mkfifo(tmp_path / "slow.png")
    arguments = ["prepare", "photos", "slow.png", "-o", "f.h5", "--workers", "2", "-q"]
    process = started(*arguments, cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True)
    with (tmp_path / "slow.png").open("wb"):  # waits for its reader
        os.killpg(process.pid, signal.SIGHUP)
        assert process.communicate(timeout=30) == (None, b"")
    assert process.returncode == 129
    assert sorted(os.listdir(tmp_path)) == ["photos", "slow.png"]


def test_nohup_keeps_a_command_running(work: Path):
    line = "(trap '' HUP; facegen generate --n 200 -q --seed 1 -o n.h5 & kill -HUP $!; wait $!)"
    done = shell(line, cwd=work)
    assert (done.returncode, done.stdout) == (0, "n.h5\n")
