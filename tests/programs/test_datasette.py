"""export --sqlite, read by datasette.

.ci/run runs it where none of the extras is installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facegen.api.export import export
from running import run_python

pytest.importorskip("datasette")


def test_datasette_shows_rows_and_facets(toy_store: Path, tmp_path: Path):
    database = tmp_path / "latents.db"
    export(toy_store, database, kind="sqlite")
    path = "/latents/points.json?split=test&_facet=Smiling&_size=2&_shape=objects"
    done = run_python("-m", "datasette", database, "--get", path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["filtered_table_rows_count"], len(found["rows"])) == (30, 2)
    assert found["primary_keys"] == ["row"]
    facets = found["facet_results"]["Smiling"]["results"]
    assert sum(facet["count"] for facet in facets) == 30
