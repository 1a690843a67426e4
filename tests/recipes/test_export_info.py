"""What exports say of themselves: info tells it, reproduce makes them again."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from facegen.errors import FacegenError, InputError
from facegen.io.onnx_file import BEGINNING, read_onnx_info
from facegen.recipes.export_info import describe_export
from running import facegen

EXPORTS = {
    "points.parquet": ("latents.h5 --parquet --points mu", "facegen-parquet"),
    "points.db": ("latents.h5 --sqlite", "facegen-sqlite"),
    "projector/projector_config.pbtxt": ("latents.h5 --projector", "facegen-projector"),
    "model/encoder.onnx": ("--onnx", "facegen-onnx"),
    "model/decoder.onnx": ("--onnx", "facegen-onnx"),
}


def make(name: str, folder: Path) -> Path:
    """An export of what lies in the current folder."""
    library = {".parquet": "pyarrow", ".onnx": "onnx"}.get(Path(name).suffix)
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}")
    path = folder / name
    output = path if path.parent == folder else path.parent
    done = facegen("export", *EXPORTS[name][0].split(), "-o", output)
    assert done.exit_code == 0, (done.output, done.exception)
    return path


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_says_what_made_it(name: str, work: Path, tmp_path: Path):
    done = facegen("info", make(name, tmp_path), "--json")
    found = json.loads(done.stdout)
    assert found["kind"] == EXPORTS[name][1]
    made = found["provenance"]
    assert list(made)[:2] == ["facegen_version", "command"]
    if "model" in name:
        assert set(made["weights"]) == {"name", f"{Path(name).stem}_sha256"}
    else:
        assert (made["latents"], made["rows_done"], made["origin"]["seed"]) == (
            *("latents.h5", 300),
            5,
        )


@pytest.mark.parametrize("name", sorted(EXPORTS.keys() - {"projector/projector_config.pbtxt"}))
def test_an_export_is_made_again_bit_for_bit(name: str, work: Path, tmp_path: Path):
    original = make(name, tmp_path)
    done = facegen("reproduce", original, "--from", work)
    assert (done.exit_code, done.stderr) == (0, "identical\n"), done.exception
    again = original.with_name(f"{original.stem}-reproduced{original.suffix}")
    assert again.read_bytes() == original.read_bytes()


def test_a_changed_table_is_noticed(work: Path, tmp_path: Path):
    original = make("points.db", tmp_path)
    with closing(sqlite3.connect(original)) as file:
        file.execute("update points set radius = 1 where row = 7")
        file.commit()
    done = facegen("reproduce", original, "--from", work)
    assert "points-reproduced.db differs from" in str(done.exception)


def test_an_export_for_the_projector_names_the_command_that_made_it(work: Path, tmp_path: Path):
    done = facegen("reproduce", make("projector/projector_config.pbtxt", tmp_path))
    assert "(facegen-projector) can't be reproduced; 'facegen export' made it" in str(
        done.exception
    )


@pytest.mark.parametrize("name", EXPORTS)
def test_a_damaged_export_is_one_clear_line(name: str, work: Path, tmp_path: Path):
    """Cut short anywhere, and with bytes changed."""
    content = make(name, tmp_path).read_bytes()
    random, path = np.random.default_rng(0), tmp_path / Path(name).name
    for number in range(60):
        damaged = bytearray(content)
        if number % 2:
            del damaged[random.integers(len(content)) :]
        else:
            places = [
                *random.integers(len(content), size=8),
                *(len(content) - random.integers(1, 400, 8)),
            ]
            for place in places:
                damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        done = facegen("info", path)
        assert done.exit_code == 0 or isinstance(done.exception, FacegenError), done.exception
        assert "\n" not in str(done.exception)


@pytest.mark.parametrize(
    "script",
    [
        "create table t (a)",
        "create table provenance (other text)",
        "create table provenance (json text)",
        "create table provenance (json text); insert into provenance values (null)",
        "create table provenance (json text); insert into provenance values (x'ff')",
        "create table provenance (json text); insert into provenance values ('[1]')",
        "create table provenance (json text); insert into provenance values (zeroblob(90000000))",
        "create view provenance as with recursive n(json) as (select 1 union all select json + 1 "
        "from n) select json from n where json < 0",
        "create view provenance as with recursive n(json) as (select 'x' union all select json || "
        "json from n) select json from n order by 1 desc",
        "create view provenance as select hex(zeroblob(400000000)) json",
    ],
)
def test_a_database_of_a_stranger_is_refused_at_once(script: str, tmp_path: Path):
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as file:
        file.executescript(script)
    before, start = path.read_bytes(), time.monotonic()
    with pytest.raises(InputError) as caught:
        describe_export(path)
    assert time.monotonic() - start < 2
    assert str(caught.value).startswith(f"{path}: ")
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (before, 1)


def test_parquet_of_another_program_is_named(tmp_path: Path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: Parquet, but none of facegen's"):
        describe_export(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (b"", "carries no provenance"),
        (b"\x72\x02\x0a\x00", "carries no provenance"),
        (b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "damaged|too much"),
        (b"\x72\xff\xff\xff\x7f", "too much|damaged"),
        (b"\x00" * 200_000, "too many parts"),
        (b"\x73", "damaged"),
    ],
)
def test_an_onnx_model_of_a_stranger_is_refused(rest: bytes, says: str, tmp_path: Path):
    (tmp_path / "s.onnx").write_bytes(BEGINNING + rest)
    with pytest.raises(InputError, match=says):
        read_onnx_info(tmp_path / "s.onnx")
