"""A lock never costs a file: what isn't facegen's lock stays as it is."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from facegen.errors import OutputError
from facegen.io.locks import exclusive, hold_lock
from running import facegen


def test_a_data_file_as_lock_is_refused_and_stays(work: Path):
    """People who know flock(1) lock the data file itself."""
    before = (work / "latents.h5").read_bytes()
    refused = facegen("--lock", "latents.h5", "query", "latents.h5")
    assert refused.exit_code == 1
    assert str(refused.exception) == "latents.h5 is no lock file of facegen's; name another"
    assert (work / "latents.h5").read_bytes() == before


@pytest.mark.parametrize("content", [b"precious", b"17 apples", b"1" * 40, b"\n", b"12\n"])
def test_a_lock_file_with_content_that_is_no_process_number_is_refused(
    tmp_path: Path, content: bytes
):
    path = tmp_path / "a.lock"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="is no lock file"), hold_lock(path, ""):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("target", ["precious", "nothing"])
def test_no_link_is_followed(tmp_path: Path, target: str):
    (tmp_path / "precious").write_text("")
    (tmp_path / "a.lock").symlink_to(target)
    with pytest.raises(OutputError, match="is a link"), hold_lock(tmp_path / "a.lock", ""):
        pass
    assert sorted(os.listdir(tmp_path)) == ["a.lock", "precious"]
    assert (tmp_path / "precious").read_text() == ""


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused(tmp_path: Path, make):
    make(tmp_path / "a.lock")
    with pytest.raises(OutputError), hold_lock(tmp_path / "a.lock", ""):
        pass
    assert os.listdir(tmp_path) == ["a.lock"]


def test_an_empty_file_may_be_locked_and_stays(tmp_path: Path):
    """flock(1) and touch make such files."""
    path = tmp_path / "a.lock"
    path.touch()
    with hold_lock(path, ""), path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert path.read_bytes() == b""


def test_a_lock_file_that_we_made_says_who_has_it_and_goes(tmp_path: Path):
    with hold_lock(tmp_path / "a.lock", ""):
        assert (tmp_path / "a.lock").read_text() == str(os.getpid())
    assert os.listdir(tmp_path) == []


def test_the_lock_file_of_a_killed_run_is_taken_over_and_goes(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / "a.lock").write_text(str(process.pid))
    with hold_lock(tmp_path / "a.lock", ""):
        assert (tmp_path / "a.lock").read_text() == str(os.getpid())
    assert os.listdir(tmp_path) == []


def test_what_took_the_place_of_our_lock_file_stays(tmp_path: Path):
    path = tmp_path / "a.lock"
    with hold_lock(path, ""):
        path.unlink()
        path.write_text("somebody's")
    assert path.read_text() == "somebody's"


def test_the_lock_beside_an_output_is_no_exception(tmp_path: Path):
    path = tmp_path / ".latents.h5.lock"
    path.write_text("precious")
    with pytest.raises(OutputError, match="is no lock file"), exclusive(tmp_path / "latents.h5"):
        pass
    assert path.read_text() == "precious"


def test_the_empty_lock_of_a_run_killed_before_it_wrote_its_number_goes(tmp_path: Path):
    (tmp_path / ".latents.h5.lock").touch()
    with exclusive(tmp_path / "latents.h5"):
        assert (tmp_path / ".latents.h5.lock").read_text() == str(os.getpid())
    assert os.listdir(tmp_path) == []


def test_a_lock_in_a_missing_folder_is_one_clear_line(tmp_path: Path):
    message = "cannot write .*a.lock: No such file or directory"
    with pytest.raises(OutputError, match=message), hold_lock(tmp_path / "none" / "a.lock", ""):
        pass
