"""reproduce: every picture can be made again from what it says about itself; so can stores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.api.encode import encode
from facegen.errors import FacegenError, InputError
from facegen.io.provenance import png_texts, read_provenance
from running import facegen
from toys import draw_photo

COMMANDS = {
    "normal": "generate --n 9 --seed 5 --sigma 1.2 --columns 4",
    "uniform, sharpened": "generate --n 3 --seed 5 --r-limit 2.5 --unsharp 2,150,3",
    "radius": "generate --n 3 --seed 5 --radius 2",
    "percentiles": "generate --n 3 --seed 5 --radius-percentile 5-95",
    "fitted, truncated": "generate --n 3 --seed 5 --sampler sampler.h5 --truncation 0.7",
    "stored": "generate --latents latents.h5 --rows 7,3-5 --points mu",
    "moved": "generate --n 3 --seed 5 --attribute Smiling=2 --without Male "
    "--attributes attributes.h5",
    "along components": "edit seed:5 --attribute pc-1=2,layer-2=-1 --without pc-3 --steps 2 "
    "--attributes components.h5",
    "nearest": "generate --n 3 --seed 5 --nearest latents.h5 --faces faces.h5",
    "nearest reconstructions": "generate --n 3 --seed 5 --nearest latents.h5",
    "reconstructed": "reconstruct faces.h5 --n 5 --seed 1 --sharpen 3",
    "sampled": "reconstruct faces.h5 --n 5 --seed 1 --sample --split train",
    "reconstructed photo": "reconstruct photo.png --seed 1 --align no --box 5,5,45,45",
    "edited": "edit photo.png seed:5:3 latents.h5:7 --attribute Smiling=1 --steps 2 --align no "
    "--attributes attributes.h5",
    "morphed": "morph seed:5 faces.h5:17 --steps 3 --path linear --scale 2",
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_picture_is_reproduced_bit_for_bit(command: str, work: Path, tmp_path: Path):
    picture = tmp_path / "picture.png"
    made = facegen(*command.split(), "-o", picture)
    assert made.exit_code == 0, made.output
    done = facegen("reproduce", picture, "--from", work, "--json", "-o", tmp_path / "again.png")
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.stdout)["identical"] is True
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()


def test_the_second_page_and_a_single_face_are_reproduced(work: Path, tmp_path: Path):
    facegen("generate", "--n", 50, "--seed", 5, "--columns", 2, "-o", tmp_path / "sheet.png")
    facegen("generate", "--n", 3, "--seed", 5, "--individual", tmp_path / "single")
    for picture in (tmp_path / "sheet-2.png", tmp_path / "single" / "face-2.png"):
        done = facegen("reproduce", picture)
        assert (done.exit_code, done.stderr) == (0, "identical\n")
        again = picture.with_name(f"{picture.stem}-reproduced.png")
        assert again.read_bytes() == picture.read_bytes()


def test_a_sheet_that_was_sharpened_later_is_reproduced(work: Path, tmp_path: Path):
    facegen("generate", "--n", 3, "--seed", 5, "-o", tmp_path / "sheet.png")
    facegen("sharpen", tmp_path / "sheet.png", "--sharpen", 3, "-o", tmp_path / "sharp.png")
    facegen("sharpen", tmp_path / "sharp.png", "--unsharp", "1,50,2", "-o", tmp_path / "twice.png")
    assert facegen("reproduce", tmp_path / "twice.png").stderr == "identical\n"


def test_a_cell_is_the_tile_of_the_sheet_and_can_be_enlarged(work: Path, tmp_path: Path):
    sheet = tmp_path / "sheet.png"
    facegen("generate", "--n", 9, "--seed", 5, "--columns", 4, "-o", sheet)
    facegen("reproduce", sheet, "--cell", "2,3", "-o", tmp_path / "cell.png")
    cell = Image.open(tmp_path / "cell.png")
    left, upper = 4 + 2 * 36, 4 + 36
    tile = Image.open(sheet).crop((left, upper, left + 32, upper + 32))
    np.testing.assert_array_equal(np.asarray(cell), np.asarray(tile))
    facegen("reproduce", sheet, "--cell", "2,3", "--size", 96, "-o", tmp_path / "large.png")
    with Image.open(tmp_path / "large.png") as large:
        assert large.size == (96, 96)
        provenance = read_provenance(large)
    assert provenance is not None
    assert provenance["reproduced"] == {"cell": [2, 3], "size": 96}
    wrong = facegen("reproduce", sheet, "--cell", "4,1", "-o", tmp_path / "none.png")
    assert "3 rows of 4 faces; there is no cell (4, 1)" in str(wrong.exception)
    assert not (tmp_path / "none.png").exists()


def change(picture: Path, **changes: object) -> None:
    """Changes what a picture says about itself."""
    image = Image.open(picture)
    image.load()
    text = png_texts({**(read_provenance(image) or {}), **changes})
    image.save(picture, pnginfo=text)


def test_an_edited_picture_is_noticed(work: Path, tmp_path: Path):
    picture = tmp_path / "sheet.png"
    facegen("generate", "--n", 2, "--seed", 5, "-o", picture)
    change(picture, seed=6)
    done = facegen("reproduce", picture)
    assert isinstance(done.exception, FacegenError)
    assert "differs from" in str(done.exception)


def test_other_weights_are_named(work: Path, tmp_path: Path):
    picture = tmp_path / "sheet.png"
    facegen("generate", "--n", 2, "--seed", 5, "-o", picture)
    change(picture, weights={"name": "lost", "decoder_sha256": "0123456789abcdef"})
    done = facegen("reproduce", picture)
    message = str(done.exception)
    assert "made by the weights lost (plain decoder_sha256 0123456789ab)" in message
    assert "name theirs with --weights" in message


@pytest.mark.parametrize("name", ["sampler", "latents", "attributes", "photo"])
def test_a_missing_or_changed_input_is_named(
    name: str, files: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kinds = {"sampler": "fitted", "latents": "stored", "attributes": "moved", "photo": "edited"}
    picture = tmp_path / "picture.png"
    command = next(c for key, c in COMMANDS.items() if key.startswith(kinds[name]))
    facegen(*command.split(), "-o", picture)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    missing = facegen("reproduce", picture)
    assert f"the original needs {name}." in str(missing.exception)
    for path in files.iterdir():
        shutil.copy(path, elsewhere)
    others = {"sampler": "sampler.h5", "latents": "latents.h5", "attributes": "attributes.h5"}
    if name == "photo":
        draw_photo(60, 50).save(elsewhere / "photo.png")
    elif name == "latents":
        encode([files / "photo.png"], elsewhere / others[name], force=True)
    else:
        with (elsewhere / others[name]).open("ab") as file:
            file.write(b"\0")
    changed = facegen("reproduce", picture)
    assert isinstance(changed.exception, InputError)
    assert "the original was made from" in str(changed.exception)


def test_pictures_without_or_with_a_damaged_provenance_are_refused(work: Path, tmp_path: Path):
    assert "carries no provenance" in str(facegen("reproduce", work / "photo.png").exception)
    facegen("generate", "--n", 2, "--seed", 5, "-o", tmp_path / "sheet.png")
    for changes, message in (
        ({"seed": 10**400}, "the provenance is damaged: its seed is 1000"),
        ({"sampler": {"name": "normal"}}, "the provenance is damaged: it has no sampler.sigma"),
        ({"weights": []}, "the provenance is damaged: its weights is no JSON object"),
        ({"command": ["generate"]}, "(facegen-picture) can't be reproduced"),
    ):
        change(tmp_path / "sheet.png", **changes)
        assert message in str(facegen("reproduce", tmp_path / "sheet.png").exception)
