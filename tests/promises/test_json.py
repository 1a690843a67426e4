"""No output of --json, and no JSON that facegen writes, holds NaN or Infinity."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import facegen as package
from facegen.errors import FacegenError
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.latent_store import Latents
from facegen.io.latent_writer import write_latents
from facegen.strict_json import to_json
from running import facegen, run_python
from working_commands import BY_PROCESS, COMMANDS, arguments, commands

ROWS = 60
NAN_ROWS = [0, 17]  # a held-out face and a training face


def refuse(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


def strict(text: str) -> Any:
    """What a JSON text holds, as a program reads it that keeps to the standard."""
    return json.loads(text, parse_constant=refuse)


def run(command: str, output: Path) -> list[str]:
    return [*arguments(command, output), "--json"]


def check_files(folder: Path) -> None:
    """All JSON that lies there now can be read."""
    for path in folder.rglob("*.json"):
        strict(path.read_text())


def test_every_command_that_has_json_is_tried_here():
    found = {name for name, verb in commands() if any("--json" in one.opts for one in verb.params)}
    assert found == COMMANDS.keys() | BY_PROCESS.keys()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_json_keeps_to_its_standard(command: str, sheet: Path, tmp_path: Path):
    done = facegen(*run(command, tmp_path))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines
    for line in lines:
        assert isinstance(strict(line), dict)
    check_files(tmp_path)


@pytest.mark.usefixtures("with_tensorflow")
def test_json_of_train_and_refine_keeps_to_its_standard(work: Path, tmp_path: Path):
    for command in BY_PROCESS.values():
        done = run_python("-m", "facegen", *run(command, tmp_path), cwd=work, timeout=600)
        assert done.returncode == 0, done.stderr
        assert strict(done.stdout)["path"] == str(tmp_path / "w")
    check_files(tmp_path)


def write_store(path: Path, mu: np.ndarray, latents: Path) -> None:
    """A store of the toy weights with other points."""
    labels = np.where(np.random.default_rng(3).random((len(mu), 2)) < 0.5, 1, -1)
    with Latents.open(latents) as store:
        origin = store.origin
    write_latents(
        path,
        [(mu, np.zeros_like(mu), mu)],
        [f"{row}.png" for row in range(len(mu))],
        latent_dim=mu.shape[1],
        is_test=np.arange(len(mu)) < 10,
        attributes=labels.astype(np.int8),
        attribute_names=["Smiling", "Male"],
        origin=origin,
    )


def odd_points(kind: str) -> np.ndarray:
    """float32 (60, 8), or (60, 1): points that no sound training gives."""
    if kind == "one coordinate":
        return np.random.default_rng(1).standard_normal((ROWS, 1)).astype(np.float32)
    points = np.random.default_rng(1).standard_normal((ROWS, 8)).astype(np.float32)
    if kind == "not finite":
        points[NAN_ROWS] = [[np.nan], [np.inf]]
    elif kind == "all the same":
        points[:] = 3
    elif kind == "huge":
        points *= 1e15
    return points


WITH_STORE = {name: command for name, command in COMMANDS.items() if "latents.h5" in command}


@pytest.mark.parametrize("kind", ["not finite", "all the same", "one coordinate", "huge"])
@pytest.mark.parametrize("command", WITH_STORE.values(), ids=WITH_STORE)
def test_an_odd_store_gives_sound_json_or_one_clear_line(
    command: str, kind: str, files: Path, tmp_path: Path, toy_weights: Path, monkeypatch: Any
):
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    for name in ("faces.h5", "attributes.h5"):
        shutil.copy(files / name, tmp_path / name)
    write_store(tmp_path / "latents.h5", odd_points(kind), files / "latents.h5")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    done = facegen(*run(command, Path("out")))
    for line in done.stdout.splitlines():
        strict(line)
    check_files(tmp_path)
    if done.exit_code == 1:
        assert isinstance(done.exception, FacegenError), done.exception
        assert "\n" not in str(done.exception)
    else:
        assert done.exit_code in (0, 3)
        assert done.stdout


@pytest.fixture
def nan_store(files: Path, work: Path, tmp_path: Path) -> Path:
    """The toy store with NaN in mu of a training face and of all held-out faces but two."""
    path = tmp_path / "nan.h5"
    shutil.copy(work / "latents.h5", path)
    with h5py.File(path, "r+") as file:
        held_out = np.flatnonzero(file["split"][:])
        rows = np.sort([int(np.flatnonzero(file["split"][:] == 0)[16]), *held_out[2:]])
        file["mu"][rows] = np.nan
    return path


def test_the_labels_of_a_point_that_is_not_finite_are_refused_by_its_row(
    nan_store: Path, tmp_path: Path
):
    with h5py.File(nan_store) as file:
        training = np.flatnonzero(file["split"][:] == 0)[16]
    done = facegen("attributes", nan_store, "-o", tmp_path / "a.h5", "--json")
    assert done.exit_code == 1
    assert f"mu of row {training} is not finite" in str(done.exception)
    assert done.stdout == ""
    assert not (tmp_path / "a.h5").exists()


def test_held_out_faces_that_are_not_finite_say_nothing_of_usual_distances(
    nan_store: Path, tmp_path: Path
):
    options = ("--n", 1, "--seed", 1, "-o", tmp_path / "x.png", "--json")
    done = facegen("generate", "--nearest", nan_store, *options)
    assert done.exit_code == 0, done.output
    usual = strict(done.stdout)["held_out_distances"]
    assert list(usual) == ["0", "0.05", "0.5", "0.95"]
    with h5py.File(nan_store, "r+") as file:
        file["mu"][np.flatnonzero(file["split"][:])] = np.nan
    done = facegen("generate", "--nearest", nan_store, *options, "--force")
    assert strict(done.stdout)["held_out_distances"] is None


def write_faces(path: Path, size: int, is_test: np.ndarray) -> Path:
    random = np.random.default_rng(1)
    with FaceSetWriter(path, size=size, source="noise", crop="none") as writer:
        images = random.integers(0, 256, (len(is_test), size, size, 3), np.uint8)
        writer.append(images, [f"{row}.png" for row in range(len(is_test))])
        writer.set_split(is_test)
    return path


@pytest.mark.parametrize(
    ("size", "is_test", "message"),
    [
        (8, np.arange(30) < 20, "has faces of 8 pixels; at least 11 are needed"),
        (16, np.ones(30, bool), "has no training images to compare faces with"),
    ],
    ids=["small", "no training images"],
)
def test_evaluate_refuses_faces_that_its_numbers_are_not_defined_for(
    size: int, is_test: np.ndarray, message: str, tmp_path: Path
):
    faces = write_faces(tmp_path / "faces.h5", size, is_test)
    output = tmp_path / "result.json"
    options = ("--n", 5, "--pixels-only", "-o", output, "--json")
    done = facegen("evaluate", faces, "--images", faces, *options)
    assert done.exit_code == 1
    assert message in str(done.exception)
    assert not output.exists()


@pytest.mark.parametrize("size", [11, 12, 17])
def test_evaluate_gives_numbers_for_the_smallest_faces(size: int, tmp_path: Path):
    faces = write_faces(tmp_path / "faces.h5", size, np.arange(30) < 20)
    options = ["--images", faces, "--n", 5, "--pixels-only", "-o", tmp_path / "r", "--json"]
    done = facegen("evaluate", faces, *options)
    assert done.exit_code == 0, done.output
    strict(done.stdout)
    strict((tmp_path / "r").read_text())


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"labels": [{"cosine": 0.5}, {"cosine": float("nan")}]}, "labels.1.cosine is nan"),
        ({"a": (1, {"b": float("inf")})}, "a.1.b is inf"),
        (float("-inf"), "the result is -inf"),
    ],
)
def test_a_number_that_is_not_finite_is_named(value: Any, where: str):
    with pytest.raises(FacegenError, match=rf"^{where}, which JSON can't hold"):
        to_json(value)


def test_a_number_of_a_file_that_is_not_finite_is_refused(work: Path, tmp_path: Path):
    for name, attribute in (("latents.h5", "epsilon_scale"), ("sampler.h5", "shrinkage")):
        path = tmp_path / name
        shutil.copy(work / name, path)
        with h5py.File(path, "r+") as file:
            file.attrs[attribute] = np.nan
        done = facegen("info", path, "--json")
        assert str(done.exception) == f"{path} is damaged: the attribute '{attribute}' is nan"


def test_only_one_module_writes_json():
    folder = Path(package.__file__).parent
    found = {path.name for path in folder.rglob("*.py") if "json.dump" in path.read_text()}
    assert found == {"strict_json.py"}
