"""export --parquet, read by DuckDB.

.ci/run runs it where of all extras only [parquet] is installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facegen import read_latents
from facegen.api.export import export
from facegen.io.latent_store import Latents
from running import run_python

pytest.importorskip("duckdb_cli")
pytest.importorskip("pyarrow")


@pytest.fixture
def table(toy_store: Path, tmp_path: Path) -> str:
    """The toy store in several row groups, quoted for SQL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facegen.api.export_tables.BATCH", 128)
        export(toy_store, tmp_path / "l.parquet", kind="parquet")
    return f"'{tmp_path / 'l.parquet'}'"


def ask(query: str) -> list[dict[str, Any]]:
    """What DuckDB answers, a dict for each row."""
    done = run_python("-m", "duckdb_cli", "-json", "-c", query)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_column_has_its_type(table: str):
    described = ask(f"select column_name, column_type from (describe from {table})")
    assert {row["column_name"]: row["column_type"] for row in described} == {
        "row": "BIGINT",
        "name": "VARCHAR",
        "split": "VARCHAR",
        "radius": "DOUBLE",
        "identity": "INTEGER",
        **dict.fromkeys(("Smiling", "Male", "Eyeglasses"), "TINYINT"),
        "z": "FLOAT[]",
    }


def test_points_and_labels_are_the_store_s(table: str, toy_store: Path):
    rows = ask(f"from {table} order by row")
    points = np.array([row["z"] for row in rows], np.float32)
    np.testing.assert_array_equal(points, read_latents(toy_store))
    with Latents.open(toy_store) as store:
        labels = store.file["attributes"][()]
        assert [row["name"] for row in rows] == store.read_names(slice(0, 300))
        assert [row["split"] == "test" for row in rows] == store.is_test.tolist()
    found = [[row[label] for label in ("Smiling", "Male", "Eyeglasses")] for row in rows]
    np.testing.assert_array_equal(found, labels)
    radii = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose([row["radius"] for row in rows], radii, atol=1e-5)


def test_distances_of_vectors_are_computed_in_sql(table: str, toy_store: Path):
    found = ask(
        f"from {table} order by list_distance(z, (select z from {table} where row = 17)) limit 5"
    )
    points = read_latents(toy_store)
    nearest = np.argsort(np.linalg.norm(points - points[17], axis=1))[:5]
    assert [row["row"] for row in found] == nearest.tolist()


def test_the_metadata_say_how_it_was_made(table: str):
    (found,) = ask(
        f"select decode(value) made from parquet_kv_metadata({table}) where key = 'facegen'"
    )
    made = json.loads(found["made"])
    assert (made["command"], made["latents"], made["rows_done"]) == ("export", "latents.h5", 300)
    assert made["origin"]["seed"] == 5
