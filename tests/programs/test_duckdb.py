"""export --parquet, read by DuckDB.

.ci/run runs it where of all extras only [parquet] is installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facegen import read_latents
from facegen.api.export import export
from facegen.io.latent_store import Latents

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")


@pytest.fixture
def table(toy_store: Path, tmp_path: Path) -> str:
    """The toy store in several row groups, quoted for SQL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facegen.api.export_tables.BATCH", 128)
        export(toy_store, tmp_path / "l.parquet", kind="parquet")
    return f"'{tmp_path / 'l.parquet'}'"


def test_every_column_has_its_type(table: str):
    described = duckdb.sql(f"describe select * from {table}").fetchall()
    assert [row[:2] for row in described] == [
        ("row", "BIGINT"),
        ("name", "VARCHAR"),
        ("split", "VARCHAR"),
        ("radius", "DOUBLE"),
        ("identity", "INTEGER"),
        *((label, "TINYINT") for label in ("Smiling", "Male", "Eyeglasses")),
        ("z", "FLOAT[]"),
    ]


def test_points_and_labels_are_the_store_s(table: str, toy_store: Path):
    rows = duckdb.sql(f"select * from {table} order by row").fetchall()
    points = np.array([row[-1] for row in rows], np.float32)
    np.testing.assert_array_equal(points, read_latents(toy_store))
    with Latents.open(toy_store) as store:
        labels = store.file["attributes"][()]
        assert [row[1] for row in rows] == store.read_names(slice(0, 300))
        assert [row[2] == "test" for row in rows] == store.is_test.tolist()
    np.testing.assert_array_equal([row[5:8] for row in rows], labels)
    np.testing.assert_allclose([row[3] for row in rows], np.linalg.norm(points, axis=1), atol=1e-5)


def test_distances_of_vectors_are_computed_in_sql(table: str, toy_store: Path):
    query = f"""
        select row from {table} order by list_distance(z, (select z from {table} where row = 17))
        limit 5
    """
    points = read_latents(toy_store)
    nearest = np.argsort(np.linalg.norm(points - points[17], axis=1))[:5]
    assert [row for (row,) in duckdb.sql(query).fetchall()] == nearest.tolist()


def test_the_metadata_say_how_it_was_made(table: str):
    query = f"select decode(value) from parquet_kv_metadata({table}) where key = 'facegen'"
    ((text,),) = duckdb.sql(query).fetchall()
    made = json.loads(text)
    assert (made["command"], made["latents"], made["rows_done"]) == ("export", "latents.h5", 300)
    assert made["origin"]["seed"] == 5
