"""export --sqlite, read by sqlite-utils.

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

pytest.importorskip("sqlite_utils")


@pytest.fixture
def database(toy_store: Path, tmp_path: Path) -> Path:
    export(toy_store, tmp_path / "latents.db", kind="sqlite")
    return tmp_path / "latents.db"


def answer(database: Path, query: str) -> Any:
    """The rows that a query finds, a dict for each."""
    done = run_python("-m", "sqlite_utils", "query", database, query)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sqlite_utils_reads_points_and_labels(database: Path, toy_store: Path):
    query = "select row, Smiling, split, z from points where Male = 1 order by row limit 3"
    found = answer(database, query)
    points = [np.frombuffer(base64.b64decode(row["z"]["encoded"]), "<f4") for row in found]
    rows = [row["row"] for row in found]
    np.testing.assert_array_equal(points, read_latents(toy_store, rows))
    count = answer(database, "select split, count(*) n from points group by 1")
    assert count == [{"split": "test", "n": 30}, {"split": "train", "n": 270}]


def test_sqlite_utils_tells_how_it_was_made(database: Path):
    query = "select json ->> 'command' command, json ->> '$.origin.seed' seed from provenance"
    assert answer(database, query) == [{"command": "export", "seed": 5}]
