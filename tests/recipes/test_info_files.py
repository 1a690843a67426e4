"""info: every kind of file that facegen writes is described, as text and as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from bad_files import keras_bytes, lambda_config
from facegen.api.encode import encode
from facegen.api.info import info
from facegen.errors import InputError
from facegen.images.sheets import save_png
from facegen.io.checkpoint import save_checkpoint
from running import facegen


def describe(path: Path) -> tuple[dict, list[str]]:
    """What --json says, checked to be JSON that every program reads, and the lines without it."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    as_json, as_text = facegen("info", path, "--json"), facegen("info", path)
    assert (as_json.exit_code, as_text.exit_code) == (0, 0), (as_json.exception, as_text.exception)
    return json.loads(as_json.stdout, parse_constant=refuse), as_text.stdout.splitlines()


@pytest.fixture(scope="module")
def folder(toy_faces: Path, toy_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    shutil.copy(toy_faces, folder / "faces.h5")
    shutil.copytree(toy_weights, folder / "toy")
    encode([toy_faces], folder / "latents.h5", weights=toy_weights, seed=5)
    commands = (
        "fit latents.h5 --kind mixture --components 2 -o sampler.h5",
        "attributes latents.h5 --without Male -o attributes.h5",
        "attributes latents.h5 --unsupervised --n 2 -o components.h5",
        "generate --n 2 --seed 5 -o new.h5",
        "generate --n 2 --seed 5 --sampler sampler.h5 -o sheet.png",
        "morph seed:5 faces.h5:3 --steps 2 -o morph.gif",
        "morph seed:5 faces.h5:3 --steps 2 -o morph.webp",
        "analyze radius latents.h5 -o radius.png",
        "analyze report latents.h5 --skip tsne --skip clusters --skip faces -o report.html",
        "evaluate faces.h5 --n 8 --pixels-only -o evaluation.json --plot evaluation.png",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
        for command in commands:
            done = facegen(*command.split())
            assert done.exit_code == 0, (command, done.output, done.exception)
        radius = facegen("analyze", "radius", "latents.h5", "--json")
        (folder / "radius.json").write_text(radius.stdout)
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "lines"),
    [
        ("faces.h5", "facegen-faces", ["images: 300", "provenance: none"]),
        ("latents.h5", "facegen-latents", ["complete: yes", "seed: 5"]),
        (
            "sampler.h5",
            "facegen-sampler",
            [
                "provenance.command: fit",
                "provenance.components: 2",
                "provenance.origin.seed: 5",
                "provenance.latents: latents.h5",
            ],
        ),
        (
            "attributes.h5",
            "facegen-attributes",
            ["provenance.without: Male", "provenance.min_count: 20", "provenance.rows_done: 300"],
        ),
        (
            "components.h5",
            "facegen-components",
            ["rows: 270", "provenance.unsupervised: yes", "provenance.weights.name: toy"],
        ),
        ("new.h5", "facegen-faces", ["provenance.command: generate", "provenance.rows: 0,1"]),
        ("sheet.png", "facegen-picture", ["format: PNG", "provenance.sampler.kind: mixture"]),
        ("morph.gif", "facegen-animation", ["frames: 4", "provenance.points.1.seed: 5"]),
        ("morph.webp", "facegen-animation", ["frames: 4", "provenance.points.2.row: 3"]),
        ("radius.png", "facegen-picture", ["provenance.stamps.1.options.points: z"]),
        ("radius.json", "facegen-analysis", ["provenance.command: analyze radius"]),
        ("report.json", "facegen-analysis", ["provenance.command: analyze report"]),
        ("report.html", "facegen-report", ["provenance.stamps.1.origin.seed: 5"]),
        ("evaluation.json", "facegen-evaluation", ["provenance.stamp.count: 8"]),
        ("evaluation.png", "facegen-picture", ["provenance.subject.seed: 0"]),
        ("toy", "facegen-weights", ["model.kind: vae", "checkpoints: checkpoint.h5"]),
        ("toy/config.json", "facegen-weights", ["name: toy"]),
        ("toy/checkpoint.h5", "facegen-checkpoint", ["command: train", "epochs_done: 1"]),
        ("toy/encoder.h5", "facegen-arrays", ["format_version: 1"]),
        ("toy/encoder.tflite", "facegen-weights-file", ["weights: toy", "intact: yes"]),
        ("toy/history.csv", "facegen-weights-file", ["intact: yes"]),
        ("toy/MODEL_CARD.md", "facegen-weights-file", ["intact: yes"]),
    ],
)
def test_a_file_is_described(name: str, kind: str, lines: list[str], folder: Path):
    found, text = describe(folder / name)
    assert found["kind"] == kind
    assert text[0] == f"kind: {kind}"
    assert set(lines) <= set(text)


def test_a_report_tells_the_same_as_its_numbers(folder: Path):
    page, numbers = (info(folder / f"report.{suffix}") for suffix in ("html", "json"))
    del page["provenance"]["facegen_version"]
    assert page["provenance"] == numbers["provenance"]


def test_a_store_that_is_not_complete_says_how_far_it_is(folder: Path, tmp_path: Path):
    shutil.copy(folder / "latents.h5", tmp_path)
    with h5py.File(tmp_path / "latents.h5", "a") as file:
        file["rows_done"][()] = 7
    assert {"complete: no", "rows: 300", "rows_done: 7"} <= set(
        describe(tmp_path / "latents.h5")[1]
    )


def test_a_training_that_is_not_finished_is_its_checkpoint(folder: Path, tmp_path: Path):
    shutil.copy(folder / "toy" / "checkpoint.h5", tmp_path)
    assert {"finished: no", "kind: facegen-checkpoint"} <= set(describe(tmp_path)[1])


def test_a_checkpoint_of_refine_is_told_apart_and_its_json_has_no_nan(tmp_path: Path):
    history = [{"epoch": 1, "pixel_loss": 0.5, "latent_loss": float("nan")}]
    state = {"options": {"seed": 3}, "history": history, "step": 17, "sums": {}, "model": "abc"}
    save_checkpoint(tmp_path / "crisp_checkpoint.h5", [np.zeros((2, 3)), np.zeros(4)], {})
    with h5py.File(tmp_path / "crisp_checkpoint.h5", "a") as file:
        file.attrs["state"] = json.dumps(state)  # as facegen 0.1 wrote it
    found, _ = describe(tmp_path / "crisp_checkpoint.h5")
    expected = {"command": "refine", "epochs_done": 1, "step": 17, "arrays": 2, "numbers": 10}
    assert {name: found[name] for name in expected} == expected
    assert found["last_epoch"] == {"epoch": 1, "pixel_loss": 0.5}


def test_a_changed_file_of_weights_is_noticed(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "toy", tmp_path / "toy")
    with (tmp_path / "toy" / "decoder.tflite").open("ab") as file:
        file.write(b"\0")
    assert info(tmp_path / "toy" / "decoder.tflite")["intact"] is False


def write_keras(path: Path) -> None:
    if path.suffix == ".keras":
        path.write_bytes(keras_bytes())
        return
    with h5py.File(path, "w") as file:
        if path.name == "old.h5":
            file.attrs.update(model_config=lambda_config(), keras_version="2.4.0")
        else:
            file["layers/dense/vars/0"] = np.zeros((2, 3))
            file.create_group("vars")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.keras", "keras-model"),
        ("old.h5", "keras-model"),
        ("model.weights.h5", "keras-weights"),
    ],
)
def test_a_keras_file_is_named_and_not_run(name: str, kind: str, tmp_path: Path):
    write_keras(tmp_path / name)
    _, (first, second) = describe(tmp_path / name)
    assert first == f"kind: {kind}"
    assert second.startswith("hint: facegen runs no Keras files")


def test_a_part_of_an_output_is_named(tmp_path: Path):
    path = tmp_path / ".facegen-0123456789abcdef.tmp"
    path.write_bytes(b"half")
    with pytest.raises(InputError, match="is a part of an output that is being written"):
        info(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": "facegen-analysis"}', "damaged JSON, or none of facegen's"),
        (b'{"format": "facegen-evaluation", "stamp": {}}', "damaged JSON"),
        (b'{"a": 1}', "JSON, but none of facegen's"),
        (b'{"a": ' + b"[" * 100_000, "damaged JSON"),
        (b"<!DOCTYPE html><p>no picture", "carries no provenance"),
        (b'<!DOCTYPE html><img src="data:image/png;base64,AAAAA">', "first picture is damaged"),
        (b'<!DOCTYPE html><img src="data:image/png;base64,AAAA">', "first picture is damaged"),
        (b"PK\x03\x04 no archive", "not an image"),
    ],
)
def test_a_document_of_others_is_refused(content: bytes, message: str, tmp_path: Path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        info(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


def test_odd_names_do_not_reach_the_terminal(tmp_path: Path):
    save_png(Image.new("RGB", (9, 7)), tmp_path / "a.png", {"command": "x\x1b[2J\ny"})
    lines = facegen("info", tmp_path / "a.png").stdout.splitlines()
    assert "provenance.command: x\\x1b[2J\\ny" in lines
    text = PngImagePlugin.PngInfo()
    text.add_itxt("facegen", '{"facegen_version": "\\ud800"}')
    Image.new("RGB", (9, 7)).save(tmp_path / "b.png", pnginfo=text)
    assert "provenance.facegen_version: \\ud800" in describe(tmp_path / "b.png")[1]
