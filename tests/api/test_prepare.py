"""prepare: photos to faces.h5."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.prepare import prepare
from facegen.api.prepare_photos import PhotoReader
from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.images.photo_sources import Photo
from facegen.images.photos import load_face
from facegen.io.face_set import FaceSet
from facegen.io.label_files import read_attributes, read_identities
from facegen.io.prepare_options import PrepareOptions
from facegen.io.split import is_test_row
from running import facegen, python_environment
from toys import draw_photo


def names_in(path: Path) -> list[str]:
    with FaceSet.open(path) as faces:
        return faces.read_names(faces.rows())


def content(path: Path) -> dict[str, Any]:
    """All that is in a file but the time at which HDF5 made it."""
    with h5py.File(path) as file:
        datasets = {
            name: (data.dtype, data.chunks, data[()].tolist()) for name, data in file.items()
        }
        return {**datasets, "attributes": dict(file.attrs)}


@pytest.fixture(scope="module")
def many_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 photos of 20x20 pixels, more than two batches; number 5 and number 50 are damaged."""
    folder = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(1)
    for number in range(80):
        path = folder / f"{number:03}.png"
        Image.fromarray(random.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
        if number in (5, 50):
            path.write_bytes(path.read_bytes()[:300])
    return folder


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Six photos of people 1, 2 and 3, with CelebA's two label files; the last is in neither."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        Image.new("RGB", (10, 10), (40 * number, 0, 0)).save(folder / f"{number}.png")
    identities = tmp_path / "identity.txt"
    identities.write_text("0.png 1\n1.png 2\n\n2.png 2\n3.png 3\n4.png   3\n")
    attributes = tmp_path / "attributes.txt"
    attributes.write_text(
        "5\nSmiling Male \n0.png  1 -1\n1.png -1 -1\n2.png -1  1\n3.png  1  1\n4.png  0 -1\n"
    )
    return folder, identities, attributes


def test_every_photo_becomes_a_face(photos_folder, tmp_path):
    result = prepare([photos_folder], tmp_path / "faces.h5", size=24, workers=1)
    assert (result.count, result.test_count, result.skipped) == (16, 2, [])
    names = sorted(path.name for path in photos_folder.iterdir())
    with FaceSet.open(tmp_path / "faces.h5") as faces:
        assert faces.read_names(faces.rows()) == names
        for name, face in zip(names, faces.images, strict=True):
            expected = load_face((photos_folder / name).read_bytes(), size=24)
            np.testing.assert_array_equal(face, expected)
        np.testing.assert_array_equal(faces.is_test, is_test_row(names))
        assert faces.source == photos_folder.name
        assert faces.crop == "CelebA box (19, 40, 159, 180), else centre square"


def test_the_digests_of_the_photos_and_the_options_are_recorded(photos_folder, tmp_path):
    output = tmp_path / "faces.h5"
    prepare([photos_folder], output, size=24, test_count=3, seed=8, workers=1)
    photos = (path.read_bytes() for path in sorted(photos_folder.iterdir()))
    with FaceSet.open(output) as faces:
        assert faces.options == PrepareOptions(size=24, test_count=3, seed=8)
        found = [digest.tobytes() for digest in faces.digests("source_digests")[:]]
    assert found == [hashlib.sha256(photo).digest() for photo in photos]


def test_the_number_of_workers_changes_nothing(many_photos, tmp_path):
    """The same content, and the unusable photos in the same order with the same reasons."""
    one = prepare([many_photos], tmp_path / "one.h5", size=16, workers=1)
    two = prepare([many_photos], tmp_path / "two.h5", size=16, workers=2)
    assert one == two
    assert one.count == 78
    assert content(tmp_path / "one.h5") == content(tmp_path / "two.h5")


def test_the_size_of_batches_changes_nothing(many_photos, tmp_path, monkeypatch):
    prepare([many_photos], tmp_path / "usual.h5", size=16, workers=1)
    monkeypatch.setattr("facegen.api.prepare_photos.BATCH_BYTES", 2000)
    prepare([many_photos], tmp_path / "small.h5", size=16, workers=1)
    with FaceSet.open(tmp_path / "usual.h5") as a, FaceSet.open(tmp_path / "small.h5") as b:
        assert a.fingerprint == b.fingerprint


def test_large_photos_make_small_batches(monkeypatch):
    monkeypatch.setattr("facegen.api.prepare_photos.BATCH_BYTES", 100)
    monkeypatch.setattr("facegen.api.prepare_photos.BATCH_PHOTOS", 3)
    sizes = [10, 99, 1, 1, 1, 1, 100, 50]
    photos = [Photo(str(size), partial(bytes, size)) for size in sizes]
    faces = PhotoReader(PrepareOptions(), 1000, 1, lambda name, reason: None, lambda done: None)
    batches = faces.batches(photos)
    found = [[len(data) for _, data, _ in batch] for batch in batches]
    assert found == [[10, 99], [1, 1, 1], [1, 100], [50]]


def test_bad_photos_are_skipped_with_their_name_and_reason(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (20, 20)).save(folder / "a good.png")
    Image.new("RGB", (200, 200)).save(folder / "large.png")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("text")
    (folder / "cut.png").write_bytes((folder / "large.png").read_bytes()[:60])
    seen: list[tuple[str, str]] = []
    done: list[int] = []
    result = prepare(
        [folder],
        tmp_path / "faces.h5",
        size=16,
        max_pixels=1000,
        workers=1,
        on_skip=lambda name, reason: seen.append((name, reason)),
        progress=done.append,
    )
    assert seen == result.skipped
    assert dict(result.skipped) == {
        "cut.png": "200x200 is more than 1000 pixels (--max-pixels)",
        "empty.jpg": "the file is empty",
        "large.png": "200x200 is more than 1000 pixels (--max-pixels)",
        "text.jpg": "not an image that facegen reads",
    }
    assert sum(done) == 5
    assert names_in(tmp_path / "faces.h5") == ["a good.png"]


def test_a_damaged_zip_member_is_skipped(tmp_path, photos_folder):
    path = tmp_path / "photos.zip"
    photo = (photos_folder / "colour.png").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bad.png", photo)
        archive.writestr("good.png", photo)
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)
    result = prepare([path], tmp_path / "faces.h5", size=16, workers=1)
    assert result.count == 1
    ((name, reason),) = result.skipped
    assert name == "bad.png"
    assert reason.startswith("damaged in the archive: Bad CRC-32")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_unicode_is_prepared(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (20, 20)).save(folder / "a.png")
    os.rename(os.fsencode(folder / "a.png"), os.fsencode(folder) + b"/caf\xe9.png")
    Image.new("RGB", (20, 20)).save(folder / "b.png")
    result = prepare([folder], tmp_path / "faces.h5", size=16, workers=1)
    assert result.count == 2
    assert names_in(tmp_path / "faces.h5") == ["b.png", "caf\ufffd.png"]
    os.rename(folder, os.fsencode(tmp_path) + b"/\xe9t\xe9")
    prepare([os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9")], tmp_path / "b.h5", size=16)
    with FaceSet.open(tmp_path / "b.h5") as faces:
        assert faces.source == "\ufffdt\ufffd"


def test_a_box_is_cut_and_recorded(many_photos, tmp_path):
    prepare([many_photos / "000.png"], tmp_path / "faces.h5", size=8, box=(2, 3, 10, 11))
    pixels = np.asarray(Image.open(many_photos / "000.png"))
    with FaceSet.open(tmp_path / "faces.h5") as faces:
        assert faces.crop == "2x3x10x11"
        np.testing.assert_array_equal(faces.images[0], pixels[3:11, 2:10])


def test_labels_are_matched_by_file_name(labelled, tmp_path):
    folder, identities, attributes = labelled
    prepare(
        [folder],
        tmp_path / "faces.h5",
        size=8,
        identities=identities,
        attributes=attributes,
        test_count=2,
        workers=1,
    )
    with FaceSet.open(tmp_path / "faces.h5") as faces:
        assert faces.file["identities"][:].tolist() == [1, 2, 2, 3, 3, -1]
        assert faces.file["attribute_names"].asstr()[:].tolist() == ["Smiling", "Male"]
        expected = [[1, -1], [-1, -1], [-1, 1], [1, 1], [0, -1], [0, 0]]
        assert faces.file["attributes"][:].tolist() == expected
        assert faces.is_test.sum() == 2
        assert faces.is_test[1] == faces.is_test[2]
        assert faces.is_test[3] == faces.is_test[4]


def test_test_count_and_seed_choose_the_split(many_photos, tmp_path):
    splits = []
    for seed in (0, 1):
        path = tmp_path / f"{seed}.h5"
        result = prepare([many_photos], path, size=8, test_count=13, seed=seed, workers=1)
        assert result.test_count == 13
        with FaceSet.open(path) as faces:
            splits.append(faces.is_test)
    assert splits[0].sum() == splits[1].sum() == 13
    assert (splits[0] != splits[1]).any()


@pytest.mark.parametrize("line", ["000003.jpg", "000003.jpg x", "a b 3", "000003.jpg -1"])
def test_a_wrong_line_of_the_identities_is_named(tmp_path, line):
    path = tmp_path / "identity.txt"
    path.write_text(f"000001.jpg 5\n\n{line}\n")
    with pytest.raises(InputError, match=f"{path}, line 3: expected 'NAME PERSON', found"):
        read_identities(path)


@pytest.mark.parametrize("line", ["2.jpg 1", "2.jpg 1 1 1", "2.jpg 1 2", "2.jpg 1 yes", "2.jpg"])
def test_a_wrong_line_of_the_attributes_is_named(tmp_path, line):
    path = tmp_path / "attributes.txt"
    path.write_text(f"2\nSmiling Male\n1.jpg 1 -1\n{line}\n")
    with pytest.raises(InputError, match=f"{path}, line 4: expected a file name and 2 values"):
        read_attributes(path)


@pytest.mark.parametrize("text", ["", "5\n", "5\n\n1.jpg\n"])
def test_attributes_without_names_are_refused(tmp_path, text):
    path = tmp_path / "attributes.txt"
    path.write_text(text)
    with pytest.raises(InputError, match="line 2: expected the names of the attributes"):
        read_attributes(path)


def test_label_files_that_are_no_text_or_missing_are_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x80")
    for reader in (read_identities, read_attributes):
        with pytest.raises(InputError, match="binary can't be read as text"):
            reader(tmp_path / "binary")
        with pytest.raises(InputError, match="can't be read as text"):
            reader(tmp_path)
        with pytest.raises(MissingFileError, match="nothing does not exist"):
            reader(tmp_path / "nothing")


def test_an_existing_output_is_kept_without_force(many_photos, tmp_path):
    path = tmp_path / "faces.h5"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already; choose another name or add --force"):
        prepare([many_photos], path, size=8, workers=1)
    assert path.read_bytes() == b"precious"
    prepare([many_photos], path, size=8, workers=1, force=True)
    assert len(names_in(path)) == 78


def test_a_missing_source_is_named_and_leaves_nothing(many_photos, tmp_path):
    with pytest.raises(MissingFileError, match=f"^{tmp_path / 'nothing'} does not exist$"):
        prepare([many_photos, tmp_path / "nothing"], tmp_path / "faces.h5", size=8, workers=1)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_no_usable_photo_is_an_input_error_and_leaves_nothing(tmp_path, workers):
    folder = tmp_path / "photos"
    folder.mkdir()
    with pytest.raises(InputError, match="no photos found in photos"):
        prepare([folder], tmp_path / "faces.h5", workers=workers)
    (folder / "a.jpg").write_text("text")
    with pytest.raises(InputError, match="no photo could be used: 1 skipped"):
        prepare([folder], tmp_path / "faces.h5", workers=workers)
    assert os.listdir(tmp_path) == ["photos"]


def test_no_training_images_is_an_input_error_and_leaves_nothing(many_photos, tmp_path):
    with pytest.raises(InputError, match="leave none for training"):
        prepare([many_photos], tmp_path / "faces.h5", size=8, test_count=78, workers=1)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_leaves_nothing(many_photos, tmp_path, workers):
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([many_photos], tmp_path / "faces.h5", size=8, workers=workers, progress=interrupt)
    assert os.listdir(tmp_path) == []


def test_a_killed_worker_is_reported(many_photos, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "facegen.api.prepare_photos.load_photo", lambda *_, **__: os.kill(os.getpid(), 9)
    )
    with pytest.raises(FacegenError, match=r"a worker process was killed.*--workers 1"):
        prepare([many_photos], tmp_path / "faces.h5", size=8, workers=2)
    assert os.listdir(tmp_path) == []


WAIT_AT_THE_FIRST_BATCH = """
import sys, time
from facegen.images.photo_sources import Photo
from facegen.api.prepare import prepare

def wait(done):
    print("working", flush=True)
    time.sleep(60)

prepare([sys.argv[1]], "faces.h5", size=8, workers=int(sys.argv[2]), progress=wait)
"""


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_leaves_no_output_and_the_next_run_cleans_up(many_photos, tmp_path, workers):
    command = [sys.executable, "-c", WAIT_AT_THE_FIRST_BATCH, str(many_photos), str(workers)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=python_environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"working\n"
        pool = children(process.pid)
        process.send_signal(signal.SIGKILL)
    assert len(pool) == (2 if workers == 2 else 0)
    left = os.listdir(tmp_path)
    assert len(left) == 1
    assert left[0].startswith(".facegen-")
    for _ in range(100):  # the workers notice that their parent is gone, and hold its lock no more
        if not any(map(is_running, pool)):
            break
        signal.sigtimedwait([], 0.1)
    assert not any(map(is_running, pool))
    prepare([many_photos], tmp_path / "faces.h5", size=8, workers=1)
    assert os.listdir(tmp_path) == ["faces.h5"]


@pytest.mark.parametrize("kind", ["identities", "attributes"])
def test_a_label_file_that_names_none_of_the_photos_is_refused(
    photos_folder: Path, tmp_path: Path, kind: str
):
    labels = tmp_path / "labels.txt"
    labels.write_text("1\nSmiling\nother.jpg 1\n" if kind == "attributes" else "other.jpg 1\n")
    options: dict[str, Any] = {"workers": 1, kind: labels}
    with pytest.raises(InputError, match=r"labels\.txt names none of the photos, such as "):
        prepare([photos_folder], tmp_path / "faces.h5", **options)
    assert not (tmp_path / "faces.h5").exists()


def test_prepare_skips_what_it_cannot_read_and_says_so(
    photos_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    broken = tmp_path / "photos"
    broken.mkdir()
    (broken / "good.png").write_bytes((photos_folder / "colour.png").read_bytes())
    (broken / "empty.jpg").write_bytes(b"")
    arguments = ["prepare", "photos", "-o", "faces.h5", "--test-fraction", "0", "--workers", "1"]
    done = facegen(*arguments, "--json")
    assert done.exit_code == 3
    assert "skipped empty.jpg: the file is empty" in done.stderr
    summary = json.loads(done.stdout)
    assert summary["faces"] == 1
    assert summary["skipped"] == [{"name": "empty.jpg", "reason": "the file is empty"}]
    assert facegen(*arguments, "--force", "--strict").exit_code == 1


def test_prepare_reads_names_from_standard_input(photos_folder: Path, tmp_path: Path):
    names = f"{photos_folder / 'colour.png'}\n{photos_folder / 'gray.png'}\n"
    arguments = ["--test-fraction", "0", "-q", "--json", "-o", tmp_path / "faces.h5"]
    done = facegen("prepare", "-", *arguments, stdin=names)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["faces"] == 2


def test_prepare_says_that_it_took_the_middle_of_photos_that_are_not_square(photos: Path):
    square = facegen("prepare", photos, "-o", "square.h5", "--size", 16)
    assert "the middle" not in square.stderr
    draw_photo(60, 40).save(photos / "0.png")
    wide = facegen("prepare", photos, "-o", "wide.h5", "--size", 16)
    assert "the middle was taken, such as 0.png; --align finds the faces" in wide.stderr
    boxed = facegen("prepare", photos, "-o", "boxed.h5", "--size", 16, "--box", "0,0,20,20")
    assert "the middle" not in boxed.stderr
