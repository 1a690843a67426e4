"""The encoded store: its bytes, its library functions, and what a loss of power can leave."""

from __future__ import annotations

import errno
import os
import struct
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegen.errors import InputError, MissingFileError, OutputError
from facegen.io import hdf5
from facegen.io.latent_store import Latents, Origin, iterate_latents, read_latents
from facegen.io.latent_writer import LatentsWriter, write_latents

Points = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_points(rows: int, latent_dim: int) -> Points:
    random = np.random.default_rng(rows)
    mu, logvar, z = random.normal(size=(3, rows, latent_dim)).astype(np.float32)
    return mu, logvar, z


def write_store(path: Path, points: Points, **options: Any) -> None:
    names = [f"face {row} é" for row in range(len(points[0]))]
    write_latents(path, [points], names, latent_dim=points[0].shape[1], **options)


def open_writer(path: Path, rows: int, latent_dim: int) -> LatentsWriter:
    labels = {"names": ["x"] * rows, "split": np.zeros(rows, "u1")}
    origin = Origin("e", "f", 5)
    return LatentsWriter(path, origin, labels, rows=rows, latent_dim=latent_dim, flush_seconds=0)


def append_rest(writer: LatentsWriter, points: Points, batch_size: int) -> None:
    for start in range(writer.rows_done, len(points[0]), batch_size):
        writer.append(*(array[start : start + batch_size] for array in points))


class ByteReader:
    """Reads a store's datasets from bytes alone, by the tables of docs/latents.md."""

    def __init__(self, path: Path):
        self.data = path.read_bytes()
        assert self.data[:9] == b"\x89HDF\r\n\x1a\n\x00"  # superblock version 0
        assert self.data[13:15] == b"\x08\x08"  # addresses and lengths have 8 bytes
        tree, heap = self.numbers("QQ", 80)
        names = self.numbers("Q", heap + 24)[0]
        assert self.data[tree : tree + 4] == b"TREE"
        self.headers = {}
        for node in self.tree_children(tree, key_size=8):
            assert self.data[node : node + 4] == b"SNOD"
            for i in range(self.numbers("H", node + 6)[0]):
                name, header = self.numbers("QQ", node + 8 + 40 * i)
                start = names + name
                text = self.data[start : self.data.index(b"\0", start)].decode()
                self.headers[text] = header

    def numbers(self, form: str, address: int) -> tuple[int, ...]:
        return struct.unpack_from("<" + form, self.data, address)

    def tree_children(self, tree: int, key_size: int) -> list[int]:
        level, used = self.numbers("BH", tree + 5)
        children = [
            self.numbers("Q", tree + 24 + key_size + i * (key_size + 8))[0] for i in range(used)
        ]
        if level == 0:
            return children
        return [leaf for child in children for leaf in self.tree_children(child, key_size)]

    def messages(self, name: str) -> dict[int, int]:
        """Addresses of an object header's messages by their type."""
        header = self.headers[name]
        blocks = [(header + 16, self.numbers("I", header + 8)[0])]
        found = {}
        for address, size in blocks:
            end = address + size
            while address < end:
                kind, length = self.numbers("HH", address)
                if kind == 0x10:  # the header goes on elsewhere
                    blocks.append(self.numbers("QQ", address + 8))  # type: ignore[arg-type]
                found[kind] = address + 8
                address += 8 + length
        return found

    def shape(self, name: str) -> tuple[int, ...]:
        space = self.messages(name)[0x01]
        return self.numbers("Q" * self.data[space + 1], space + 8)

    def contiguous(self, name: str, dtype: str) -> np.ndarray:
        layout = self.messages(name)[0x08]
        assert self.numbers("BB", layout) == (3, 1)
        address, size = self.numbers("QQ", layout + 2)
        return np.frombuffer(self.data, dtype, size // np.dtype(dtype).itemsize, address)

    def texts(self, name: str) -> list[str]:
        found = []
        for start in range(0, len(references := self.contiguous(name, "u1").tobytes()), 16):
            length, collection, index = struct.unpack_from("<IQI", references, start)
            assert self.data[collection : collection + 4] == b"GCOL"
            address = collection + 16
            while self.numbers("H", address)[0] != index:
                address += 16 + -(-self.numbers("Q", address + 8)[0] // 8) * 8
            assert self.numbers("Q", address + 8)[0] == length
            found.append(self.data[address + 16 : address + 16 + length].decode())
        return found

    def chunked(self, name: str) -> np.ndarray:
        messages = self.messages(name)
        assert 0x0B not in messages  # no filters
        layout = messages[0x08]
        assert self.numbers("BBB", layout) == (3, 2, 3)
        tree, chunk_rows, columns, item = self.numbers("QIII", layout + 3)
        rows, latent_dim = self.shape(name)
        assert (columns, item) == (latent_dim, 4)
        chunks = [
            np.frombuffer(self.data, "<f4", chunk_rows * columns, address)
            for address in self.tree_children(tree, key_size=32)
        ]
        return np.concatenate(chunks).reshape(-1, columns)[:rows]


def test_every_byte_lies_where_the_documentation_says(tmp_path: Path):
    points = make_points(2500, 256)  # three chunks of 1024 rows, the last one not full
    is_test = np.arange(2500) % 7 == 0
    write_store(tmp_path / "latents.h5", points, is_test=is_test, origin=Origin(seed=3))
    store = ByteReader(tmp_path / "latents.h5")
    for name, expected in zip(("mu", "logvar", "z"), points, strict=True):
        np.testing.assert_array_equal(store.chunked(name), expected)
    assert store.contiguous("rows_done", "<u8").tolist() == [2500]
    assert store.contiguous("complete", "u1").tolist() == [1]
    np.testing.assert_array_equal(store.contiguous("split", "u1"), is_test)
    assert store.texts("names") == [f"face {row} é" for row in range(2500)]


def test_a_tree_of_many_chunks_is_found_by_the_documented_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hdf5, "CHUNK_BYTES", 4096)  # 300 chunks: a tree of two levels
    points = make_points(1200, 256)
    write_store(tmp_path / "latents.h5", points)
    store = ByteReader(tmp_path / "latents.h5")
    for name, expected in zip(("mu", "logvar", "z"), points, strict=True):
        np.testing.assert_array_equal(store.chunked(name), expected)


def test_rows_done_can_not_straddle_two_sectors(tmp_path: Path):
    for rows in (1, 2, 3, 100, 5000):
        write_store(tmp_path / "latents.h5", make_points(rows, 3), force=True)
        with h5py.File(tmp_path / "latents.h5") as file:
            assert file["rows_done"].id.get_offset() % 8 == 0


def test_h5py_reads_points_labels_and_origin(tmp_path: Path):
    points = make_points(20, 4)
    attributes = np.where(np.arange(40).reshape(20, 2) % 3, 1, -1)
    write_store(
        tmp_path / "latents.h5",
        points,
        identities=np.arange(20),
        attributes=attributes,
        attribute_names=["Smiling", "Male"],
        origin=Origin("abc", "def", 7, 0.5, 4.0, "weights", "faces.h5"),
    )
    with h5py.File(tmp_path / "latents.h5") as file:
        np.testing.assert_array_equal(file["mu"][:], points[0])
        assert file["names"].asstr()[7] == "face 7 é"
        assert h5py.check_enum_dtype(file["split"].dtype) == {"train": 0, "test": 1}
        assert file["identities"][:].tolist() == list(range(20))
        np.testing.assert_array_equal(file["attributes"][:], attributes)
        assert file["attribute_names"].asstr()[:].tolist() == ["Smiling", "Male"]
        assert file["complete"][()] == 1
        assert {name: file.attrs[name] for name in ("seed", "epsilon_scale", "weights")} == {
            "seed": 7,
            "epsilon_scale": 0.5,
            "weights": "weights",
        }


@settings(max_examples=25)
@given(
    rows=st.integers(1, 60),
    latent_dim=st.integers(1, 5),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    batch_size=st.integers(1, 70),
)
def test_what_is_written_in_any_batches_is_read_in_any_batches(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    latent_dim: int,
    cuts: list[int],
    batch_size: int,
):
    path = tmp_path_factory.mktemp("store") / "latents.h5"
    points = make_points(rows, latent_dim)
    edges = [0, *sorted(min(cut, rows) for cut in cuts), rows]
    batches = [(points[0][a:b], points[1][a:b], points[2][a:b]) for a, b in pairwise(edges)]
    write_latents(path, batches, ["n"] * rows, latent_dim=latent_dim)
    for array, expected in zip(("mu", "logvar", "z"), points, strict=True):
        read = list(iterate_latents(path, array=array, batch_size=batch_size))
        assert [rows.start for rows, _ in read] == list(range(0, rows, batch_size))
        np.testing.assert_array_equal(np.concatenate([part for _, part in read]), expected)


def test_rows_cross_the_borders_of_chunks(tmp_path: Path):
    points = make_points(9000, 100)  # chunks of 2621 rows
    batches = [
        (p[0], p[1], p[2]) for p in zip(*(np.array_split(a, 13) for a in points), strict=True)
    ]
    write_latents(tmp_path / "latents.h5", batches, [""] * 9000, latent_dim=100)
    np.testing.assert_array_equal(read_latents(tmp_path / "latents.h5"), points[2])


def test_rows_are_read_in_the_order_asked_for_with_repetitions(tmp_path: Path):
    points = make_points(30, 4)
    write_store(tmp_path / "latents.h5", points)
    rows = [7, 3, 7, 29, 0]
    read = read_latents(tmp_path / "latents.h5", rows, array="mu")
    np.testing.assert_array_equal(read, points[0][rows])
    assert read.dtype == np.float32


@pytest.mark.parametrize("rows", [[30], [-1], [0, 99]])
def test_a_row_that_is_not_there_is_refused(tmp_path: Path, rows: list[int]):
    write_store(tmp_path / "latents.h5", make_points(30, 4))
    with pytest.raises(InputError, match=r"has rows 0 to 29; asked for row (30|-1|99)"):
        read_latents(tmp_path / "latents.h5", rows)


def test_iterating_never_loads_the_file(tmp_path: Path):
    write_store(tmp_path / "latents.h5", make_points(30_000, 100))  # 12 MB an array
    tracemalloc.start()
    for _, points in iterate_latents(tmp_path / "latents.h5", batch_size=500):
        assert len(points) == 500  # 0.2 MB
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6


def test_an_incomplete_store_shows_the_rows_that_are_there(tmp_path: Path):
    points = make_points(10, 4)
    with open_writer(tmp_path / "latents.h5", 25, 4) as writer:
        writer.append(*points)
    with Latents.open(tmp_path / "latents.h5") as store:
        assert (len(store), store.rows, store.complete) == (10, 25, False)
        with pytest.raises(InputError, match=r"rows 0 to 9 of 25 yet .*; asked for row 10"):
            store.read([10])
    np.testing.assert_array_equal(read_latents(tmp_path / "latents.h5"), points[2])


def test_write_latents_refuses_what_does_not_fit(tmp_path: Path):
    path = tmp_path / "latents.h5"
    mu, logvar, z = make_points(5, 4)
    with pytest.raises(InputError, match="at least one row"):
        write_latents(path, [], [], latent_dim=4)
    with pytest.raises(InputError, match="identities has 4 rows, not 5"):
        write_store(path, (mu, logvar, z), identities=np.arange(4))
    with pytest.raises(InputError, match=r"must be \(5, 4\) each"):
        write_latents(path, [(mu, logvar, z[:, :3])], ["n"] * 5, latent_dim=4, force=True)
    with pytest.raises(InputError, match="points have 5 rows, names 6"):
        write_latents(path, [(mu, logvar, z)], ["n"] * 6, latent_dim=4, force=True)
    with pytest.raises(InputError, match="has 4 rows; can't append row 4"):
        write_latents(path, [(mu, logvar, z)], ["n"] * 4, latent_dim=4, force=True)
    with pytest.raises(OutputError, match="exists already"):
        write_store(path, (mu, logvar, z))


def break_store(path: Path, what: str) -> None:
    if what == "text":
        path.write_text("not HDF5 at all")
        return
    if what == "truncated":
        os.truncate(path, path.stat().st_size - 1000)
        return
    with h5py.File(path, "r+") as file:
        if what == "faces":
            file.attrs["format"] = "facegen-faces"
        elif what == "newer":
            file.attrs["format_version"] = 99
        elif what == "rows_done":
            file["rows_done"][()] = 31
        elif what == "no z":
            del file["z"]
        elif what == "no seed":
            del file.attrs["seed"]
        elif what == "short split":
            del file["split"]
            file.create_dataset("split", data=np.zeros(29, "u1"))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("text", "is not an HDF5 file; expected facegen-latents"),
        ("truncated", "can't be opened: truncated"),
        ("faces", "is facegen-faces; expected facegen-latents"),
        ("newer", "version 99, this facegen reads up to 1; upgrade facegen"),
        ("rows_done", "is damaged: its datasets differ in length"),
        ("no z", "has no dataset 'z'"),
        ("no seed", "is damaged"),
        ("short split", "is damaged: its datasets differ in length"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, what: str, message: str):
    path = tmp_path / "latents.h5"
    write_store(path, make_points(30, 4))
    break_store(path, what)
    with pytest.raises(InputError, match=message) as caught:
        read_latents(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported_as_missing(tmp_path: Path):
    with pytest.raises(MissingFileError, match="does not exist"):
        next(iterate_latents(tmp_path / "latents.h5"))


def test_a_store_that_another_program_compressed_is_not_written_to(tmp_path: Path):
    path = tmp_path / "latents.h5"
    with open_writer(path, 25, 4) as writer:
        writer.append(*make_points(10, 4))
    with h5py.File(path, "r+") as file:
        z = file["z"][:]
        del file["z"]
        file.create_dataset("z", data=z, chunks=(25, 4), compression="gzip")
    before = path.read_bytes()
    with pytest.raises(InputError, match="written again by another program"):
        open_writer(path, 25, 4)
    assert path.read_bytes() == before


def test_after_creation_only_rows_and_two_numbers_change(tmp_path: Path):
    path = tmp_path / "latents.h5"
    open_writer(path, 3000, 256).__exit__(None)
    before = np.frombuffer(path.read_bytes(), "u1")
    with open_writer(path, 3000, 256) as writer:
        writer.append(*make_points(3000, 256))
    after = np.frombuffer(path.read_bytes(), "u1")
    may_change = np.zeros(len(before), bool)
    with h5py.File(path) as file:
        for name in ("mu", "logvar", "z"):
            for i in range(file[name].id.get_num_chunks()):
                chunk = file[name].id.get_chunk_info(i)
                may_change[chunk.byte_offset : chunk.byte_offset + chunk.size] = True
        may_change[file["rows_done"].id.get_offset() :][:8] = True
        may_change[file["complete"].id.get_offset()] = True
    assert len(before) == len(after)
    assert ((before == after) | may_change).all()
    assert may_change.mean() > 0.95


class Disk:
    """Notes every write and fsync of the writer, to play a loss of power afterwards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.log: list[tuple[int, bytes] | None] = []  # None is an fsync
        pwrite, fsync = os.pwrite, os.fsync

        def noted_pwrite(descriptor: int, data: bytes, address: int) -> int:
            written = pwrite(descriptor, data, address)
            self.log.append((address, bytes(data[:written])))
            return written

        def noted_fsync(descriptor: int) -> None:
            fsync(descriptor)
            self.log.append(None)

        monkeypatch.setattr(os, "pwrite", noted_pwrite)
        monkeypatch.setattr(os, "fsync", noted_fsync)

    def after_power_loss(self, image: bytes, moment: int, random: np.random.Generator) -> bytes:
        """What is on the disk: all before the last fsync, and of the rest whatever got there."""
        done = self.log[:moment]
        last_sync = max((i for i, entry in enumerate(done) if entry is None), default=-1)
        disk = bytearray(image)
        for i, entry in enumerate(done):
            if entry is not None and (i < last_sync or random.random() < 0.5):
                address, data = entry
                if i > last_sync and len(data) > 8:  # larger writes may get there in part
                    data = data[: int(random.integers(len(data)))]
                disk[address : address + len(data)] = data
        return bytes(disk)


def test_rows_done_is_true_after_a_loss_of_power_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, lost = tmp_path / "latents.h5", tmp_path / "lost.h5"
    points = make_points(40, 3)
    with open_writer(path, 40, 3) as writer:
        image = path.read_bytes()
        disk = Disk(monkeypatch)
        append_rest(writer, points, 8)
    monkeypatch.undo()
    random, seen = np.random.default_rng(1), set()
    for moment in range(len(disk.log) + 1):
        for _ in range(8):
            lost.write_bytes(disk.after_power_loss(image, moment, random))
            with Latents.open(lost) as store:
                done = len(store)
                seen.add(done)
                marked = bool(store.file["complete"][()])
                assert done == 40 or not marked
                for name, expected in zip(("mu", "logvar", "z"), points, strict=True):
                    np.testing.assert_array_equal(store.file[name][:done], expected[:done])
    assert seen == {0, 8, 16, 24, 32, 40}
    assert done == 40  # the last moment: all that was appended is safe


def test_a_full_disk_keeps_the_rows_before_and_the_writing_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, points = tmp_path / "latents.h5", make_points(40, 3)
    pwrite, calls = os.pwrite, 0

    def full(descriptor: int, data: bytes, address: int) -> int:
        nonlocal calls
        calls += 1
        if calls > 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, data[:20], address)  # a part at a time, as a disk may

    monkeypatch.setattr(os, "pwrite", full)
    message = r"cannot write .*latents.h5: No space left on device"
    with pytest.raises(OutputError, match=message), open_writer(path, 40, 3) as writer:
        append_rest(writer, points, 2)
    monkeypatch.undo()
    np.testing.assert_array_equal(read_latents(path), points[2][:2])
    with open_writer(path, 40, 3) as writer:
        append_rest(writer, points, 2)
    np.testing.assert_array_equal(read_latents(path), points[2])


def test_rows_that_a_failing_disk_may_have_dropped_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, points = tmp_path / "latents.h5", make_points(40, 3)
    fsync, calls = os.fsync, 0

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # Linux reports a failed write once; the next fsync succeeds
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    writer = open_writer(path, 40, 3)
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OutputError, match="Input/output error"), writer:
        append_rest(writer, points, 10)
    with Latents.open(path) as store:
        assert len(store) == 10


def test_a_kill_between_the_last_row_and_the_mark_is_mended(tmp_path: Path):
    path = tmp_path / "latents.h5"
    with open_writer(path, 10, 3) as writer:
        writer.append(*make_points(10, 3))
    with h5py.File(path, "r+") as file:
        file["complete"][()] = 0
    open_writer(path, 10, 3).__exit__(None)
    with h5py.File(path) as file:
        assert file["complete"][()] == 1
