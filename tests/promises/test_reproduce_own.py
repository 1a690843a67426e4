"""reproduce: whatever facegen has made from files that are still there, it makes again."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.provenance import PROVENANCE_KEY, png_texts
from facegen.recipes.comparison import picture_difference
from running import facegen
from toys import TOY_SIZE, draw_photo

SHEETS = {
    "generated": ("generate --n 9 --seed 5 --columns 4", "2,3"),
    "the last, short row": ("generate --n 9 --seed 5 --columns 4 --sharpen 3", "3,1"),
    "nearest": ("generate --n 5 --seed 5 --columns 3 --nearest latents.h5 --faces faces.h5", "4,2"),
    "reconstructed": ("reconstruct faces.h5 --n 5 --seed 1 --columns 3 --sample", "4,1"),
    "edited": (
        "edit seed:5:3 photo.png latents.h5:7 --attribute Smiling=1 --steps 2 --align no "
        "--attributes attributes.h5",
        "3,4",
    ),
    "a row without an original": (
        "edit seed:5:3 photo.png --attribute Smiling=1 --steps 2 --align no "
        "--attributes attributes.h5",
        "1,2",
    ),
    "edited with another radius": ("edit seed:5:3 seed:6 --r-limit 2 --radius 3 --steps 2", "2,3"),
    "morphed": ("morph seed:5:0-2 --steps 3 --scale 2", "2,4"),
    "a square": ("morph seed:5:0-3 --square 4 --scale 2 --path linear --radius 2", "2,4"),
}
SINGLE = {
    "a face of a seed": "edit seed:5:3 --single",
    "an edited photo": "edit photo.png --align no --attributes attributes.h5 --attribute Smiling=1 "
    "--without Male --radius 2 --sharpen 3 --single",
    "a face of a sampler": "edit seed:5:3 --sampler sampler.h5 --truncation 0.7 --single",
    "a face of a training radius": "edit seed:5:3 --radius-percentile 5-95 --single",
    "a mix of two": "morph photo.png latents.h5:3 --align no --mix 0.3",
    "a mix of samplers": "morph seed:5:3:sampler=sampler.h5,radius=3 seed:5:3:r-limit=2 --mix 0.3",
    "a mix of four": "morph seed:5:0-1 seed:6 faces.h5:4 --r-limit 2 --mix 0.25,0.5 --attribute "
    "Smiling=1 --attributes attributes.h5",
}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def provenance_of(path: Path) -> dict:
    with Image.open(path) as image:
        image.load()
        return json.loads(image.info[PROVENANCE_KEY])


def check_again(original: Path, *options: object) -> None:
    """The file made again is the same, bit for bit."""
    done = facegen("reproduce", original, *options)
    assert (done.exit_code, done.stderr) == (0, "identical\n"), done.exception
    again = original.with_name(f"{original.stem}-reproduced{original.suffix}")
    assert again.read_bytes() == original.read_bytes()


@pytest.mark.parametrize(("command", "cell"), SHEETS.values(), ids=SHEETS)
def test_a_face_cut_out_of_a_sheet_is_made_again(
    command: str, cell: str, work: Path, tmp_path: Path
):
    sheet, face, large = (tmp_path / name for name in ("sheet.png", "face.png", "large.png"))
    assert facegen(*command.split(), "-o", sheet).exit_code == 0
    facegen("reproduce", sheet, "--cell", cell, "-o", face)
    facegen("reproduce", sheet, "--cell", cell, "--size", 100, "-o", large)
    side = 2 * TOY_SIZE if "--scale" in command else TOY_SIZE
    row, column = (int(number) - 1 for number in cell.split(","))
    left, upper = 4 + column * (side + 4), 4 + row * (side + 4)
    tile = pixels(sheet)[upper : upper + side, left : left + side]
    np.testing.assert_array_equal(pixels(face), tile)
    sheet.unlink()
    check_again(face)
    check_again(large)


@pytest.mark.parametrize("command", SINGLE.values(), ids=SINGLE)
def test_a_single_picture_is_made_again(command: str, work: Path, tmp_path: Path):
    face, large = tmp_path / "face.png", tmp_path / "large.png"
    done = facegen(*command.split(), "-o", face)
    assert done.exit_code == 0, done.exception
    check_again(face)
    facegen("reproduce", face, "--size", 100, "-o", large)
    check_again(large)


def test_a_resized_sheet_is_made_again(work: Path, tmp_path: Path):
    sheet, small = tmp_path / "sheet.png", tmp_path / "small.png"
    facegen("generate", "--n", 5, "--seed", 5, "--columns", 3, "-o", sheet)
    facegen("reproduce", sheet, "--size", 50, "-o", small)
    check_again(small)


def test_what_was_sharpened_before_and_after_the_cut_is_made_again(work: Path, tmp_path: Path):
    names = ("sheet", "sharp", "face", "sharper", "large")
    sheet, sharp, face, sharper, large = (tmp_path / f"{name}.png" for name in names)
    facegen("generate", "--n", 5, "--seed", 5, "--columns", 3, "-o", sheet)
    facegen("sharpen", sheet, "--sharpen", 3, "-o", sharp)
    facegen("reproduce", sharp, "--cell", "2,2", "-o", face)
    facegen("sharpen", face, "--unsharp", "1,50,2", "-o", sharper)
    facegen("reproduce", sharper, "--size", 70, "-o", large)
    check_again(sharper)
    check_again(large)
    assert provenance_of(large)["reproduced"] == {"cell": None, "size": 70}


def test_an_edited_cut_is_noticed(work: Path, tmp_path: Path):
    sheet, face = tmp_path / "sheet.png", tmp_path / "face.png"
    facegen("generate", "--n", 4, "--seed", 5, "--columns", 2, "-o", sheet)
    facegen("reproduce", sheet, "--cell", "2,2", "-o", face)
    made = provenance_of(face)
    text = png_texts({**made, "reproduced": {"cell": [1, 1], "size": None}})
    Image.fromarray(pixels(face)).save(face, pnginfo=text)
    assert "differs from" in str(facegen("reproduce", face).exception)


def test_a_cell_without_a_face_is_refused(work: Path, tmp_path: Path):
    sheet = tmp_path / "sheet.png"
    facegen("generate", "--n", 5, "--seed", 5, "--columns", 3, "-o", sheet)
    done = facegen("reproduce", sheet, "--cell", "2,3", "-o", tmp_path / "none.png")
    assert str(done.exception) == f"{sheet}: there is no face in that cell"
    assert not (tmp_path / "none.png").exists()


def test_a_cut_of_an_older_facegen_says_what_to_do(work: Path, tmp_path: Path):
    """Those recorded the cell, but not the sheet that it is of."""
    sheet, face = tmp_path / "sheet.png", tmp_path / "face.png"
    facegen("generate", "--n", 4, "--seed", 5, "--columns", 2, "-o", sheet)
    facegen("reproduce", sheet, "--cell", "2,2", "-o", face)
    made = provenance_of(face)
    del made["reproduced_from"]
    text = png_texts(made)
    Image.fromarray(pixels(face)).save(face, pnginfo=text)
    said = str(facegen("reproduce", face).exception)
    assert said.endswith("it was cut by a facegen that didn't record its sheet; cut it again")


@pytest.fixture
def photos(tmp_path: Path, toy_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in it a folder of photos, two of which have one name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    folder = tmp_path / "photos"
    for name, width in (("a/me.png", 40), ("b/me.png", 50), ("you.png", 60)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        draw_photo(width, 40).save(folder / name)
    return folder


def pack(folder: Path, name: str) -> Path:
    """The photos as an archive beside their folder, which then goes."""
    path = folder.with_name(name)
    photos = sorted(folder.rglob("*.png"))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for photo in photos:
                archive.write(photo, photo.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz") as tar:
            for photo in photos:
                tar.add(photo, photo.relative_to(folder))
    shutil.rmtree(folder)
    return path


RECONSTRUCT = ["--align", "no", "-o", "sheet.png"]


@pytest.mark.parametrize("source", ["photos", "photos.zip", "photos.tar.gz"])
def test_photos_from_subfolders_and_archives_are_found(source: str, photos: Path):
    if source != "photos":
        pack(photos, source)
    for command in ("reconstruct", "morph"):
        sheet = Path(f"{command}.png")
        assert facegen(command, source, "--align", "no", "-o", sheet).exit_code == 0
        check_again(sheet)
    assert provenance_of(Path("morph.png"))["points"][0]["within"] == source


@pytest.mark.parametrize("source", ["photos", "photos.zip", "photos.tar.gz", "."])
def test_photos_are_found_where_from_says(
    source: str, photos: Path, monkeypatch: pytest.MonkeyPatch
):
    """A sheet of an older facegen, too, which didn't record the folder or archive."""
    facegen("reconstruct", "photos", *RECONSTRUCT)
    made = provenance_of(Path("sheet.png"))
    for point in made["points"]:
        del point["within"]
    text = png_texts(made)
    elsewhere = photos.parent / "elsewhere"
    elsewhere.mkdir()
    Image.fromarray(pixels(Path("sheet.png"))).save(elsewhere / "sheet.png", pnginfo=text)
    if source.startswith("photos."):
        pack(photos, source)
    monkeypatch.chdir(elsewhere)
    missing = facegen("reproduce", "sheet.png")
    assert str(missing.exception) == "the original needs a/me.png, which is not in .; see --from"
    check_again(Path("sheet.png"), "--from", f"../{source}")


def test_of_two_photos_of_one_name_the_digest_decides(photos: Path):
    facegen("reconstruct", "photos/b/me.png", "photos/a/me.png", *RECONSTRUCT)
    Path("photos").rename("moved")
    check_again(Path("sheet.png"), "--from", "moved/a", "--from", "moved/b")
    check_again(Path("sheet.png"), "--from", "moved")
    draw_photo(9, 9).save("moved/b/me.png")
    done = facegen("reproduce", "sheet.png", "--from", "moved")
    assert "photos/b/me.png is another file than the one" in str(done.exception)


@pytest.mark.slow
def test_the_largest_reconstruction_is_made_again(
    toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """--n 10000 records 1.4 MB; an older facegen read 1 MiB."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    random = np.random.default_rng(0)
    with FaceSetWriter(tmp_path / "faces.h5", size=TOY_SIZE, source="noise", crop="none") as writer:
        for start in range(0, 10_000, 1000):
            shades = random.integers(0, 255, (1000, 1, 1, 3), np.uint8)
            images = np.broadcast_to(shades, (1000, TOY_SIZE, TOY_SIZE, 3))
            writer.append(images, [f"{start + i:06}.png" for i in range(1000)])
    command = "reconstruct faces.h5 --n 10000 --split train --seed 1 --columns 100 -o sheet.png"
    assert facegen(*command.split()).exit_code == 0
    with Image.open("sheet.png") as sheet:
        assert len(sheet.info[PROVENANCE_KEY]) > 1 << 20
    assert facegen("info", "sheet.png").exit_code == 0
    done = facegen("reproduce", "sheet.png")
    assert (done.exit_code, done.stderr) == (0, "identical\n"), done.exception


def test_a_difference_in_any_strip_of_a_picture_counts():
    one = Image.new("RGB", (3, 1000))
    for row in (0, 255, 256, 999):
        other = one.copy()
        other.putpixel((2, row), (0, 0, 7))
        assert picture_difference(one, other) == 7


def test_pictures_that_stay_in_an_animation_are_made_again(work: Path, tmp_path: Path):
    """Pillow stores frames that are the same as one that is shown for longer."""
    for name in ("still.gif", "still.webp"):
        original = tmp_path / name
        faces = ("seed:5", "seed:5", "seed:6")
        assert facegen("morph", *faces, "--steps", 4, "-o", original).exit_code == 0
        with Image.open(original) as image:
            assert getattr(image, "n_frames", 1) < 16
        assert facegen("reproduce", original).stderr == "identical\n"
