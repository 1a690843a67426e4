"""Every picture that shows a model's face says in XMP that it is synthetic, and no other does.

What IPTC's digital source type of each is stands in MADE. exiftool, which shares no code with
facegen, reads it.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import h5py
import pytest
from PIL import Image, PngImagePlugin

from facegen.errors import FacegenError
from facegen.images.animation import find_ffmpeg
from facegen.io.digital_source import digital_source_type
from running import TESTS, facegen
from working_commands import COMMANDS, arguments

NEWSCODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = NEWSCODES + "trainedAlgorithmicMedia"
COMPOSITE = NEWSCODES + "compositeWithTrainedAlgorithmicMedia"
SMILING = "--attribute Smiling=1 --attributes attributes.h5 --steps 2 --align no"
DIRECTIONS = f"edit seed:5 photo.png latents.h5:7 {SMILING}"
WITHOUT_PROVENANCE = {"sharp.gif", "photo.gif"}
MADE = {
    "one/face-0.png": ("generate --n 1 --seed 1 --individual OUT/one", GENERATED),
    "new.png": ("generate --n 2 --seed 1 -o OUT/new.png", GENERATED),
    "fitted.png": ("generate --n 2 --seed 1 --sampler sampler.h5 -o OUT/fitted.png", GENERATED),
    "stored.png": ("generate --latents latents.h5 --rows 1 -o OUT/stored.png", COMPOSITE),
    "near.png": (
        "generate --n 1 --seed 1 --nearest latents.h5 --faces faces.h5 -o OUT/near.png",
        COMPOSITE,
    ),
    "near-cell.png": ("reproduce OUT/near.png --cell 1,1 -o OUT/near-cell.png", GENERATED),
    "original-1.png": ("reproduce OUT/near.png --cell 2,1 -o OUT/original-1.png", None),
    "pairs.png": ("reconstruct faces.h5 --n 1 --seed 1 -o OUT/pairs.png", COMPOSITE),
    "original-2.png": ("reproduce OUT/pairs.png --cell 1,1 -o OUT/original-2.png", None),
    "larger.png": ("reproduce OUT/original-2.png --size 64 -o OUT/larger.png", None),
    "pairs-cell.png": ("reproduce OUT/pairs.png --cell 2,1 -o OUT/pairs-cell.png", COMPOSITE),
    "edit.png": (f"{DIRECTIONS} -o OUT/edit.png", COMPOSITE),
    "edit-seed.png": ("reproduce OUT/edit.png --cell 1,2 -o OUT/edit-seed.png", GENERATED),
    "original-3.png": ("reproduce OUT/edit.png --cell 2,1 -o OUT/original-3.png", None),
    "edit-photo.png": ("reproduce OUT/edit.png --cell 2,4 -o OUT/edit-photo.png", COMPOSITE),
    "edit-row.png": ("reproduce OUT/edit.png --cell 3,2 -o OUT/edit-row.png", COMPOSITE),
    "edit-drawn.png": (f"edit seed:5 {SMILING} -o OUT/edit-drawn.png", GENERATED),
    "strip.png": ("morph seed:1 seed:2 --steps 2 -o OUT/strip.png", GENERATED),
    "morph.gif": ("morph seed:1 seed:2 --steps 2 -o OUT/morph.gif", GENERATED),
    "morph.webp": ("morph seed:1 photo.png --align no --steps 2 -o OUT/morph.webp", COMPOSITE),
    "morph.mp4": ("morph seed:1 faces.h5:3 --steps 2 -o OUT/morph.mp4", COMPOSITE),
    **{
        f"sharp.{suffix}": (f"sharpen OUT/new.png -o OUT/sharp.{suffix}", GENERATED)
        for suffix in ("png", "jpg", "webp", "avif", "tif", "gif")
    },
    "twice.jpg": ("sharpen OUT/sharp.jpg -o OUT/twice.jpg", GENERATED),
    "again.png": ("reproduce OUT/sharp.png -o OUT/again.png", GENERATED),
    "again.gif": ("reproduce OUT/morph.gif -o OUT/again.gif", GENERATED),
    "both.png": (
        "reconstruct faces.h5 --n 2 --columns 1 --seed 1 --points mu,z -o OUT/both.png",
        COMPOSITE,
    ),
    "both-z.png": ("reproduce OUT/both.png --cell 3,1 -o OUT/both-z.png", COMPOSITE),
    "original-4.png": ("reproduce OUT/both.png --cell 4,1 -o OUT/original-4.png", None),
    "mixed.png": ("morph seed:1 seed:2 --mix 0.5 -o OUT/mixed.png", GENERATED),
    "neighbours.png": (
        "analyze neighbours latents.h5 --n 2 --distances 1 --sheet OUT/neighbours.png",
        COMPOSITE,
    ),
    "radius.png": ("analyze radius latents.h5 -o OUT/radius.png", None),
    "evaluated.png": (
        "evaluate faces.h5 --n 5 --pixels-only -o OUT/evaluated.json --plot OUT/evaluated.png",
        None,
    ),
    **{
        f"photo.{suffix}": (f"sharpen photo.png -o OUT/photo.{suffix}", None)
        for suffix in ("png", "jpg", "webp", "tif", "gif")
    },
}
MARK = re.compile(r"digitalsourcetype/(\w+)")
PICTURES = {".png", ".jpg", ".webp", ".avif", ".tif", ".gif", ".mp4"}


def has_ffmpeg() -> bool:
    try:
        return bool(find_ffmpeg())
    except FacegenError:
        return False


@pytest.fixture(scope="module")
def made(files: Path, toy_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture of each kind."""
    output = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(files)
        patch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
        for name, (command, _) in MADE.items():
            if name.endswith(".mp4") and not has_ffmpeg():
                continue
            done = facegen(*arguments(command, output))
            assert done.exit_code == 0, (command, done.output, done.exception)
    return output


def read_with_exiftool(folder: Path) -> dict[str, dict[str, str]]:
    """What exiftool reads of a folder's files: their XMP, by name."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("needs exiftool, of Debian's package libimage-exiftool-perl")
    done = subprocess.run(
        [program, "-json", "-n", "-r", "-G1", "-XMP:all", "-warning", "-error", folder],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return {str(Path(one.pop("SourceFile")).relative_to(folder)): one for one in found}


def test_exiftool_reads_of_each_picture_whether_it_is_synthetic(made: Path):
    found = read_with_exiftool(made)
    names = {path.name for path in made.rglob("*") if path.suffix in PICTURES}
    assert names == {Path(name).name for name in found if Path(name).suffix in PICTURES}
    for name, (_, expected) in MADE.items():
        if name in found:  # a video only where there is ffmpeg
            said = found[name]
            assert said.get("XMP-iptcExt:DigitalSourceType") == expected, name
            problems = [said.get(f"ExifTool:{word}", "[minor]") for word in ("Warning", "Error")]
            assert all(problem.startswith("[minor]") for problem in problems), name
            if expected is not None:
                assert said["XMP-xmp:CreatorTool"].startswith("facegen "), name


@pytest.mark.parametrize("name", sorted(set(MADE) - WITHOUT_PROVENANCE))
def test_info_says_whether_a_picture_is_synthetic(name: str, made: Path):
    if name.endswith(".mp4") and not has_ffmpeg():
        pytest.skip("no ffmpeg here")
    found = json.loads(facegen("info", made / name, "--json").stdout)
    assert found["digital_source_type"] == MADE[name][1]
    said = (made / name).read_bytes().count(NEWSCODES.encode())
    assert said == (MADE[name][1] is not None)  # once


def test_every_command_that_makes_pictures_marks_them(work: Path, sheet: Path, tmp_path: Path):
    of_others = {"sharp.png"}  # photo.png
    shown = (".png", ".html")
    making = [command for command in COMMANDS.values() if command.endswith(shown)]
    assert len(making) >= 7
    for number, command in enumerate(making):
        output = tmp_path / str(number)
        output.mkdir()
        done = facegen(*arguments(command, output))
        assert done.exit_code in (0, 3), (command, done.output, done.exception)
        for path in output.iterdir():
            if path.suffix in shown and path.name not in of_others:
                said = [NEWSCODES + word for word in MARK.findall(readable(path))]
                assert said in ([GENERATED], [COMPOSITE]), command  # of a report the faces alone


def readable(path: Path) -> str:
    """What a file says, with the pictures inside a page."""
    data = path.read_bytes()
    for picture in re.findall(rb'"data:image/png;base64,([^"]+)"', data):
        data += base64.b64decode(picture)
    return data.decode(errors="replace")


def test_a_generated_face_set_says_that_it_is_and_so_do_its_merged_parts(
    work: Path, tmp_path: Path
):
    for i in (1, 2):
        facegen(*f"generate --n 4 --seed 1 --shard {i}/2 -o {tmp_path}/{i}.h5".split())
    done = facegen("merge", tmp_path / "1.h5", tmp_path / "2.h5", "-o", tmp_path / "all.h5")
    assert done.exit_code == 0, done.exception
    for name in ("1.h5", "all.h5"):
        with h5py.File(tmp_path / name) as file:
            assert file.attrs["digital_source_type"] == GENERATED
        assert f"digital_source_type: {GENERATED}\n" in facegen("info", tmp_path / name).stdout
    assert "digital_source_type: none\n" in facegen("info", "faces.h5").stdout


# Pictures that have XMP already


OTHERS = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>me</dc:source>OTHER</rdf:Description>
</rdf:RDF></x:xmpmeta>"""
CAPTURED = """<Iptc4xmpExt:DigitalSourceType xmlns:Iptc4xmpExt=
"http://iptc.org/std/Iptc4xmpExt/2008-02-29/">{}digitalCapture</Iptc4xmpExt:DigitalSourceType>"""


def with_xmp(picture: Path, xmp: str) -> Path:
    """Another picture, into which another program has written XMP."""
    other = picture.with_stem(f"{picture.stem}-xmp")
    texts = PngImagePlugin.PngInfo()
    with Image.open(picture) as image:
        texts.add_itxt("XML:com.adobe.xmp", xmp)
        if "facegen" in image.info:
            texts.add_itxt("facegen", image.info["facegen"])
        image.save(other, pnginfo=texts)
    return other


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "tif"])
def test_xmp_of_others_stays_and_gets_the_mark_it_lacks(suffix: str, sheet: Path, tmp_path: Path):
    picture = with_xmp(sheet / "sheet.png", OTHERS.replace("OTHER", ""))
    assert facegen("sharpen", picture, "-o", tmp_path / f"a.{suffix}").exit_code == 0
    (said,) = read_with_exiftool(tmp_path).values()
    assert said["XMP-dc:Source"] == "me"
    assert said["XMP-iptcExt:DigitalSourceType"] == GENERATED
    assert said.get("ExifTool:Warning", "[minor]").startswith("[minor]")


def test_what_others_say_of_the_source_is_left_as_it_is(sheet: Path, tmp_path: Path):
    captured = OTHERS.replace("OTHER", CAPTURED.format(NEWSCODES))
    facegen("sharpen", with_xmp(sheet / "sheet.png", captured), "-o", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["xmp"] == captured.encode()
    said = facegen("info", tmp_path / "a.png").stdout
    assert f"digital_source_type: {NEWSCODES}digitalCapture\n" in said


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_a_real_photo_keeps_its_xmp_and_gets_no_mark(suffix: str, work: Path, tmp_path: Path):
    xmp = OTHERS.replace("OTHER", "")
    facegen("sharpen", with_xmp(work / "photo.png", xmp), "-o", tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.info["xmp"] == xmp.encode()


# Files of before


def without_mark(path: Path) -> bytes:
    """An animation or a video as it was before facegen marked them; by the formats' layout."""
    data = path.read_bytes()
    if path.suffix == ".mp4":
        place = data.index(bytes.fromhex("be7acfcb97a942e89c71999491e3afac")) - 8
        assert place + int.from_bytes(data[place : place + 4], "big") == len(data)
        return data[:place]
    place = data.index(b"\x21\xff\x0bXMP DataXMP<?xpacket")
    end = data.index(b'<?xpacket end="r"?>') + len(b'<?xpacket end="r"?>')
    trailer = b"\1" + bytes(255 - i for i in range(256)) + b"\0"
    assert data[end:] == trailer + b";"
    return data[:place] + b";"


@pytest.mark.parametrize("name", ["morph.gif", "morph.mp4"])
def test_what_was_made_before_the_mark_is_made_again(
    name: str, made: Path, work: Path, tmp_path: Path
):
    if name.endswith(".mp4") and not has_ffmpeg():
        pytest.skip("no ffmpeg here")
    before = tmp_path / name
    before.write_bytes(without_mark(made / name))
    assert "digital_source_type: none\n" in facegen("info", before).stdout
    done = facegen("reproduce", before, "-o", tmp_path / f"again-{name}")
    assert (done.exit_code, done.stderr) == (0, "identical\n")
    assert (tmp_path / f"again-{name}").read_bytes() == (made / name).read_bytes()


def test_a_sheet_of_before_is_marked_when_it_is_sharpened(tmp_path: Path):
    before = TESTS / "made_before" / "normal.png"
    assert "digital_source_type: none\n" in facegen("info", before).stdout
    facegen("sharpen", before, "-o", tmp_path / "a.png")
    assert f"digital_source_type: {GENERATED}\n" in facegen("info", tmp_path / "a.png").stdout


# Provenance of strangers


@pytest.mark.parametrize(
    "provenance",
    [
        {"command": ["generate"]},
        {"command": "edit", "points": 3},
        {"command": "edit", "points": [None, "seed"], "reproduced": {"cell": [-5, 1]}},
        {"command": "generate", "nearest": [], "sampler": "latents"},
        {"command": "generate", "reproduced": {"cell": [1]}, "reproduced_from": 5},
        {"command": "reconstruct", "reproduced": {}, "reproduced_from": {"reproduced": {}}},
    ],
)
def test_odd_provenance_is_no_obstacle(provenance: dict[str, Any]):
    assert digital_source_type(provenance) in (None, GENERATED, COMPOSITE)
