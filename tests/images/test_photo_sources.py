"""Finding photos in folders, archives and lists of files."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from facegen.errors import InputError, MissingFileError
from facegen.images.photo_sources import count_photos, find_photos

MEMBERS = {"b.jpg": b"bee" * 700, "a/c.PNG": b"sea", "readme.txt": b"text", ".hidden.jpg": b"no"}
TAR_MODES = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


def make_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, members: dict[str, bytes], mode: Any = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read_all(*sources: str | Path) -> dict[str, bytes]:
    return {photo.name: photo.read() for photo in find_photos(sources)}


def names(*sources: str | Path) -> list[str]:
    return [photo.name for photo in find_photos(sources)]


def test_a_folder_is_read_recursively_and_sorted(tmp_path):
    for name in ("z.jpg", "a/2.JPEG", "a/10.png", "a/b/1.webp", "m.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = read_all(tmp_path)
    assert list(found) == ["a/10.png", "a/2.JPEG", "a/b/1.webp", "m.gif", "z.jpg"]
    assert all(data == name.encode() for name, data in found.items())


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    for name in (".a.jpg", "._b.jpg", ".thumbnails/c.jpg", "d/.e/f.jpg", "g.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(tmp_path) == ["g.jpg"]


def test_a_folder_inside_a_hidden_folder_is_read(tmp_path):
    (tmp_path / ".cache" / "faces").mkdir(parents=True)
    (tmp_path / ".cache" / "faces" / "a.jpg").write_bytes(b"x")
    assert names(tmp_path / ".cache" / "faces") == ["a.jpg"]


def test_other_files_and_folders_that_look_like_photos_are_passed_over(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"x")
    (tmp_path / "jpg").write_bytes(b"x")
    (tmp_path / "folder.jpg").mkdir()
    assert names(tmp_path) == []
    assert count_photos([tmp_path]) == 0


def test_a_single_file_is_taken_whatever_its_name(tmp_path):
    for name in ("photo.jpg", "photo", "photo.dat", ".photo.jpg"):
        path = tmp_path / name
        path.write_bytes(name.encode())
        assert read_all(path) == {str(path): name.encode()}
        assert count_photos([path]) == 1


def test_a_photo_that_vanishes_is_an_input_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    (photo,) = find_photos([tmp_path])
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(InputError, match=r"^No such file or directory$"):
        photo.read()


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=f"^{tmp_path / 'nothing'} does not exist$"):
        names(tmp_path / "nothing")


def test_several_sources_keep_their_order(tmp_path):
    make_zip(tmp_path / "z.zip", {"1.jpg": b"1"})
    make_tar(tmp_path / "t.tar", {"2.jpg": b"2"})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "3.jpg").write_bytes(b"3")
    single = tmp_path / "4.jpg"
    single.write_bytes(b"4")
    found = names(single, tmp_path / "folder", tmp_path / "t.tar", tmp_path / "z.zip")
    assert found == [str(single), "3.jpg", "2.jpg", "1.jpg"]


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_a_zip_is_read_sorted(tmp_path, compression):
    path = make_zip(tmp_path / "photos.zip", MEMBERS, compression)
    found = read_all(path)
    assert list(found) == ["a/c.PNG", "b.jpg"]
    assert found["b.jpg"] == MEMBERS["b.jpg"]


def test_an_archive_is_recognised_without_its_suffix(tmp_path):
    assert names(make_zip(tmp_path / "download", MEMBERS)) == ["a/c.PNG", "b.jpg"]
    assert names(make_tar(tmp_path / "other", MEMBERS)) == ["b.jpg", "a/c.PNG"]


def test_what_macos_adds_to_a_zip_is_passed_over(tmp_path):
    members = {"me.jpg": b"x", "__MACOSX/._me.jpg": b"resource fork", ".DS_Store": b"x"}
    assert names(make_zip(tmp_path / "mac.zip", members)) == ["me.jpg"]


def test_a_zip_folder_that_looks_like_a_photo_is_passed_over(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("album.jpg")
        archive.writestr("album.jpg/1.jpg", b"x")
    assert names(path) == ["album.jpg/1.jpg"]


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_a_damaged_zip_member_is_skipped_and_the_next_is_read(tmp_path, compression):
    path = make_zip(tmp_path / "a.zip", {"a.jpg": os.urandom(999), "b.jpg": b"good"}, compression)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(255 - byte for byte in data[60:90])
    path.write_bytes(data)
    photos_found = find_photos([path])
    with pytest.raises(InputError, match="damaged in the archive"):
        next(photos_found).read()
    assert next(photos_found).read() == b"good"


def test_an_encrypted_zip_member_is_skipped(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"secret.jpg": b"x" * 50}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the encryption bit, in the member's header
    data[data.index(b"PK\1\2") + 8] |= 1  # and in the directory
    path.write_bytes(data)
    for photo in find_photos([path]):
        with pytest.raises(InputError, match=r"can't be unpacked: .*encrypted"):
            photo.read()


def test_an_unknown_zip_compression_is_skipped(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"odd.jpg": b"x" * 50}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[8] = data[data.index(b"PK\1\2") + 10] = 98  # PPMd
    path.write_bytes(data)
    for photo in find_photos([path]):
        with pytest.raises(InputError, match="can't be unpacked"):
            photo.read()


def test_a_zip_without_its_end_is_an_input_error(tmp_path):
    path = make_zip(tmp_path / "cut.zip", MEMBERS)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=f"{path} is damaged"):
        names(path)


def test_a_zip_with_a_damaged_directory_is_an_input_error(tmp_path):
    path = make_zip(tmp_path / "bad.zip", MEMBERS)
    path.write_bytes(path.read_bytes().replace(b"PK\1\2", b"PKxx"))
    with pytest.raises(InputError, match=f"{path} is damaged"):
        names(path)


@pytest.mark.parametrize("suffix", TAR_MODES)
def test_a_tar_is_read_in_its_own_order(tmp_path, suffix):
    path = make_tar(tmp_path / f"photos.{suffix}", MEMBERS, TAR_MODES[suffix])
    found = read_all(path)
    assert list(found) == ["b.jpg", "a/c.PNG"]
    assert found["b.jpg"] == MEMBERS["b.jpg"]
    assert found["a/c.PNG"] == b"sea"


def test_a_tar_of_the_current_folder_is_read(tmp_path):
    path = make_tar(tmp_path / "a.tar", {"./a.jpg": b"x", "../b.jpg": b"y", "./.c.jpg": b"z"})
    assert names(path) == ["./a.jpg", "../b.jpg"]


def test_names_that_are_not_unicode_can_be_shown(tmp_path):
    path = tmp_path / "latin.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("café.jpg"))
    assert names(path) == ["caf\ufffd.jpg"]


def test_a_tar_is_read_without_keeping_its_members(tmp_path, monkeypatch):
    path = make_tar(tmp_path / "a.tar", {f"{i}.jpg": b"x" for i in range(50)})
    kept = []
    original = tarfile.TarFile.next

    def spy(archive):
        kept.append(len(archive.members))
        return original(archive)

    monkeypatch.setattr(tarfile.TarFile, "next", spy)
    assert len(names(path)) == 50
    assert max(kept) <= 1


def test_links_in_a_tar_are_passed_over(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("passwords.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert names(path) == []


@pytest.mark.parametrize("suffix", TAR_MODES)
def test_a_truncated_tar_is_an_input_error(tmp_path, suffix):
    members = {f"{i}.jpg": os.urandom(3000) for i in range(20)}
    path = make_tar(tmp_path / f"cut.{suffix}", members, TAR_MODES[suffix])
    path.write_bytes(path.read_bytes()[:35_000])
    with pytest.raises(InputError, match="damaged"):
        read_all(path)


@pytest.mark.parametrize("suffix", TAR_MODES)
def test_a_tar_damaged_in_the_middle_is_an_input_error_not_its_end(tmp_path, suffix):
    members = {f"{i}.jpg": os.urandom(3000) for i in range(20)}
    path = make_tar(tmp_path / f"bad.{suffix}", members, TAR_MODES[suffix])
    data = bytearray(path.read_bytes())
    data[35_000:38_700] = os.urandom(3700)  # more than a member: a header too
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_all(path)


def test_a_tar_cut_before_its_first_member_is_an_input_error(tmp_path):
    path = make_tar(tmp_path / "cut.tar.gz", {"0.jpg": os.urandom(3000)}, "w:gz")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=f"{path} is damaged"):
        read_all(path)
    assert count_photos([path]) == 1  # too few to be wrong about: the next step refuses it


def test_a_tar_cut_within_a_header_is_an_input_error(tmp_path):
    path = make_tar(tmp_path / "cut.tar", {"a.jpg": b"x", "b.jpg": b"y"})
    path.write_bytes(path.read_bytes()[: 1024 + 100])
    with pytest.raises(InputError, match="damaged"):
        read_all(path)


def test_huge_photos_are_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("facegen.images.photo_sources.MAX_PHOTO_BYTES", 100)
    good, bad = {"a.jpg": b"x" * 100}, {"a.jpg": b"x" * 101}
    (tmp_path / "b.jpg").write_bytes(b"x" * 101)
    sources = [make_zip(tmp_path / "b.zip", bad), make_tar(tmp_path / "b.tar", bad)]
    for source in [*sources, tmp_path / "b.jpg"]:
        for photo in find_photos([source]):
            with pytest.raises(InputError, match=r"^101 bytes are more than the 100"):
                photo.read()
    for source in (make_zip(tmp_path / "g.zip", good), make_tar(tmp_path / "g.tar", good)):
        assert read_all(source) == good


def test_a_zip_bomb_is_stopped_whatever_size_it_declares(tmp_path, monkeypatch):
    monkeypatch.setattr("facegen.images.photo_sources.MAX_PHOTO_BYTES", 1000)
    path = make_zip(tmp_path / "bomb.zip", {"a.jpg": bytes(100_000)})
    data = path.read_bytes().replace((100_000).to_bytes(4, "little"), (999).to_bytes(4, "little"))
    path.write_bytes(data)
    for photo in find_photos([path]):
        with pytest.raises(InputError):
            photo.read()


def test_count_photos_counts_what_find_photos_finds(tmp_path, photos_folder):
    single = tmp_path / "single"
    single.write_bytes(b"x")
    sources = [photos_folder, make_zip(tmp_path / "a.zip", MEMBERS), single]
    assert count_photos([photos_folder]) == 16
    assert count_photos(sources) == len(names(*sources)) == 19


def test_count_photos_does_not_read_a_tar(tmp_path, photos_folder):
    path = make_tar(tmp_path / "a.tar.gz", MEMBERS, "w:gz")
    assert count_photos([photos_folder, path]) is None


def test_count_photos_names_a_missing_source(tmp_path):
    with pytest.raises(MissingFileError, match="does not exist"):
        count_photos([tmp_path / "nothing"])
