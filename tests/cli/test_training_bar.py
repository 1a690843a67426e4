"""The bar of train and refine, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios

from running import python_environment, run_python

# Two epochs of three steps after one that an earlier run has done.
RUN = """
from facegen.cli.terminal import Console
from facegen.cli.training_bar import TrainingBar, epoch_line
from facegen.model.trainer import Progress

console = Console(quiet={quiet})
with TrainingBar(console, epoch_line) as bar:
    for epoch in (2, 3):
        losses = dict(total_loss=60.04 / epoch, reco_loss=20.0, kl_loss=10.02)
        for step in (1, 2, 3):
            bar.report(Progress(epoch, 3, step, 3, losses))
        bar.report(Progress(epoch, 3, 3, 3, losses, dict(total_loss=9.0), "a.png is not drawn"))
print("done")
"""


LONG = """
import time
from facegen.cli.terminal import Console
from facegen.cli.training_bar import TrainingBar, epoch_line
from facegen.model.trainer import Progress

losses = dict(total_loss=5191.8, reco_loss=5041.32, kl_loss=150.48)
with TrainingBar(Console(quiet=False), epoch_line) as bar:
    for step in range(1, 5):
        time.sleep(0.3)
        bar.report(Progress(12, 24, step, 176, losses))
"""


def on_terminal(program: str, columns: int = 120) -> str:
    """What a program shows on a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=python_environment(), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:  # how Linux says that a terminal has no other side any more
        pass
    os.close(ours)
    assert process.wait() == 0, b"".join(parts).decode()
    return b"".join(parts).decode()


def test_the_bar_tells_the_epoch_the_steps_the_time_and_the_running_losses():
    shown = on_terminal(RUN.format(quiet=False))
    last = re.split(r"[\r\n]+", shown.rpartition("done")[0].rstrip())[-1]
    # Of all three epochs: 9 steps of 9, in so much time, with none left, at such a rate.
    assert re.fullmatch(
        r"epoch 3/3 \|.+\| 9/9 00:00 left +[\d.]+(step/s|s/step), "
        r"total 20\.01 reco 20\.00 kl 10\.02 *",
        last.replace("\x1b[A", ""),
    ), last
    assert re.search(r"\| 3/9 ", shown)  # the first epoch is counted as done
    assert re.search(r"epoch 2/3 \|.+\| 6/9 ", shown)
    assert "epoch 2/3: total_loss 30.0 reco_loss 20.0 kl_loss 10.0; test: total_loss 9.0" in shown
    assert "facegen: a.png is not drawn" in shown


def test_it_fits_into_80_columns():
    shown = on_terminal(LONG, columns=80)
    assert re.search(
        r"epoch 12/24 \|.+\| \d+/4224 [\d:]+ left .+, total 5192 reco 5041 kl 150[\r\n]", shown
    )


def test_elsewhere_there_are_the_lines_of_the_epochs_alone():
    done = run_python("-c", RUN.format(quiet=False))
    assert done.stderr.splitlines() == [
        "epoch 2/3: total_loss 30.0 reco_loss 20.0 kl_loss 10.0; test: total_loss 9.0",
        "facegen: a.png is not drawn",
        "epoch 3/3: total_loss 20.0 reco_loss 20.0 kl_loss 10.0; test: total_loss 9.0",
        "facegen: a.png is not drawn",
    ]


def test_quiet_runs_say_only_what_went_wrong():
    done = run_python("-c", RUN.format(quiet=True))
    assert done.stderr.splitlines() == ["facegen: a.png is not drawn"] * 2


def test_a_message_stands_above_a_bar_without_a_total():
    program = (
        "from facegen.cli.terminal import Console\nconsole = Console(quiet=False)\n"
        "with console.progress(None, 'photo') as count:\n    count(1)\n    console.say('above')"
    )
    assert "above" in on_terminal(program)
