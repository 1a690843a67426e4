"""query, export and generate --latents: rows of a store in other hands."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facegen.api.query import Conditions, query, query_rows
from facegen.errors import InputError
from facegen.images.sheets import read_grid
from facegen.io.latent_store import Latents
from facegen.io.provenance import read_provenance
from facegen.io.weights import Weights
from facegen.model.codec import Codec
from facegen.row_ranges import format_rows, parse_rows
from running import facegen, python_environment


def read(path: Path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return file[name][()]


def test_conditions_choose_the_rows_that_numpy_chooses(toy_store: Path):
    radius = np.linalg.norm(read(toy_store, "z").astype(float), axis=1)
    smiling = read(toy_store, "attributes")[:, 0] == 1
    male = read(toy_store, "attributes")[:, 1] == 1
    test = read(toy_store, "split") == 1
    low, high = np.quantile(radius, [0.2, 0.9])
    conditions: dict[str, Any]
    for conditions, expected in (
        ({}, radius > 0),
        ({"min_radius": low}, radius >= low),
        ({"max_radius": high}, radius <= high),
        ({"min_radius": low, "max_radius": high}, (radius >= low) & (radius <= high)),
        ({"attribute": {"Smiling": 1, "Male": -1}}, smiling & ~male),
        ({"split": "test"}, test),
        (
            {
                "min_radius": low,
                "max_radius": high,
                "attribute": {"Smiling": -1},
                "split": "train",
            },
            (radius >= low) & (radius <= high) & ~smiling & ~test,
        ),
    ):
        found = list(query(toy_store, **conditions))
        assert [row["row"] for row in query(toy_store, **conditions, details=False)] == [
            row["row"] for row in found
        ]
        assert expected.any()
        assert [row["row"] for row in found] == np.flatnonzero(expected).tolist()
        np.testing.assert_allclose([r["radius"] for r in found], radius[expected], atol=1e-5)


def test_a_found_row_tells_what_the_store_knows(toy_store: Path):
    found = list(query(toy_store, limit=8))[7]
    values = read(toy_store, "attributes")[7]
    assert found["name"] == "000007.png"
    assert found["identity"] == read(toy_store, "identities")[7]
    assert found["split"] in ("train", "test")
    assert found["attributes"] == dict(zip(["Smiling", "Male", "Eyeglasses"], values, strict=True))


def test_the_limit_holds_over_batches(toy_store: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("facegen.api.query.BATCH", 7)
    for limit in (1, 6, 7, 8, 20, 300, 1000):
        rows = [found["row"] for found in query(toy_store, limit=limit)]
        assert rows == list(range(min(limit, 300)))


def test_the_radius_can_be_that_of_mu(toy_store: Path):
    radius = np.linalg.norm(read(toy_store, "mu"), axis=1)
    found = [row["radius"] for row in query(toy_store, points="mu")]
    np.testing.assert_allclose(found, radius, atol=1e-5)


def test_the_radius_is_computed_in_double_precision(toy_store: Path):
    with Latents.open(toy_store) as store:
        found = np.concatenate([radius for _, radius in query_rows(store, Conditions())])
    expected = np.linalg.norm(read(toy_store, "z").astype(float), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_an_unknown_attribute_is_answered_with_those_like_it(toy_store: Path):
    result = facegen("query", toy_store, "--attribute", "smilin=1")
    assert isinstance(result.exception, InputError)
    assert "has no attribute 'smilin'; it has Smiling" in str(result.exception)


@pytest.mark.parametrize("text", ["Smiling", "Smiling=2", "=1", "Smiling=yes"])
def test_an_attribute_without_a_value_is_refused(toy_store: Path, text: str):
    result = facegen("query", toy_store, "--attribute", text)
    assert result.exit_code == 2
    assert "is not NAME=1 (yes), NAME=-1 (no)" in " ".join(result.output.split())


def test_all_formats_tell_the_same_rows(toy_store: Path):
    attributes = ["Smiling", "Male", "Eyeglasses"]
    options = ("query", toy_store, "--attribute", "Smiling=1", "--split", "test")
    expected = list(query(toy_store, attribute={"Smiling": 1}, split="test"))
    as_json = [json.loads(line) for line in facegen(*options, "--json").output.splitlines()]
    assert as_json == expected
    as_rows = facegen(*options, "--rows").output
    assert as_rows == "".join(f"{found['row']}\n" for found in expected)
    as_csv = list(csv.DictReader(io.StringIO(facegen(*options, "--csv").output)))
    assert [int(line["row"]) for line in as_csv] == [found["row"] for found in expected]
    assert {line["Smiling"] for line in as_csv} == {"1"}
    assert as_csv[0].keys() == {"row", "name", "split", "radius", "identity", *attributes}
    as_text = [line.split("\t") for line in facegen(*options).output.splitlines()]
    assert [line[3] for line in as_text] == [found["name"] for found in expected]


def pipeline(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    facegen = f"{sys.executable} -m facegen"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("facegen ", f"{facegen} ")],
        cwd=folder,
        env=python_environment(),
        capture_output=True,
        text=True,
    )


def test_a_reader_who_has_had_enough_is_no_error(toy_store: Path, tmp_path: Path):
    large = tmp_path / "large.h5"  # more output than a pipe holds
    from facegen.io.latent_writer import write_latents

    points = np.ones((20_000, 2), np.float32)
    write_latents(large, [(points, points, points)], ["x" * 50] * 20_000, latent_dim=2)
    for options in ("", "--rows", "--json", "--csv"):
        done = pipeline(f"facegen query {large} {options} | head -n 1", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == 1


def test_queried_rows_are_decoded_through_a_pipe(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    done = pipeline(
        f"facegen query {toy_store} --attribute Smiling=1 --limit 9 --rows | "
        f"facegen generate --latents {toy_store} --rows - --weights {toy_weights} -o sheet.png",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = np.flatnonzero(read(toy_store, "attributes")[:, 0] == 1)[:9]
    expected = Codec(Weights.load(toy_weights)).decode(read(toy_store, "z")[rows])
    with Image.open(tmp_path / "sheet.png") as sheet:
        provenance = read_provenance(sheet)
        grid = read_grid(provenance, sheet.size)
        pixels = np.asarray(sheet)
    assert provenance is not None
    assert grid is not None
    tiles = [pixels[y : y + 32, x : x + 32] for x, y in grid.corners()]
    np.testing.assert_array_equal(tiles, expected)
    assert parse_rows(provenance["rows"]).tolist() == rows.tolist()


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_row_lists_survive_their_text(rows: list[int]):
    assert parse_rows(format_rows(rows)).tolist() == rows


@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_a_range_of_rows_is_a_short_text(first: int, count: int):
    text = format_rows(range(first, first + count))
    assert len(text) < 20
    assert parse_rows(text).tolist() == list(range(first, first + count))


def test_white_space_and_commas_part_rows():
    assert parse_rows(" 1\n2\n\n3, 5-7\t9,\n").tolist() == [1, 2, 3, 5, 6, 7, 9]
