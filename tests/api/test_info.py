"""info: every kind of file described, everything else refused."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.encode import encode
from facegen.api.info import info
from facegen.errors import FacegenError, InputError
from facegen.images.sheets import save_png
from facegen.io.weights import Weights
from running import facegen


def run_info(path: Path, *options: str) -> str:
    result = facegen("info", path, *options)
    assert result.exit_code == 0, result.exception
    return result.output


def test_a_store_is_described(toy_faces: Path, toy_weights: Path, tmp_path: Path):
    path = tmp_path / "latents.h5"
    encode([toy_faces], path, weights=toy_weights, seed=5, epsilon_scale=0.5)
    found = json.loads(run_info(path, "--json"))
    expected = {
        "kind": "facegen-latents",
        "rows": 300,
        "rows_done": 300,
        "complete": True,
        "latent_dim": 8,
        "test_rows": 30,
        "seed": 5,
        "epsilon_scale": 0.5,
        "epsilon_limit": 5.0,
        "weights": "toy",
        "source": "faces.h5",
        "people": 60,
        "attributes": ["Smiling", "Male", "Eyeglasses"],
        "encoder_sha256": Weights.load(toy_weights).digest("encoder.tflite"),
        "fingerprint": info(toy_faces)["fingerprint"],
    }
    assert {name: found[name] for name in expected} == expected
    text = run_info(path).splitlines()
    assert "complete: yes" in text
    assert "attributes: Smiling, Male, Eyeglasses" in text


def test_a_face_set_is_described(toy_faces: Path):
    found = info(toy_faces)
    assert (found["kind"], found["images"], found["test_images"]) == ("facegen-faces", 300, 30)
    assert (found["size"], found["people"], found["provenance"]) == (32, 60, None)


def test_a_generated_face_set_tells_how_it_was_made(toy_weights: Path, tmp_path: Path):
    options = ["generate", "--weights", str(toy_weights), "--n", "3", "--seed", "4"]
    output = tmp_path / "new.h5"
    assert facegen(*options, "-o", output).exit_code == 0
    found = json.loads(run_info(output, "--json"))
    assert (found["provenance"]["seed"], found["provenance"]["rows"]) == (4, "0-2")
    assert "provenance.seed: 4" in run_info(output).splitlines()


def test_a_folder_of_weights_is_described(toy_weights: Path):
    found = json.loads(run_info(toy_weights, "--json"))
    assert (found["kind"], found["model"]["latent_dim"]) == ("facegen-weights", 8)
    assert found["files"].keys() >= {"encoder.tflite", "decoder.tflite"}
    assert "model.kind: vae" in run_info(toy_weights).splitlines()


def test_a_picture_tells_its_provenance(tmp_path: Path):
    path = tmp_path / "face.png"
    save_png(Image.new("RGB", (9, 7)), path, {"command": "generate", "seed": 3})
    found = json.loads(run_info(path, "--json"))
    assert (found["kind"], found["width"], found["height"]) == ("facegen-picture", 9, 7)
    assert (found["provenance"]["command"], found["provenance"]["seed"]) == ("generate", 3)


def write_bad_file(path: Path, what: str) -> None:
    if what == "photo":
        Image.new("RGB", (9, 7)).save(path, "PNG")
    elif what == "text":
        path.write_text("nothing")
    elif what == "folder":
        path.mkdir()
    elif what in ("other", "newer", "broken provenance"):
        with h5py.File(path, "w") as file:
            if what != "other":
                version = 99 if what == "newer" else 1
                file.attrs.update({"format": "facegen-faces", "format_version": version})
            file["images"] = np.zeros((1, 8, 8, 3), np.uint8)
            file["names"] = np.array([b"x"])
            file["split"] = np.zeros(1, np.uint8)
            file.attrs["provenance"] = "{"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "does not exist"),
        ("photo", "carries no provenance"),
        ("text", "not an image that facegen reads; expected latents.h5, faces.h5"),
        ("folder", "no weights in"),
        ("other", "is another program's HDF5"),
        ("newer", "version 99, this facegen reads up to"),
        ("broken provenance", "the provenance is damaged"),
    ],
)
def test_what_is_not_facegens_is_refused(tmp_path: Path, what: str, message: str):
    write_bad_file(tmp_path / "file", what)
    with pytest.raises(FacegenError, match=message) as caught:
        info(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


def test_a_truncated_store_is_refused(toy_faces: Path, tmp_path: Path):
    path = tmp_path / "file.h5"
    path.write_bytes(toy_faces.read_bytes()[:5000])
    with pytest.raises(InputError, match="truncated"):
        info(path)
