"""The examples for cron, systemd and the shell do what they say."""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import click
import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.encode import encode
from facegen.api.generate import generate_files
from facegen.api.generate_request import GenerateRequest
from facegen.cli.main import cli
from facegen.io.latent_store import Latents
from running import REPOSITORY, python_environment, run_python

EXAMPLES = REPOSITORY / "examples"


@pytest.fixture
def home(toy_faces: Path, toy_weights: Path, tmp_path: Path) -> Path:
    """A home with bin/facegen and faces/faces.h5, as the examples expect."""
    program = tmp_path / "bin" / "facegen"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m facegen "$@"\n')
    program.chmod(0o755)
    (tmp_path / "faces").mkdir()
    shutil.copy(toy_faces, tmp_path / "faces" / "faces.h5")
    return tmp_path


def run(command: str, home: Path, weights: Path, cwd: Path | None = None) -> None:
    environment = python_environment() | {"HOME": str(home), "FACEGEN_WEIGHTS": str(weights)}
    environment["PATH"] = f"{home / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
    )
    # Weights of one epoch may be unhealthy, which the report says with exit code 3.
    assert done.returncode in ((0, 3) if "report" in command else (0,)), done.stderr


def test_every_line_of_the_crontab_runs(home: Path, toy_weights: Path):
    lines = (EXAMPLES / "crontab").read_text().splitlines()
    jobs = [line for line in lines if line and not line.startswith("#") and "=/" not in line]
    assert len(jobs) == 2
    (home / "faces" / "faces.h5").unlink()
    add_photos(home, range(30))
    shutil.copy(EXAMPLES / "grow.sh", home / "faces")
    run("facegen prepare photos -o faces.h5 --size 32", home, toy_weights, cwd=home / "faces")
    for job in jobs:
        *when, command = job.split(None, 5)
        assert all(re.fullmatch(r"[\d*/,-]+", field) for field in when)
        assert "%" not in command
        assert run_as_cron(command, home, toy_weights) == ""  # or cron would mail it
    (line,) = (home / "faces" / "sheets.jsonl").read_text().splitlines()
    assert json.loads(line)["faces"] == 28
    again = run_as_cron(jobs[0].split(None, 5)[5], home, toy_weights)
    assert re.fullmatch(r"facegen: sheet-\S+ exists already; choose another name or .*\n", again)
    made = {path.name for path in (home / "faces").iterdir()}
    assert made >= {"faces.h5", "latents.h5", "report.html", "report.json"}
    assert any(re.fullmatch(r"sheet-\d{4}-\d\d-\d\d\.png", name) for name in made)


def run_as_cron(command: str, home: Path, weights: Path) -> str:
    """What cron would mail: all that a line says, with a short PATH and no terminal."""
    environment = {"PYTHONPATH": python_environment()["PYTHONPATH"], "HOME": str(home)}
    environment |= {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "FACEGEN_WEIGHTS": str(weights)}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout


def add_photos(home: Path, numbers: Iterable[int]) -> None:
    folder = home / "faces" / "photos"
    folder.mkdir(exist_ok=True)
    for number in numbers:
        noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number:04}.png")


def is_held(lock: Path) -> bool:
    """Whether a process has written its number into a lock file; an empty one would stay."""
    try:
        return lock.stat().st_size > 0
    except FileNotFoundError:
        return False


def kill_a_night(job: str, home: Path, weights: Path, lock: str) -> None:
    """Starts the chain and kills it, with all that it has started, once a lock is held."""
    environment = python_environment() | {"FACEGEN_WEIGHTS": str(weights)}
    environment["PATH"] = f"{home / 'bin'}:{os.environ['PATH']}"
    command = ["sh", "-c", job]
    folder = home / "faces"
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True) as night:
        for _ in range(6000):
            if is_held(folder / lock):
                break
            assert night.poll() is None, f"the night was over before {lock} was held"
            time.sleep(0.005)
        os.killpg(night.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_folder_grows_night_by_night(home: Path, toy_weights: Path):
    folder = home / "faces"
    (folder / "faces.h5").unlink()
    job = f"{EXAMPLES / 'grow.sh'} photos --size 32"

    def night() -> tuple[list[str], dict[str, int]]:
        run(f"{job} # report", home, toy_weights, cwd=folder)
        written = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.h*")}
        with Latents.open(folder / "latents.h5") as store:
            assert store.complete
            return store.read_names(slice(None)), written

    add_photos(home, range(30, 60))
    first, written = night()
    assert first == [f"{number:04}.png" for number in range(30, 60)]
    again, written_again = night()
    assert (again, written_again) == (first, written)
    add_photos(home, range(5))
    second, _ = night()
    assert second == [*first, *(f"{number:04}.png" for number in range(5))]
    add_photos(home, range(5, 10))
    kill_a_night(job, home, toy_weights, ".faces.h5.lock")
    kill_a_night(job, home, toy_weights, ".latents.h5.lock")
    third, written = night()
    assert third == [*second, *(f"{number:04}.png" for number in range(5, 10))]
    assert written["report.html"] > written["latents.h5"]
    with Latents.open(folder / "latents.h5") as store:
        seed = store.origin.seed
        grown = {name: data[()] for name, data in store.file.items()}
    encode(folder / "faces.h5", home / "fresh.h5", weights=toy_weights, seed=seed)
    with Latents.open(home / "fresh.h5") as store:
        for name, data in store.file.items():
            np.testing.assert_array_equal(grown[name], data[()], err_msg=name)
    left = {"faces.h5", "latents.h5", "report.html", "report.json", "photos"}
    assert {path.name for path in folder.iterdir()} == left


def test_the_systemd_unit_runs(home: Path, toy_weights: Path):
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(EXAMPLES / "facegen.service")
    folder = unit["Service"]["WorkingDirectory"].replace("%h", str(home))
    run(unit["Service"]["ExecStart"], home, toy_weights, cwd=Path(folder))
    assert list((home / "faces").glob("sheet-*-*.png"))
    if shutil.which("systemd-analyze"):
        units = [str(EXAMPLES / f"facegen.{kind}") for kind in ("service", "timer")]
        done = subprocess.run(
            ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
        )
        assert "Unknown" not in done.stderr


def test_start_from_zooms_into_the_middle_of_its_images():
    zoomed = runpy.run_path(str(EXAMPLES / "start_from.py"))["zoomed"]
    image = np.zeros((1, 12, 12, 3), np.uint8)
    image[:, 3:9, 3:9] = 200
    np.testing.assert_array_equal(zoomed(image, 1.0), image)
    assert zoomed(image, 2.0).min() > 100  # the rim sees what is beside it


def test_the_small_face_set_of_start_from_has_no_person_on_both_sides():
    choose_rows = runpy.run_path(str(EXAMPLES / "start_from.py"))["choose_rows"]
    people = np.arange(3000) // 3
    is_test = people % 2 == 1  # 500 people with 3 images each
    rows, train = choose_rows(is_test, people, 0)
    assert train == 501  # whole people
    assert len(rows) == len(set(rows.tolist())) == 1500
    assert is_test[rows].all()
    assert not set(people[rows[:train]]) & set(people[rows[train:]])


def test_the_soak_runs(toy_weights: Path, tmp_path: Path):
    environment = python_environment() | {"FACEGEN_WEIGHTS": str(toy_weights)}
    command = [sys.executable, str(EXAMPLES / "soak.py"), "--runs", "12"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "peak memory" in done.stdout


@pytest.mark.slow
def test_random_kills_of_updates_do_no_harm(toy_weights: Path):
    command = [sys.executable, str(EXAMPLES / "kill_update.py"), "--kills", "30", "--seed", "1"]
    done = subprocess.run(
        [*command, "--weights", str(toy_weights)],
        env=python_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"3\d kills in \d+ nights, \d+ faces in the end, no harm", done.stdout)


def test_the_pipeline_runs_and_runs_again(home: Path, toy_weights: Path):
    command = f"{EXAMPLES / 'pipeline.sh'} faces/faces.h5 out"
    for _ in range(2):
        run(command, home, toy_weights, cwd=home)
    assert {path.name for path in (home / "out").iterdir()} == {
        "latents.h5",
        "near.png",
        "radii.txt",
    }
    assert len((home / "out" / "radii.txt").read_text().split()) == 270


def same(path: Path, expected: Path) -> bool:
    with h5py.File(path) as found, h5py.File(expected) as wanted:
        return set(found) == set(wanted) and all(
            np.array_equal(found[name][()], wanted[name][()]) for name in wanted
        )


def test_the_slurm_script_encodes_in_an_array_of_tasks_and_merges(home: Path, toy_weights: Path):
    script = EXAMPLES / "shards.slurm"
    for i in (2, 3, 1):
        run(f"SHARDS=3 SLURM_ARRAY_TASK_ID={i} {script} encode", home, toy_weights, home / "faces")
    run(f"{script} merge", home, toy_weights, home / "faces")
    encode([home / "faces" / "faces.h5"], home / "one.h5", weights=toy_weights, seed=5)
    assert same(home / "faces" / "latents.h5", home / "one.h5")


def test_gnu_parallel_or_xargs_encodes_in_parts_with_as_many_processes(
    home: Path, toy_weights: Path
):
    run(f"{EXAMPLES / 'shards_parallel.sh'} faces/faces.h5 latents.h5 3 2", home, toy_weights, home)
    encode([home / "faces" / "faces.h5"], home / "one.h5", weights=toy_weights, seed=5)
    assert same(home / "latents.h5", home / "one.h5")
    assert not list(home.glob("*.parts"))


def test_the_script_for_ssh_generates_on_each_host(home: Path, toy_weights: Path):
    """A stand-in for ssh runs here what it is told to run there."""
    ssh = home / "bin" / "ssh"
    ssh.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 1\nshift 2\nexec sh -c "$*"\n')
    ssh.chmod(0o755)
    run(f"{EXAMPLES / 'shards_ssh.sh'} whole.h5 31 7 one two two", home, toy_weights, home)
    generate_files(GenerateRequest(output=home / "one.h5", count=31, seed=7, weights=toy_weights))
    assert same(home / "whole.h5", home / "one.h5")
    assert not list(home.glob("*part*"))


# Others: 1.
VALUES = {
    "split": "test",
    "points": "z",
    "kind": "mixture",
    "decoder": "plain",
    "@": "",
    "chosen": "",
}
SCRIPTS = (
    "gallery.sh",
    "reproduce_articles.sh",
    "compare_networks.sh",
    "pipeline.sh",
    "grow.sh",
    "tutorials.sh",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_command_of_a_script_is_understood(script: str):
    text = (EXAMPLES / script).read_text().replace("\\\n", " ")
    text = re.sub(r"\$\{?([\w@]+)[^}\s\"']*\}?", lambda found: VALUES.get(found[1], "1"), text)
    lines = re.findall(r"^[^#\n]*?\b(facegen (?!import)[a-z][^|;)>\n]*)", text, re.M)
    assert len(lines) >= 3
    for line in lines:
        words = [word for word in shlex.split(line)[1:] if word]
        command = cli.get_command(click.Context(cli), words[0])
        assert command is not None, line
        if isinstance(command, click.Group):
            words.pop(0)
            command = command.commands[words[0]]
        command.make_context(words[0], words[1:])  # raises a UsageError if wrong


def test_the_networks_that_are_compared_are_trained_with_options_that_there_are():
    text = (EXAMPLES / "compare_networks.sh").read_text()
    chosen = re.findall(r"^ +([a-z\d-]+)\) echo (--.*) ;;$", text, re.M)
    train = cli.get_command(click.Context(cli), "train")
    assert train is not None
    names = re.findall(r"ONLY:-([^}]+)\}", text)[0].split()
    assert sorted(["plain", *(name for name, _ in chosen)]) == sorted(names)
    for _, options in chosen:
        train.make_context("train", ["faces.h5", "-o", "w", *options.split()])


def test_models_of_several_seeds_are_one_row_of_the_table_of_networks(
    toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    for seed in (1, 2):
        shutil.copytree(toy_weights, tmp_path / f"toy-net-{seed}")
    done = run_python(EXAMPLES / "network_table.py", toy_faces, tmp_path)
    assert done.returncode == 0, done.stderr
    _, _, row, real = (line.split(" | ") for line in done.stdout.splitlines())
    last = json.loads((toy_weights / "config.json").read_text())["metrics"]["last_epoch"]
    assert row[:2] == ["| toy-net", "2"]
    assert row[4] == f"{last['test_total_loss']:.5g} +- 0"
    assert real[0] == "| real faces"


def test_a_checkerboard_is_told_from_detail():
    """Of white noise every frequency has the same power; of stripes the highest has all."""
    code = (
        "import numpy as np; from network_table import checkerboard\n"
        "noise = np.random.default_rng(1).integers(100, 150, (200, 32, 32, 3), dtype=np.uint8)\n"
        "stripes = noise.copy()\n"
        "stripes[:, ::2] += 20\n"
        "print(checkerboard(noise), checkerboard(stripes))"
    )
    done = run_python("-c", code, cwd=EXAMPLES)
    assert done.returncode == 0, done.stderr
    noise, stripes = map(float, done.stdout.split())
    assert noise == pytest.approx(1, abs=0.05)
    assert stripes > 10
