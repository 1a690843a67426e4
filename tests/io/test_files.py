"""Outputs that appear whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

import pytest

from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.io.files import (
    atomic_output,
    check_output,
    output_errors,
    output_folder,
    sha256_of,
)
from running import run_python


def write(path: Path, text: str, **options: bool) -> None:
    with atomic_output(path, **options) as temporary:
        temporary.write_text(text)


def test_the_output_appears_only_when_the_block_succeeds(tmp_path):
    path = tmp_path / "out.txt"
    with atomic_output(path) as temporary:
        temporary.write_text("new")
        assert temporary.path.parent == tmp_path
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_keeps_the_old_content_and_leaves_nothing_behind(tmp_path, error):
    path = tmp_path / "out.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_output(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_an_error_before_anything_is_written_leaves_no_output(tmp_path):
    with pytest.raises(ValueError, match="first"), atomic_output(tmp_path / "out.txt"):
        raise ValueError("first")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_was_made_for_outputs_is_gone_if_there_are_none(tmp_path):
    def fail(folder: Path, *written: Path) -> None:
        with output_folder(folder):
            assert folder.is_dir()
            for path in written:
                path.write_text("whole")
            raise ValueError("later")

    (tmp_path / "old").mkdir()
    for folder in (tmp_path / "new", tmp_path / "old" / "of" / "them", tmp_path / "old"):
        with pytest.raises(ValueError, match="later"):
            fail(folder)
    with pytest.raises(ValueError, match="later"):
        fail(tmp_path / "used" / "folder", tmp_path / "used" / "first")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["first", "old", "used"]


def test_nothing_is_overwritten_without_force(tmp_path):
    path = tmp_path / "out.txt"
    write(path, "old", force=False)
    with pytest.raises(OutputError, match="exists already; choose another name or add --force"):
        write(path, "new", force=False)
    assert path.read_text() == "old"
    write(path, "new", force=True)
    assert path.read_text() == "new"


def test_a_folder_is_no_output(tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path, force=True)


def test_a_device_is_no_output():
    with pytest.raises(OutputError, match="not an ordinary file"):
        check_output("/dev/null", force=True)


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_the_folder_of_an_output_must_exist(tmp_path, parent):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=f"the folder {tmp_path / parent} does not exist"):
        check_output(tmp_path / parent / "out.txt")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_output_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="no permission"):
        check_output(tmp_path / "out.txt")


LEFTOVER = ".facegen-0123456789abcdef.tmp"


def test_leftovers_of_killed_runs_are_removed(tmp_path):
    (tmp_path / LEFTOVER).write_text("half")
    write(tmp_path / "out.txt", "whole")
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("lock", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_temporary_files_of_living_runs_are_kept(tmp_path, lock):
    with open(tmp_path / LEFTOVER, "w") as other:
        fcntl.flock(other, lock)
        write(tmp_path / "out.txt", "whole")
    assert set(os.listdir(tmp_path)) == {LEFTOVER, "out.txt"}


def test_what_only_looks_like_a_leftover_is_kept(tmp_path):
    names = {
        f"{LEFTOVER}.bak",
        LEFTOVER.removeprefix("."),
        LEFTOVER.replace("f.", "g."),
        ".facegen-0123.tmp",
        ".out.txt.1.tmp",
    }
    for name in names:
        (tmp_path / name).write_text("keep me")
    folder, link, pipe = (LEFTOVER.replace("0123", number) for number in ("1111", "2222", "3333"))
    (tmp_path / folder).mkdir()
    (tmp_path / link).symlink_to(tmp_path / ".out.txt.1.tmp")
    os.mkfifo(tmp_path / pipe)
    write(tmp_path / "out.txt", "whole")
    assert set(os.listdir(tmp_path)) == names | {folder, link, pipe, "out.txt"}


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands for a full disk: write() fails in the same way."""
    (tmp_path / "out.bin").write_bytes(b"old")
    script = tmp_path / "script.py"
    script.write_text(
        "import resource, signal, sys\n"
        "from facegen.errors import OutputError\n"
        "from facegen.io.files import atomic_output\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    with atomic_output('out.bin') as temporary:\n"
        "        temporary.write_bytes(bytes(20_000))\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    done = run_python(script, cwd=tmp_path)
    assert done.stdout == "cannot write out.bin: File too large\n", done.stderr
    assert (tmp_path / "out.bin").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["out.bin", "script.py"]


def test_errors_of_the_operating_system_become_output_errors():
    message = r"^cannot write x: No space left on device$"
    with pytest.raises(OutputError, match=message), output_errors("x"):
        raise OSError(28, "pages of text\nfrom a library")
    with pytest.raises(OutputError, match=r"^cannot write x: two lines$"), output_errors("x"):
        raise OSError("two\nlines")


@pytest.mark.parametrize("kind", [MissingFileError, OutputError, InputError])
def test_errors_of_facegen_pass_unchanged(kind):
    """MissingFileError is an OSError too, but it's no trouble with the output."""
    message = r"^photos does not exist$"
    with pytest.raises(FacegenError, match=message) as caught, output_errors("x"):
        raise kind("photos does not exist")
    assert type(caught.value) is kind


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 100_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_sha256_of_a_missing_file_names_it(tmp_path):
    with pytest.raises(MissingFileError, match="nothing does not exist"):
        sha256_of(tmp_path / "nothing")
