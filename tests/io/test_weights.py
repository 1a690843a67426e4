"""A folder of weights: found, checked, loaded without running code."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.errors import InputError, MissingFileError
from facegen.images.sheets import read_grid
from facegen.io import weights as weights_module
from facegen.io.provenance import read_provenance
from facegen.io.weights import CRISP_FILES, FILES, HISTORY_PLOT, Weights, default_weights_path
from facegen.io.weights_writer import add_crisp, publish_model, write_config
from facegen.options import ModelOptions


@pytest.fixture
def copy(toy_weights: Path, tmp_path: Path) -> Path:
    """A copy of the toy weights, to be damaged."""
    return Path(shutil.copytree(toy_weights, tmp_path / "copy"))


def change(folder: Path, **values: Any) -> None:
    """Sets values of config.json; None removes them."""
    config = json.loads((folder / "config.json").read_text()) | values
    config = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))


def test_trained_weights_are_loaded(toy_weights):
    weights = Weights.load(toy_weights)
    assert weights.name == "toy"
    assert weights.model == ModelOptions(
        image_size=32, latent_dim=8, filters=(8, 16), kernels=(3, 3), strides=(2, 2), seed=1
    )
    assert weights.config["data"]["training_images"] == 270
    assert weights.config["data"]["test_images"] == 30
    assert weights.config["data"]["note"] == "Synthetic faces."


def test_the_name_is_the_folders_own(toy_weights, monkeypatch):
    monkeypatch.chdir(toy_weights)
    assert Weights.load(".").name == "toy"


def test_every_file_has_the_recorded_digest(toy_weights):
    weights = Weights.load(toy_weights)
    assert set(weights.config["files"]) == {*FILES, HISTORY_PLOT}
    for name in (*FILES, HISTORY_PLOT):
        path = weights.file(name)
        assert path == toy_weights / name
        assert weights.digest(name) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_provenance_names_the_weights_and_the_half(toy_weights):
    digest = hashlib.sha256((toy_weights / "decoder.tflite").read_bytes()).hexdigest()
    provenance = Weights.load(toy_weights).provenance("decoder")
    assert provenance == {"name": "toy", "decoder_sha256": digest}


def test_arrays_are_plain_hdf5_with_float16_matrices(toy_weights):
    shapes = {}
    with h5py.File(toy_weights / "decoder.h5") as file:
        file.visititems(
            lambda name, item: (
                shapes.update({name: (item.shape, item.dtype.name)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    assert shapes["to_pixels/kernel"] == ((8, 8 * 8 * 16), "float16")
    assert shapes["to_pixels/bias"] == ((1024,), "float32")
    assert shapes["transposed_convolution_1/kernel"] == ((3, 3, 3, 8), "float16")


def test_the_samples_sheet_shows_28_faces(toy_weights):
    with Image.open(toy_weights / "samples.png") as image:
        provenance = read_provenance(image)
        grid = read_grid(provenance, image.size)
        assert len(np.unique(np.asarray(image))) > 10
    assert grid is not None
    assert (grid.count, grid.columns, grid.height) == (28, 7, 32)


def test_a_missing_folder_is_named(tmp_path):
    message = f"no weights in {tmp_path / 'nothing'}: config.json is missing"
    with pytest.raises(MissingFileError, match=message):
        Weights.load(tmp_path / "nothing")


def test_a_file_is_no_folder_of_weights(toy_weights):
    with pytest.raises(MissingFileError, match="no weights in"):
        Weights.load(toy_weights / "decoder.tflite")


def test_an_unfinished_training_is_told_from_no_training(tmp_path):
    (tmp_path / "checkpoint.h5").write_bytes(b"")
    with pytest.raises(MissingFileError, match="not finished; go on with 'facegen train --resume'"):
        Weights.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN'])
def test_a_damaged_config_is_refused(copy, content):
    (copy / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=r"config\.json is damaged"):
        Weights.load(copy)


@pytest.mark.parametrize("content", ["[]", "5", "{}", '{"format": "other"}', "null"])
def test_another_json_file_is_refused(copy, content):
    (copy / "config.json").write_text(content)
    with pytest.raises(InputError, match="does not describe facegen weights"):
        Weights.load(copy)


@pytest.mark.parametrize("version", [2, 99, "1", 1.5, [1]])
def test_a_newer_or_odd_version_is_refused(copy, version):
    change(copy, format_version=version)
    with pytest.raises(InputError, match="this facegen reads up to 1; upgrade facegen"):
        Weights.load(copy)


@pytest.mark.parametrize(
    "values",
    [
        {"model": None},
        {"model": []},
        {"model": {"layers": 5}},
        {"model": {"latent_dim": 0}},
        {"model": {"latent_dim": "eight"}},
        {"model": {"filters": 5}},
        {"files": None},
        {"files": 5},
    ],
)
def test_a_config_with_a_damaged_part_is_refused(copy, values):
    change(copy, **values)
    with pytest.raises(InputError, match=r"config\.json is damaged"):
        Weights.load(copy)


def test_a_changed_file_is_refused_when_it_is_used(copy):
    data = bytearray((copy / "decoder.tflite").read_bytes())
    data[-1] ^= 1
    (copy / "decoder.tflite").write_bytes(data)
    weights = Weights.load(copy)
    with pytest.raises(InputError, match=r"decoder\.tflite is damaged: its digest is not the one"):
        weights.file("decoder.tflite")
    weights.file("encoder.tflite")


def test_a_missing_file_is_named_when_it_is_used(copy):
    (copy / "decoder.tflite").unlink()
    with pytest.raises(MissingFileError, match=r"decoder\.tflite does not exist"):
        Weights.load(copy).file("decoder.tflite")


def test_a_file_that_config_does_not_record_is_refused(copy):
    (copy / "extra").write_bytes(b"x")
    with pytest.raises(InputError, match="records no extra"):
        Weights.load(copy).file("extra")


def test_the_environment_names_the_default_weights(toy_weights, monkeypatch):
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    assert default_weights_path() == toy_weights
    assert Weights.load().path == toy_weights


@pytest.mark.parametrize("value", ["", None])
def test_without_the_environment_the_default_is_facegens_own(value, monkeypatch):
    monkeypatch.delenv("FACEGEN_WEIGHTS", raising=False)
    if value is not None:
        monkeypatch.setenv("FACEGEN_WEIGHTS", value)
    path = default_weights_path()
    assert path.name == "celeba-vae"
    assert path.parent.name in ("weights", "weights_data")
    assert path.is_dir()


def test_installed_weights_come_before_those_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.delenv("FACEGEN_WEIGHTS", raising=False)
    monkeypatch.setattr(weights_module, "__file__", str(tmp_path / "facegen" / "io" / "weights.py"))
    installed = tmp_path / "facegen" / "weights_data" / "celeba-vae"
    in_repository = tmp_path / "weights" / "celeba-vae"
    assert default_weights_path() == installed
    in_repository.mkdir(parents=True)
    assert default_weights_path() == in_repository
    installed.mkdir(parents=True)
    assert default_weights_path() == installed


def test_write_config_records_the_digests_of_all_files(tmp_path):
    parts: dict[str, Any] = {"model": {}, "training": {"a": 1}, "data": {"b": 2}, "metrics": {}}
    with publish_model(tmp_path) as stage:
        for name in FILES:
            stage(name).write_text(f"content of {name}")
        write_config(stage, **parts)
    config = json.loads((tmp_path / "config.json").read_text())
    assert {name: config[name] for name in parts} == parts
    for name in FILES:
        expected = hashlib.sha256(f"content of {name}".encode()).hexdigest()
        assert config["files"][name] == expected
    assert Weights.load(tmp_path).model == ModelOptions()


def test_write_config_needs_every_file(tmp_path):
    def write_all_but_one() -> None:
        with publish_model(tmp_path) as stage:
            for name in FILES[1:]:
                stage(name).write_text("x")
            write_config(stage, model={}, training={}, data={}, metrics={})

    with pytest.raises(MissingFileError, match=FILES[0]):
        write_all_but_one()
    assert not list(tmp_path.iterdir())


def test_a_crisp_decoder_that_is_not_recorded_is_not_used(copy: Path):
    weights = Weights.load(copy)
    with publish_model(copy) as stage:
        for name in (*CRISP_FILES, "MODEL_CARD.md"):
            stage(name).write_bytes(b"whole")
        add_crisp(stage, weights, {"note": "made up"})
    recorded = Weights.load(copy)
    assert recorded.decoder() == "crisp_decoder"
    assert set(recorded.config["files"]) == {*FILES, HISTORY_PLOT, *CRISP_FILES}
    assert recorded.config["crisp"] == {"note": "made up"}


def test_the_files_of_a_model_appear_together(copy: Path):
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    def fail() -> None:
        with publish_model(copy) as stage:
            for name in ("encoder.h5", "config.json"):
                stage(name).write_bytes(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    with publish_model(copy) as stage:
        for name in ("encoder.h5", "config.json"):
            stage(name).write_bytes(b"new")
        assert {path: (copy / path).read_bytes() for path in before} == before
    after = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert after == {**before, "encoder.h5": b"new", "config.json": b"new"}
