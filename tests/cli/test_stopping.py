"""Signals: they stop a command wherever it is, C code that drops exceptions or not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from running import python_environment, run_python

PROGRAM = """
import os, signal, sys, time
from facegen.signals import Stopped, StopSignals, undisturbed

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background shell ignores it
signals = StopSignals()
signals.install()

class Dropping:
    def __del__(self):
        os.kill(os.getpid(), number)
        time.sleep(0.01)
        print("not reached")

@undisturbed
def clean_up():
    os.kill(os.getpid(), number)
    print("clean")

def work():
    {work}

number = signal.{name}
try:
    work()
    print("done")
except Stopped:
    signals.finish()
    os.kill(os.getpid(), signal.SIGTERM)
    print(signals.number)
"""

WORKS = {
    "plain": "os.kill(os.getpid(), number); time.sleep(5)",
    "dropped": "Dropping(); time.sleep(5)",
    "printed": (  # as C code does that asks for a module and goes on without it
        "import ctypes; ctypes.pythonapi.PyRun_SimpleString(b'import os; os.kill(os.getpid(), %d)'"
        " % number); time.sleep(5)"
    ),
    "cleaning": (
        "\n    try: os.kill(os.getpid(), number); time.sleep(5)"
        "\n    finally: time.sleep(0.7); print('clean')"
    ),
    "undisturbed": "clean_up(); time.sleep(5)",
}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(
    ("work", "printed"),
    [
        ("plain", ""),
        ("dropped", ""),
        ("printed", ""),
        ("cleaning", "clean\n"),
        ("undisturbed", "clean\n"),
    ],
)
def test_a_signal_comes_out_once_and_lets_cleaning_end(name: str, work: str, printed: str):
    start = time.monotonic()
    done = run_python("-c", PROGRAM.format(work=WORKS[work], name=name))
    assert (done.stdout, done.stderr) == (f"{printed}{int(signal.Signals[name])}\n", "")
    assert time.monotonic() - start < 5


def test_what_nohup_ignores_stays_ignored():
    program = PROGRAM.replace("SIG_DFL", "SIG_IGN").format(
        work="os.kill(os.getpid(), number)", name="SIGINT"
    )
    assert run_python("-c", program).stdout == "done\n"


def test_sigterm_in_the_first_moments_of_a_command_stops_it(toy_weights: Path, tmp_path: Path):
    command = [sys.executable, "-m", "facegen", "generate", "-q", "--n", "10000000", "-o", "x.h5"]
    command += ["--weights", str(toy_weights)]
    for i in range(12):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=python_environment(), stderr=subprocess.PIPE, text=True
        )
        time.sleep(0.04 * i)
        process.terminate()
        _, stderr = process.communicate(timeout=30)
        assert process.returncode in (143, -signal.SIGTERM), i  # -15: before main() had begun
        assert stderr == ""
        assert list(tmp_path.iterdir()) == []
