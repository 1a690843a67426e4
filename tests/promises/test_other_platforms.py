"""Where the operating system has less than POSIX (Windows), simulated: what is missing is deleted.

Without fcntl there are no locks: what writes in place (encode, train, --lock) can't run there.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from running import facegen, run_python

TAKE_AWAY = """
import os, signal, sys

for module, names in {
    os: "posix_fallocate pwrite pread sched_getaffinity geteuid getuid fchmod statvfs wait4 "
    "O_NOFOLLOW O_NONBLOCK O_DIRECTORY O_CLOEXEC",
    signal: "SIGALRM SIGHUP SIGPIPE SIGQUIT SIGKILL SIGUSR1 SIGCHLD alarm setitimer getitimer "
    "ITIMER_REAL pthread_kill pthread_sigmask sigwait",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in ("fcntl", "termios", "tty", "pty", "resource", "pwd", "grp"):
    sys.modules[name] = None
"""
COMMAND = (
    TAKE_AWAY
    + """
import runpy

sys.argv[0] = "facegen"
runpy.run_module("facegen", run_name="__main__", alter_sys=True)
"""
)
SIGNALS = (
    TAKE_AWAY
    + """
import time
from facegen.signals import Stopped, StopSignals, undisturbed

signal.signal(signal.SIGINT, signal.SIG_DFL)
signals = StopSignals()
signals.install()

def wait():
    for _ in range(300):
        time.sleep(0.01)

class Dropping:
    def __del__(self):
        signal.raise_signal(number)

@undisturbed
def clean_up():
    signal.raise_signal(number)
    print("clean")

def plain():
    signal.raise_signal(number)

def dropped():
    Dropping()
    wait()

def undisturbed():
    clean_up()
    wait()

def cleaning():
    try:
        signal.raise_signal(number)
    finally:
        time.sleep(0.5)
        print("clean")

number = signal.{name}
try:
    {work}()
    print("done")
except Stopped:
    signals.finish()
    wait_until = time.monotonic() + 0.3  # no thread comes back with it
    while time.monotonic() < wait_until: time.sleep(0.01)
    print(signals.number == number)
"""
)


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("--version", "facegen, version"),
        ("--help", "Photos go in"),
        ("generate --help", "Make new faces."),
        ("query latents.h5 --limit 2 --csv", "row,"),
        ("info latents.h5", "rows"),
        ("reconstruct photo.png --align no -o pair.png", "pair.png"),
        ("sharpen photo.png --sharpen 2 -o sharp.png", "sharp.png"),
        ("prepare photo.png --size 32 -o one.h5", "one.h5"),
    ],
)
def test_commands_work(command: str, printed: str, work: Path):
    done = run_python("-c", COMMAND, *command.split())
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    assert printed in done.stdout


def test_the_same_faces_come_out(work: Path):
    line = "generate --n 5 --seed 3 --force -o"
    done = run_python("-c", COMMAND, *line.split(), "there.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "there.png\n", "")
    assert facegen(*line.split(), "here.png").exit_code == 0
    assert Path("there.png").read_bytes() == Path("here.png").read_bytes()


@pytest.mark.parametrize("command", ["encode faces.h5 -o new.h5", "--lock cron.lock generate -q"])
def test_commands_that_need_a_lock_say_that_there_is_none(command: str, work: Path):
    before = sorted(work.iterdir())
    done = run_python("-c", COMMAND, *command.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("facegen: cannot write ")
    assert done.stderr.endswith("lock: No locks available\n")
    assert sorted(work.iterdir()) == before


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("work", "printed"),
    [("plain", ""), ("dropped", ""), ("undisturbed", "clean\n"), ("cleaning", "clean\n")],
)
def test_without_timers_a_signal_comes_out_once_too(name: str, work: str, printed: str):
    start = time.monotonic()
    done = run_python("-c", SIGNALS.replace("{work}", work).replace("{name}", name))
    assert (done.stdout, done.stderr) == (f"{printed}True\n", "")
    assert time.monotonic() - start < 3
