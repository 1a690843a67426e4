"""reproduce: animations, videos and stores made again, and what the user is told of others."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.encode import encode
from facegen.api.info import info
from facegen.errors import InputError, OutputError
from facegen.images import animation
from facegen.io.checkpoint import save_checkpoint
from facegen.version import __version__
from running import facegen

COMMANDS = {
    "a.gif": "morph seed:5 faces.h5:17 latents.h5:3 --steps 3 --fps 12 --scale 2",
    "b.webp": "morph photo.png seed:5:3 --steps 2 --one-way --align no --sharpen 2 --path linear "
    "--radius 2 --r-limit 1.5 --attribute Smiling=1 --attributes attributes.h5",
    "gaussian.h5": "fit latents.h5 --points mu --split all",
    "mixture.h5": "fit latents.h5 --kind mixture --components 3 --seed 4",
    "directions.h5": "attributes latents.h5 --without Male --min-count 25",
    "knobs.h5": "attributes latents.h5 --unsupervised --n 3",
    "layers.h5": "attributes --unsupervised --n 2",
    "new.h5": "generate --n 130 --seed 5 --sampler sampler.h5 --unsharp 2,150,3",
    "moved.h5": "generate --n 3 --seed 5 --attribute Smiling=2 --attributes attributes.h5",
    "encoded.h5": "encode faces.h5 --seed 3 --epsilon-scale 0.5",
}


def make(name: str, folder: Path) -> Path:
    """One of COMMANDS, run; the current folder has its inputs."""
    made = facegen(*COMMANDS[name].split(), "-o", folder / name)
    assert made.exit_code == 0, (made.output, made.exception)
    return folder / name


def contents(path: Path) -> bytes | dict[str, bytes]:
    """A file, bit for bit; of HDF5, which may hold the time, its datasets and attributes."""
    if path.suffix != ".h5":
        return path.read_bytes()
    with h5py.File(path) as file:
        arrays = {**{f"/{name}": data[()] for name, data in file.items()}, **file.attrs}
        return {name: repr(np.asarray(values).tolist()).encode() for name, values in arrays.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_is_reproduced_bit_for_bit(name: str, work: Path, tmp_path: Path):
    original = make(name, tmp_path)
    done = facegen("reproduce", original, "--from", work, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads(done.stdout)
    assert (found["identical"], found["largest_difference"]) == (True, 0)
    again = tmp_path / f"{original.stem}-reproduced{original.suffix}"
    assert found["path"] == str(again)
    assert contents(again) == contents(original)


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"encoded.h5"}))  # which has an Origin
def test_the_provenance_of_a_file_begins_with_facegens_version(
    name: str, work: Path, tmp_path: Path
):
    provenance = info(make(name, tmp_path))["provenance"]
    assert next(iter(provenance.items())) == ("facegen_version", __version__)


def test_generated_faces_that_record_no_version_are_reproduced(work: Path, tmp_path: Path):
    """As facegen 0.1 wrote them."""

    def forget_version(file: h5py.File) -> None:
        provenance = json.loads(file.attrs["provenance"])
        del provenance["facegen_version"]
        file.attrs["provenance"] = json.dumps(provenance)

    original = make("moved.h5", tmp_path)
    edit_hdf5(original, forget_version)
    done = facegen("reproduce", original, "--from", work)
    assert done.stderr == "identical\n", (done.output, done.exception)


def fake_ffmpeg(path: Path, version: str) -> Path:
    """A program that writes as ffmpeg does: the comment in its atom, and all that it is given."""
    path.write_text(
        "#!/usr/bin/env python3\n"
        "import sys\n"
        "text = next(a for a in sys.argv if a.startswith('comment=')).encode()[8:]\n"
        "head = b'\\0\\0\\0\\x18ftypisom' + b'\\xa9cmt' + (16 + len(text)).to_bytes(4, 'big')\n"
        "frames = sys.stdin.buffer.read()\n"
        "with open(sys.argv[-1].removeprefix('file:'), 'wb') as file:\n"
        f"    file.write(head + b'data' + bytes(8) + text + frames + b'{version}')\n"
    )
    path.chmod(0o755)
    return path


def test_a_video_is_reproduced_by_the_same_ffmpeg(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ffmpeg = fake_ffmpeg(tmp_path / "ffmpeg", "1")
    monkeypatch.setattr(animation, "find_ffmpeg", lambda: str(ffmpeg))
    assert facegen("morph", "seed:5", "seed:6", "-o", tmp_path / "a.mp4").exit_code == 0
    assert facegen("reproduce", tmp_path / "a.mp4").stderr == "identical\n"
    fake_ffmpeg(ffmpeg, "2")
    done = facegen("reproduce", tmp_path / "a.mp4", "--json")
    assert json.loads(done.stdout)["largest_difference"] is None
    assert "a-reproduced.mp4 differs from" in str(done.exception)


def edit_hdf5(path: Path, edit: Callable[[h5py.File], None]) -> None:
    with h5py.File(path, "a") as file:
        edit(file)


def add(name: str, amount: float) -> Callable[[h5py.File], None]:
    """Adds to the last number of a dataset, or takes away where it is large."""

    def edit(file: h5py.File) -> None:
        values = file[name][()]
        last = (-1,) * values.ndim
        values[last] = values[last].item() + (-amount if values[last] > 100 else amount)
        file[name][...] = values

    return edit


@pytest.mark.parametrize(
    ("name", "edit", "told"),
    [
        ("gaussian.h5", add("means", 1e-4), "the same but for rounding: some numbers differ by"),
        ("gaussian.h5", add("means", 0.5), "differs from .* by up to 0.5; was that edited"),
        ("new.h5", add("images", 1), "the same but for rounding: .* by up to 1 of 255"),
        ("new.h5", add("images", 3), "differs from .* by up to 3 of 255"),
        ("new.h5", add("split", 1), "new.h5; was that edited"),
        ("directions.h5", add("with", 1), "directions.h5; was that edited"),
        ("encoded.h5", add("logvar", np.nan), "encoded.h5; was that edited"),
        ("encoded.h5", add("z", -2), "by up to 2; was that edited"),
    ],
)
def test_a_changed_store_is_noticed(
    name: str, edit: Callable[[h5py.File], None], told: str, work: Path, tmp_path: Path
):
    original = make(name, tmp_path)
    edit_hdf5(original, edit)
    done = facegen("reproduce", original, "--from", work)
    is_rounding = told.startswith("the same")
    assert done.exit_code == (0 if is_rounding else 1)
    said = done.stderr if is_rounding else str(done.exception)
    assert re.search(told, said), said


def test_another_picture_is_noticed_in_an_animation(work: Path, tmp_path: Path):
    original = make("a.gif", tmp_path)
    image = Image.open(io.BytesIO(original.read_bytes()))
    comment = json.loads(image.info["comment"])
    comment["points"][0]["seed"] = 6
    image.save(tmp_path / "c.gif", save_all=True, comment=json.dumps(comment).encode())
    done = facegen("reproduce", tmp_path / "c.gif", "--from", work)
    assert re.search(r"differs from .*c\.gif by up to \d+ of 255", str(done.exception))
    comment["steps"] = 1
    image.save(tmp_path / "d.gif", save_all=True, comment=json.dumps(comment).encode())
    done = facegen("reproduce", tmp_path / "d.gif", "--from", work)
    assert "by up to 255 of 255" in str(done.exception)


@pytest.mark.parametrize("name", ["gaussian.h5", "directions.h5"])
def test_another_store_is_refused(name: str, work: Path, toy_weights: Path, tmp_path: Path):
    """A Gaussian of mu does not depend on the seed of z, but the store is another all the same."""
    original = make(name, tmp_path)
    encode([work / "faces.h5"], tmp_path / "latents.h5", weights=toy_weights, seed=6)
    shutil.move(tmp_path / "latents.h5", tmp_path / "other.h5")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(original, elsewhere)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere)
        missing = facegen("reproduce", name)
        assert "the original needs latents.h5, which is not in ." in str(missing.exception)
        shutil.copy(tmp_path / "other.h5", "latents.h5")
        other = facegen("reproduce", name)
    assert isinstance(other.exception, InputError)
    message = "latents.h5 is not what the original was made from: its seed is another"
    assert message in str(other.exception)
    assert not (elsewhere / f"{original.stem}-reproduced.h5").exists()


def test_a_store_of_other_faces_is_refused(work: Path, tmp_path: Path):
    original = make("encoded.h5", tmp_path)
    edit_hdf5(original, lambda file: file.attrs.update(fingerprint="another"))
    done = facegen("reproduce", original, "--from", work)
    assert "faces.h5 is not what the original was made from: its fingerprint" in str(done.exception)


def test_what_goes_with_pictures_is_refused_for_others(work: Path, tmp_path: Path):
    original = make("a.gif", tmp_path)
    for option in (["--cell", "1,1"], ["--size", 64]):
        done = facegen("reproduce", original, *option)
        assert isinstance(done.exception, InputError)
        assert "a.gif is no PNG; --cell and --size are for one" in str(done.exception)
    done = facegen("reproduce", original, "-o", tmp_path / "a.webp")
    assert isinstance(done.exception, OutputError)
    assert "a.webp must end in .gif" in str(done.exception)
    done = facegen("reproduce", original, "-o", original, "--force")
    assert "is the original; choose another output" in str(done.exception)
    assert not list(tmp_path.glob("*.webp"))


def damage(file: h5py.File) -> None:
    provenance = json.loads(file.attrs["provenance"])
    del provenance["origin"]
    file.attrs["provenance"] = json.dumps(provenance)


def test_a_damaged_provenance_is_one_clear_line(work: Path, tmp_path: Path):
    original = make("gaussian.h5", tmp_path)
    edit_hdf5(original, damage)
    done = facegen("reproduce", original)
    assert "the provenance is damaged: it has no origin" in str(done.exception)
    edit_hdf5(original, lambda file: file.attrs.update(provenance="{"))
    assert "the provenance is damaged: not JSON" in str(facegen("reproduce", original).exception)


def forget(file: h5py.File) -> None:
    """As an older facegen wrote it."""
    del file.attrs["provenance"]


def break_off(file: h5py.File) -> None:
    file["rows_done"][()] = 7


def write_uncovered(name: str, folder: Path) -> Path:
    path = folder / name
    if name == "radius.png":
        facegen("analyze", "radius", "latents.h5", "--points", "mu", "-o", path)
    elif name == "evaluation.json":
        facegen("evaluate", "faces.h5", "--n", 8, "--seed", 3, "--pixels-only", "-o", path)
    elif name == "evaluation.png":
        options = ("--n", 8, "--pixels-only", "-o", folder / "e.json", "--plot", path)
        facegen("evaluate", "faces.h5", *options)
    elif name == "faces.h5":
        shutil.copy("faces.h5", path)
    elif name == "photos.h5":
        facegen("encode", "photo.png", "--seed", 3, "-o", path)
    elif name == "sharp.png":
        facegen("sharpen", "photo.png", "--unsharp", "2,150,3", "-o", path)
    elif name == "strip.webp":
        Image.open("photo.png").save(path, exif=_exif({"command": "generate"}))
    elif name == "checkpoint.h5":
        save_checkpoint(path, [], {"training": {}, "history": []})
    else:
        path = make(name, folder)
        edit_hdf5(path, break_off if name == "encoded.h5" else forget)
    return path


def _exif(provenance: dict) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = json.dumps({"facegen_version": "0", **provenance})
    return exif


@pytest.mark.parametrize(
    ("name", "command"),
    {
        "radius.png": "analyze radius",
        "evaluation.json": "evaluate",
        "evaluation.png": "evaluate",
        "faces.h5": "prepare PHOTOS",
        "photos.h5": "encode",
        "encoded.h5": "encode",
        "sharp.png": "sharpen",
        "strip.webp": "generate",
        "checkpoint.h5": "train",
        "gaussian.h5": "fit LATENTS.h5",
        "mixture.h5": "fit LATENTS.h5",
        "directions.h5": "attributes LATENTS.h5",
    }.items(),
)
def test_of_others_the_user_is_told_the_command(
    name: str, command: str, work: Path, tmp_path: Path
):
    original = write_uncovered(name, tmp_path)
    done = facegen("reproduce", original)
    assert isinstance(done.exception, InputError), done.output
    assert f"can't be reproduced; 'facegen {command}' made it" in str(done.exception)


def test_a_folder_is_no_file(toy_weights: Path, tmp_path: Path):
    done = facegen("reproduce", toy_weights, "-o", tmp_path / "x")
    assert f"{toy_weights} is no file" in str(done.exception)
