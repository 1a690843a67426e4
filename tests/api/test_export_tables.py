"""export as Parquet, SQLite and for the projector: what their columns are, and what goes wrong."""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest

from facegen.api.export import export
from facegen.api.export_tables import label_columns
from facegen.errors import FacegenError, InputError, OutputError
from facegen.images.sprites import LARGEST, make_sprite
from facegen.io.latent_writer import write_latents
from running import facegen


def rows_of(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(query).fetchall()


def columns_of(path: Path) -> list[str]:
    return [row[1] for row in rows_of(path, "pragma table_info(points)")]


@pytest.fixture
def odd_store(tmp_path: Path) -> Path:
    """Three rows: a point with NaN, an AE's logvar, names with tabs and quotes."""
    z = np.array([[3, 4], [np.nan, 0], [0, 1e-9]], np.float32)
    logvar = np.full((3, 2), -np.inf, np.float32)
    names = ['a\tb\n"c"', "ü", "'); drop table points; --"]
    write_latents(tmp_path / "odd.h5", [(z, logvar, z)], names, latent_dim=2)
    return tmp_path / "odd.h5"


def test_sqlite_has_blobs_of_float32_and_null_where_there_is_no_radius(odd_store: Path):
    path = odd_store.with_name("odd.db")
    assert export(odd_store, path, kind="sqlite") == 3
    assert columns_of(path) == ["row", "name", "split", "radius", "z"]
    rows = rows_of(path, "select row, name, radius, z from points order by row")
    assert [row[:3] for row in rows] == [
        (0, 'a\tb\n"c"', 5.0),
        (1, "ü", None),
        (2, "'); drop table points; --", 0.0),
    ]
    points = np.stack([np.frombuffer(row[3], "<f4") for row in rows])
    np.testing.assert_array_equal(points, h5py.File(odd_store)["z"])


def test_logvar_has_no_radius(odd_store: Path):
    export(odd_store, odd_store.with_name("odd.db"), kind="sqlite", points="logvar")
    assert columns_of(odd_store.with_name("odd.db")) == ["row", "name", "split", "logvar"]
    (blob, *_), *_ = rows_of(odd_store.with_name("odd.db"), "select logvar from points")
    assert np.isneginf(np.frombuffer(blob, "<f4")).all()


def test_the_projector_s_tables_have_a_line_for_each_row_whatever_the_names(odd_store: Path):
    folder = odd_store.with_name("points")
    export(odd_store, folder, kind="projector")
    assert sorted(path.name for path in folder.iterdir()) == [
        "metadata.tsv",
        "projector_config.pbtxt",
        "tensors.tsv",
    ]
    lines = (folder / "metadata.tsv").read_text().splitlines()
    assert lines[0] == "row\tname\tsplit\tradius"
    assert lines[1] == '0\ta b "c"\ttrain\t5.0'
    tensors = [line.split("\t") for line in (folder / "tensors.tsv").read_text().splitlines()]
    np.testing.assert_array_equal(
        np.array(tensors).astype(np.float32), h5py.File(odd_store)["z"][()]
    )


@pytest.mark.parametrize("kind", ["sqlite", "parquet", "projector"])
def test_a_store_without_rows_is_a_table_without_rows(kind: str, toy_store: Path, tmp_path: Path):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / "empty.h5").write_bytes(toy_store.read_bytes())
    with h5py.File(tmp_path / "empty.h5", "a") as file:
        file["rows_done"][()] = 0
        file["complete"][()] = 0
    done = facegen("export", tmp_path / "empty.h5", f"--{kind}", "-o", tmp_path / "out")
    assert "is not complete; the 0 rows that are there are exported" in done.stderr
    if kind == "sqlite":
        assert "Smiling" in columns_of(tmp_path / "out")
        assert rows_of(tmp_path / "out", "select count(*) from points") == [(0,)]
    elif kind == "projector":
        assert (tmp_path / "out" / "metadata.tsv").read_text().count("\n") == 1


def test_a_label_whose_name_is_taken_gets_another():
    taken = ["row", "name", "z"]
    labels = ["Name", "Male", "male", "z", "name_", ""]
    assert label_columns(labels, taken) == ["Name_", "Male", "male_", "z_", "name__", "_"]


def test_labels_of_any_name_are_columns_of_sqlite(toy_store: Path, tmp_path: Path):
    (tmp_path / "l.h5").write_bytes(toy_store.read_bytes())
    names = ['a "quoted" one', "name", "NAME"]
    with h5py.File(tmp_path / "l.h5", "a") as file:
        del file["attribute_names"]
        file["attribute_names"] = names
    export(tmp_path / "l.h5", tmp_path / "l.db", kind="sqlite")
    assert columns_of(tmp_path / "l.db")[5:] == ['a "quoted" one', "name_", "NAME__", "z"]


def test_memory_holds_a_batch_at_a_time(
    toy_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("facegen.api.export_tables.BATCH", 128)
    done: list[int] = []
    export(toy_store, tmp_path / "l.db", kind="sqlite", progress=done.append)
    assert done == [128, 128, 44]
    assert rows_of(tmp_path / "l.db", "select count(*), max(row) from points") == [(300, 299)]


@pytest.mark.parametrize("kind", ["sqlite", "projector", "parquet"])
def test_what_goes_wrong_midway_leaves_nothing(
    kind: str, toy_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr("facegen.api.export_tables.BATCH", 128)

    def fail(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(toy_store, tmp_path / "out", kind=kind, progress=fail)
    gc.collect()  # a writer that was not ended would say so
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(
    toy_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    connect = sqlite3.connect

    def small(*arguments, **options) -> sqlite3.Connection:
        file = connect(*arguments, **options)
        file.execute("pragma max_page_count = 3")
        return file

    monkeypatch.setattr("sqlite3.connect", small)
    with pytest.raises(OutputError, match=r"cannot write .*out\.db: database or disk is full"):
        export(toy_store, tmp_path / "out.db", kind="sqlite")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_keeps_its_files(toy_store: Path, tmp_path: Path):
    (tmp_path / "points").mkdir()
    (tmp_path / "points" / "tensors.tsv").write_text("precious")
    with pytest.raises(OutputError, match=r"points/tensors\.tsv exists already"):
        export(toy_store, tmp_path / "points", kind="projector")
    assert [path.name for path in (tmp_path / "points").iterdir()] == ["tensors.tsv"]
    (tmp_path / "points" / "mine.txt").write_text("mine")
    export(toy_store, tmp_path / "points", kind="projector", force=True)
    assert (tmp_path / "points" / "mine.txt").read_text() == "mine"
    assert len(list((tmp_path / "points").iterdir())) == 4


def test_faces_of_another_set_are_refused(toy_store: Path, toy_faces: Path, tmp_path: Path):
    from facegen.io.face_set_writer import FaceSetWriter

    with FaceSetWriter(tmp_path / "f.h5", size=8, source="others", crop="none") as writer:
        writer.append(np.zeros((1, 8, 8, 3), np.uint8), ["a"])
        writer.set_split(np.zeros(1, bool))
    with pytest.raises(InputError, match=r"was not made from .*f\.h5: their fingerprints differ"):
        export(toy_store, tmp_path / "p", kind="projector", faces=tmp_path / "f.h5")
    with pytest.raises(InputError, match="faces are shown by the projector alone"):
        export(toy_store, tmp_path / "p", kind="csv", faces=toy_faces)


def batches(count: int) -> Iterator[np.ndarray]:
    for start in range(0, count, 500):
        yield np.full((min(500, count - start), 16, 16, 3), 200, np.uint8)


def test_a_sprite_sheet_is_never_larger_than_the_projector_takes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("facegen.images.sprites.LARGEST", 256)
    sheet, thumbnail = make_sprite(batches(1000), 1000, 16)
    assert (sheet.size, thumbnail) == ((256, 256), 8)
    with pytest.raises(InputError, match="has room for 1024 faces, not for 1025"):
        make_sprite(batches(1025), 1025, 16)
    assert LARGEST == 8192


@pytest.mark.parametrize(("kind", "library"), [("parquet", "pyarrow"), ("onnx", "onnx")])
def test_without_its_library_an_export_says_what_to_install(
    kind: str, library: str, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, library, None)
    source = "latents.h5" if kind == "parquet" else tmp_path
    done = facegen("export", source, f"--{kind}", "-o", tmp_path / "out")
    assert isinstance(done.exception, FacegenError)
    assert f"pip install 'facegen[{kind}]'" in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("latents.h5", "Choose one of --npy, --csv, --parquet, --sqlite, --projector and --onnx."),
        ("--sqlite", "--sqlite needs a store, such as latents.h5."),
        ("latents.h5 --csv --faces faces.h5", "--faces goes with --projector."),
        ("--onnx --points mu", "--points goes with a store, not with --onnx."),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(command: str, says: str, work: Path):
    done = facegen("export", *command.split())
    assert (done.exit_code, says in done.stderr) == (2, True), done.stderr


def test_the_names_of_outputs_stand_beside_the_store(work: Path):
    for kind, name in (("sqlite", "latents.db"), ("projector", "latents-projector")):
        done = facegen("export", "latents.h5", f"--{kind}", "--json")
        assert json.loads(done.stdout) == {"path": name, "rows": 300, "points": "z"}
