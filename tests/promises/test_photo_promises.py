"""Photos: nothing is passed over without a word; memory is bounded before anything is decoded."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bad_files as bad
from facegen.api.evaluate import pictures
from facegen.errors import InputError
from facegen.images import alignment, recorded_photos
from facegen.images.photo_sources import count_photos, find_photos
from facegen.images.photos import load_face
from facegen.io.face_set import FaceSet
from facegen.io.label_files import read_attributes, read_identities
from facegen.io.pictures import open_photo
from running import facegen, python_environment, run_python
from toys import draw_photo

# Peak of load_face above what was there before, in bytes a pixel, of a photo from stdin.
MEASURE = """
import sys
from PIL import Image
from facegen.images.photos import load_face
Image.init()
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line)
data = sys.stdin.buffer.read()
open("/proc/self/clear_refs", "w").write("5")
before = peak()
load_face(data, size=8)
print((peak() - before) * 1024)
"""


def write(path: Path, image: Image.Image | None = None, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or draw_photo(40, 30)).save(path, **options)


def prepare(source: object, output: Path, *more: object):
    options = ("--size", 16, "--test-fraction", 0, "--workers", 1, "-q")
    return facegen("prepare", source, "-o", output, *options, *more)


def test_importing_facegen_leaves_pillows_guard_as_it_is():
    program = "from PIL import Image; before = Image.MAX_IMAGE_PIXELS\n"
    program += "import facegen.images.alignment, facegen.api.sharpen, facegen.api.prepare\n"
    program += "assert Image.MAX_IMAGE_PIXELS == before, Image.MAX_IMAGE_PIXELS\n"
    done = run_python("-c", program)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "PPM", "JPEG2000", "TGA"])
def test_the_hosts_guard_is_not_asked_where_facegen_has_a_limit_of_its_own(kind, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # a warning above it, an error above 200
    data = bad.picture(kind)
    assert load_face(data, size=16).shape == (16, 16, 3)
    with pytest.raises(InputError, match="40x30 is more than 1199 pixels"):
        open_photo(data, max_pixels=1199)


def test_a_reader_that_asks_the_hosts_guard_itself_is_told_apart_from_damage(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"Pillow's own guard in this process: .*1200 pix"):
        load_face(bad.picture("TIFF"))


def test_a_large_face_is_aligned_without_asking_the_hosts_guard(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    matrix = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    face = alignment.crop_aligned(draw_photo(178, 218), matrix, size=16, box=(19, 40, 159, 180))
    assert face.size == (16, 16)


SIDE = 4500  # 20 megapixels


@pytest.mark.parametrize(
    ("mode", "kind"), [("I;16", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("F", "TIFF")]
)
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux")
def test_decoding_takes_at_most_nine_bytes_a_pixel(mode, kind):
    """It took 16 to 20: 1.8 GB for 100 megapixels. What is decoded has 4 bytes, as RGB has."""
    types = {"I;16": np.uint16, "F": np.float32}
    if mode in types:
        image = Image.fromarray(np.zeros((SIDE, SIDE), types[mode]))
    else:
        image = Image.new(mode, (SIDE, SIDE))
    data = bad.picture(kind, image)
    environment = python_environment()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=data, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 9 * SIDE**2


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "F", "1"])
def test_a_photo_converted_in_strips_is_the_same(mode, monkeypatch):
    image = draw_photo(40, 30)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200)
    else:
        image = image.quantize(9) if mode == "P" else image.convert(mode)
    data = bad.picture("TIFF", image)
    whole = load_face(data, size=16)
    monkeypatch.setattr("facegen.images.photos.STRIP_PIXELS", 130)  # three rows, and a last one
    np.testing.assert_array_equal(load_face(data, size=16), whole)


@pytest.mark.parametrize(
    ("kind", "options", "bytes_a_pixel"),
    [
        ("WEBP", {}, 16),
        ("AVIF", {}, 16),
        ("JPEG2000", {}, 22),
        ("JPEG", {"progressive": True}, 10),
    ],
)
def test_what_a_decoder_takes_is_limited_before_it_decodes(
    kind, options, bytes_a_pixel, monkeypatch
):
    data = bad.picture(kind, **options)
    monkeypatch.setattr("facegen.io.pictures.MAX_PIXELS", 1200)  # the photo's own
    monkeypatch.setattr("facegen.io.pictures.PIXEL_BYTES", bytes_a_pixel)
    open_photo(data, max_pixels=1200)
    monkeypatch.setattr("facegen.io.pictures.PIXEL_BYTES", bytes_a_pixel - 1)
    with pytest.raises(InputError, match=rf"40x30 as {kind} takes .* MB to decode, more than"):
        open_photo(data, max_pixels=1200)
    open_photo(data, max_pixels=2400)  # which raises both limits


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("exif", [b"", b"Exif\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0"])  # VP8X with it
def test_the_size_of_a_webp_is_known_before_its_decoder_takes_memory(lossless, exif, monkeypatch):
    data = bad.picture("WEBP", lossless=lossless, exif=exif)
    opened = []
    monkeypatch.setattr("facegen.io.pictures._open", lambda data: opened.append(data))
    with pytest.raises(InputError, match="40x30 is more than 1199 pixels"):
        open_photo(data, max_pixels=1199)
    assert not opened


def test_without_the_extra_no_photo_is_decoded_at_full_size(monkeypatch):
    monkeypatch.setattr("facegen.images.alignment.is_installed", lambda: False)
    monkeypatch.setattr(
        "facegen.images.alignment.load_upright", lambda *_, **__: pytest.fail("decoded whole")
    )
    face, note = alignment.load_photo(bad.picture("JPEG"), size=16)
    assert face.shape == (16, 16, 3)
    assert note == alignment.NOT_INSTALLED


def names(source: Path) -> list[str]:
    return [photo.name for photo in find_photos([source])]


def test_links_to_folders_are_followed_and_each_folder_is_read_once(tmp_path: Path):
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    write(photos / "own/a.png")
    write(elsewhere / "deep/b.png")
    (photos / "album").symlink_to(elsewhere)
    (photos / "own/round").symlink_to(photos)
    (elsewhere / "back").symlink_to(photos)
    (elsewhere / "twice").symlink_to(photos / "own")
    (photos / "same").symlink_to("own")
    assert names(photos) == ["album/deep/b.png", "own/a.png"]
    assert count_photos([photos]) == 2


def test_hidden_links_to_folders_are_passed_over_as_hidden_folders_are(tmp_path: Path):
    write(tmp_path / "elsewhere/b.png")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/.cache").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos/.gone").symlink_to("nowhere")
    assert names(tmp_path / "photos") == []


def test_what_cannot_be_read_in_a_folder_is_reported(tmp_path: Path):
    photos = tmp_path / "photos"
    write(photos / "good.png")
    (photos / "album").symlink_to(tmp_path / "unplugged")
    (photos / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (photos / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(photos / "pipe.jpg")
    done = prepare(photos, tmp_path / "faces.h5")
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [
        "facegen: skipped album: a link that leads nowhere",
        "facegen: skipped gone.jpg: a link that leads nowhere",
        "facegen: skipped pipe.jpg: not an ordinary file",
        "facegen: skipped self.jpg: Too many levels of symbolic links",
        "facegen: 4 skipped",
    ]


def test_jpeg_2000_and_targa_are_taken_from_folders(tmp_path: Path):
    pixels = draw_photo(40, 30)
    for name in ("a.jp2", "b.j2k", "c.tga", "d.jfif", "e.mpo"):
        kinds = {".jfif": "JPEG", ".mpo": "JPEG"}
        write(tmp_path / "photos" / name, pixels, format=kinds.get(Path(name).suffix))
    assert prepare(tmp_path / "photos", tmp_path / "faces.h5").exit_code == 0
    expected = load_face(bad.picture(), size=16).astype(int)
    with FaceSet.open(tmp_path / "faces.h5") as faces:
        assert len(faces) == 5
        difference = faces.read(np.arange(5)).astype(int) - expected
        assert np.abs(difference).max() <= 10  # JPEG is not exact


MARK = b"\xef\xbb\xbf"  # U+FEFF in UTF-8


def test_a_byte_order_mark_loses_no_person(tmp_path: Path):
    (tmp_path / "people.txt").write_bytes(MARK + b"a.png 5\r\nb.png 6\r\n")
    assert read_identities(tmp_path / "people.txt") == {"a.png": 5, "b.png": 6}


def test_a_byte_order_mark_loses_no_attribute(tmp_path: Path):
    (tmp_path / "labels.txt").write_bytes(MARK + b"1\r\nSmiling Male\r\na.png 1 -1\r\n")
    labels, values = read_attributes(tmp_path / "labels.txt")
    assert labels == ["Smiling", "Male"]
    assert values["a.png"].tolist() == [1, -1]


def test_a_name_with_a_zero_byte_in_a_tar_is_skipped_not_the_run(tmp_path: Path):
    hostile, good = tarfile.TarInfo("x"), tarfile.TarInfo("good.png")
    hostile.pax_headers = {"path": "a\0b.png"}
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for info in (hostile, good):
            info.size = len(bad.picture())
            archive.addfile(info, io.BytesIO(bad.picture()))
    for command, output in (("prepare", "faces.h5"), ("sharpen", "out")):
        done = facegen(command, path, "-o", tmp_path / output, "-q")
        assert done.exit_code == 3, done.stderr
        assert done.stderr.splitlines() == [
            r"facegen: skipped a\x00b.png: its name has a zero byte",
            "facegen: 1 skipped",
        ]
        assert (tmp_path / output).exists()


def folder_of(folder: Path, good: int) -> Path:
    """Broken photos 0 and 2, and good ones."""
    folder.mkdir()
    for number in range(good + 2):
        if number in (0, 2):
            (folder / f"{number}.png").write_bytes(b"broken")
        else:
            write(folder / f"{number}.png", draw_photo(32, 32))
    return folder


def test_evaluate_reports_what_it_skips(toy_faces: Path, tmp_path: Path):
    folder = folder_of(tmp_path / "photos", good=4)
    command = ["evaluate", toy_faces, "--images", folder, "--n", 2, "--pixels-only"]
    command += ["--json", "-q", "--force"]
    lines = [f"facegen: skipped {n}.png: not an image that facegen reads" for n in (0, 2)]
    done = facegen(*command, "-o", tmp_path / "result.json")
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [*lines, "facegen: 2 skipped"]
    assert [one["name"] for one in json.loads(done.stdout)["skipped"]] == ["0.png", "2.png"]
    assert json.loads((tmp_path / "result.json").read_text())["stamp"]["count"] == 2
    done = facegen(*command, "-o", tmp_path / "strict.json", "--strict")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [*lines, "facegen: 2 skipped (--strict)"]


def test_evaluate_reads_no_more_photos_than_it_judges(tmp_path: Path, monkeypatch):
    folder = folder_of(tmp_path / "photos", good=7)
    read = []
    load = recorded_photos.load_photo

    def counted(data: bytes, **options):
        read.append(data)
        return load(data, **options)

    monkeypatch.setattr("facegen.images.recorded_photos.load_photo", counted)
    subject = pictures(folder, 3, size=32, seed=0)
    assert subject.pixels.shape == (3, 32, 32, 3)
    assert [name for name, _ in subject.skipped] == ["0.png", "2.png"]
    assert len(read) == 5  # three good ones, two broken ones, none of the other four
