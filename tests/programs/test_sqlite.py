"""export --sqlite, read by sqlite-utils and datasette.

.ci/run runs it where none of the extras is installed.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facegen import read_latents
from facegen.api.export import export
from running import run_python


@pytest.fixture
def database(toy_store: Path, tmp_path: Path) -> Path:
    export(toy_store, tmp_path / "latents.db", kind="sqlite")
    return tmp_path / "latents.db"


def answer(*command: str | Path) -> Any:
    """What a program says, which is JSON."""
    done = run_python("-m", *command)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sqlite_utils_reads_points_and_labels(database: Path, toy_store: Path):
    pytest.importorskip("sqlite_utils")
    query = "select row, Smiling, split, z from points where Male = 1 order by row limit 3"
    found = answer("sqlite_utils", "query", database, query)
    points = [np.frombuffer(base64.b64decode(row["z"]["encoded"]), "<f4") for row in found]
    rows = [row["row"] for row in found]
    np.testing.assert_array_equal(points, read_latents(toy_store, rows))
    count = answer(
        "sqlite_utils", "query", database, "select split, count(*) n from points group by 1"
    )
    assert count == [{"split": "test", "n": 30}, {"split": "train", "n": 270}]


def test_sqlite_utils_tells_how_it_was_made(database: Path):
    pytest.importorskip("sqlite_utils")
    query = "select json ->> 'command' command, json ->> '$.origin.seed' seed from provenance"
    assert answer("sqlite_utils", "query", database, query) == [{"command": "export", "seed": 5}]


def test_datasette_shows_rows_and_facets(database: Path):
    pytest.importorskip("datasette")
    path = "/latents/points.json?split=test&_facet=Smiling&_size=2&_shape=objects"
    found = answer("datasette", database, "--get", path)
    assert (found["filtered_table_rows_count"], len(found["rows"])) == (30, 2)
    assert found["primary_keys"] == ["row"]
    facets = found["facet_results"]["Smiling"]["results"]
    assert sum(facet["count"] for facet in facets) == 30
