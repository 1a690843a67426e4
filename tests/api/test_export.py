"""export: the points of a store for other programs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from facegen.api.export import export
from facegen.errors import OutputError
from facegen.io.latent_writer import write_latents
from running import facegen


def read(path: Path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return file[name][()]


def test_npy_is_what_numpy_loads(toy_store: Path, tmp_path: Path):
    for array in ("z", "mu", "logvar"):
        assert export(toy_store, tmp_path / "a.npy", kind="npy", points=array, force=True) == 300
        loaded = np.load(tmp_path / "a.npy", allow_pickle=False)
        np.testing.assert_array_equal(loaded, read(toy_store, array))
        assert loaded.dtype == np.float32


def test_csv_holds_every_float_exactly(
    toy_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("facegen.api.query.BATCH", 100)
    export(toy_store, tmp_path / "a.csv", kind="csv")
    with open(tmp_path / "a.csv", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["row", "name", "split", *(f"z_{i}" for i in range(8))]
    assert [line[:2] for line in lines] == [[str(i), f"{i:06}.png"] for i in range(300)]
    values = np.array([line[3:] for line in lines]).astype(np.float32)
    np.testing.assert_array_equal(values, read(toy_store, "z"))


def test_a_csv_name_with_quotes_and_commas_is_one_field(tmp_path: Path):
    name = 'a "b", c\nd'
    points = np.zeros((1, 1), np.float32)
    write_latents(tmp_path / "l.h5", [(points, points, points)], [name], latent_dim=1)
    export(tmp_path / "l.h5", tmp_path / "l.csv", kind="csv")
    with open(tmp_path / "l.csv", newline="") as file:
        assert list(csv.reader(file))[1] == ["0", name, "train", "0"]
    assert facegen("query", tmp_path / "l.h5").output.count("\n") == 1


def test_an_export_overwrites_nothing_without_force(toy_store: Path, tmp_path: Path):
    store = tmp_path / "latents.h5"
    store.write_bytes(toy_store.read_bytes())
    result = facegen("export", store, "--npy", "--json")
    assert json.loads(result.output) == {
        "path": str(tmp_path / "latents.npy"),
        "rows": 300,
        "points": "z",
    }
    again = facegen("export", store, "--npy")
    assert isinstance(again.exception, OutputError)
    assert "exists already" in str(again.exception)
    assert facegen("export", store, "--npy", "--force").exit_code == 0
    assert facegen("export", store).exit_code == 2
