"""Folders that appear whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from facegen.errors import OutputError
from facegen.io.folders import MANIFEST, atomic_folder
from facegen.version import __version__

LEFTOVER = ".facegen-0123456789abcdef.tmp"


def write(path: Path, text: str = "new", *names: str, force: bool = False) -> None:
    with atomic_folder(path, "test folder", {"command": "test"}, force=force) as stage:
        for name in names or ("a.txt", "inner/b.txt"):
            stage.write_bytes(name, text.encode())


def content(path: Path) -> dict[str, str]:
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return {file.relative_to(path).as_posix(): file.read_text() for file in files}


def test_the_folder_appears_whole_with_a_list_of_its_files(tmp_path: Path):
    path = tmp_path / "made"
    with atomic_folder(path, "test folder", {"command": "test"}) as stage:
        stage.write_bytes("a.txt", b"abc")
        assert not path.exists()
    assert os.listdir(tmp_path) == ["made"]
    assert json.loads(content(path)[MANIFEST]) == {
        "kind": "test folder",
        "facegen_version": __version__,
        "command": "test",
        # of FIPS 180-2, appendix B.1
        "files": {"a.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    }


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path: Path, error: type):
    path = tmp_path / "made"
    write(path, "old")

    def fail() -> None:
        with atomic_folder(path, "test folder", {}, force=True) as stage:
            stage.write_bytes("a.txt", b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert content(path)["a.txt"] == "old"
    assert os.listdir(tmp_path) == ["made"]


def test_a_folder_that_exists_is_replaced_with_force_alone(tmp_path: Path):
    path = tmp_path / "made"
    write(path, "old")
    with pytest.raises(OutputError, match="exists already; choose another name or add --force"):
        write(path)
    assert content(path)["a.txt"] == "old"
    write(path, "new", "c.txt", force=True)
    assert set(content(path)) == {"c.txt", MANIFEST}
    assert os.listdir(tmp_path) == ["made"]
    assert not (path / "inner").exists()


def test_an_empty_folder_may_be_filled(tmp_path: Path):
    write(tmp_path)
    assert content(tmp_path)["a.txt"] == "new"


@pytest.mark.parametrize("place", [".", "..", "inner/.."])
def test_the_current_folder_and_those_around_it_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
):
    (tmp_path / "here" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputError, match="is the current folder; name a new one"):
        write(Path(place), force=True)


def test_a_link_stays_a_link_to_the_folder(tmp_path: Path):
    write(tmp_path / "made", "old")
    (tmp_path / "link").symlink_to("made")
    write(tmp_path / "link", "new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "made")["a.txt"] == "new"


@pytest.mark.parametrize("name", ["notes.txt", "inner/notes.txt", "photos/me.jpg"])
def test_a_folder_with_a_file_of_somebody_else_s_is_refused_even_with_force(
    tmp_path: Path, name: str
):
    path = tmp_path / "made"
    write(path, "old")
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_text("mine")
    before = content(path)
    with pytest.raises(OutputError, match=f"{name} is not facegen's; move it away"):
        write(path, force=True)
    assert content(path) == before


@pytest.mark.parametrize(
    "manifest",
    [None, "", "[]", "{}", '{"kind": "test folder"}', '{"kind": "another", "files": {}}'],
)
def test_a_folder_that_is_not_facegen_s_is_refused_even_with_force(
    tmp_path: Path, manifest: str | None
):
    (tmp_path / "a.txt").write_text("mine")
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(OutputError, match="is no test folder that facegen made"):
        write(tmp_path, force=True)
    assert content(tmp_path)["a.txt"] == "mine"


def test_a_file_is_no_folder_and_the_folder_around_must_exist(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is a file; name a folder"):
        write(tmp_path / "file", force=True)
    with pytest.raises(OutputError, match="missing does not exist; create it first"):
        write(tmp_path / "missing" / "made")


def test_a_file_that_came_in_meanwhile_keeps_the_old_folder(tmp_path: Path):
    path = tmp_path / "made"
    write(path, "old")

    def meanwhile() -> None:
        with atomic_folder(path, "test folder", {}, force=True) as stage:
            stage.write_bytes("a.txt", b"new")
            (path / "notes.txt").write_text("mine")

    with pytest.raises(OutputError, match=r"notes\.txt is not facegen's"):
        meanwhile()
    assert content(path)["a.txt"] == "old"
    assert os.listdir(tmp_path) == ["made"]


def test_what_a_killed_run_left_is_removed_but_not_what_another_is_writing(tmp_path: Path):
    working = LEFTOVER.replace("0123", "4567")
    for name in (LEFTOVER, working):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_text("")
    other = os.open(tmp_path / working, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_SH)
    write(tmp_path / "made")
    os.close(other)
    assert set(os.listdir(tmp_path)) == {"made", working}
