"""Shared fixtures: toy faces, toy weights, a folder of odd photos. Treat them as read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import settings
from PIL import Image

import facegen as package
from facegen.api.attributes import attributes
from facegen.api.encode import encode
from facegen.api.fit import fit
from facegen.cli.main import cli
from facegen.io.face_set import FaceSetWriter, is_test_row

# The machine may be busy with a training run, and a slow example is no failure.
settings.register_profile("facegen", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("facegen")

REPOSITORY = Path(__file__).parent.parent
TOY_SIZE = 32
TOY_PEOPLE = 60
TOY_IMAGES_PER_PERSON = 5
TOY_COUNT = TOY_PEOPLE * TOY_IMAGES_PER_PERSON
TOY_ATTRIBUTES = ["Smiling", "Male", "Eyeglasses"]


def facegen(*arguments: object) -> Result:
    """Runs a facegen command in this process."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def run_python(
    *arguments: str | os.PathLike, cwd: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Runs Python in a process of its own, where `facegen` is the one that is tested here."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=python_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def python_environment() -> dict[str, str]:
    """The environment of a subprocess in which `facegen` is the one that is tested here."""
    return {**os.environ, "PYTHONPATH": str(Path(package.__file__).parent.parent)}


def toy_face(
    random: np.random.Generator, *, person: dict[str, np.ndarray], smiling: bool, glasses: bool
) -> np.ndarray:
    """One face of 32x32 pixels: an ellipse of skin with eyes and a mouth, uint8 (32, 32, 3)."""
    y, x = np.mgrid[0:TOY_SIZE, 0:TOY_SIZE].astype(float)
    x -= 15.5 + random.normal(0, 0.7)
    y -= 16.5 + random.normal(0, 0.7)
    face = np.empty((TOY_SIZE, TOY_SIZE, 3))
    face[:] = person["background"] + random.normal(0, 12, 3)
    width, height = person["axes"]
    face[(x / (width + 2)) ** 2 + ((y + 2) / (height + 2)) ** 2 < 1] = person["hair"]
    face[(x / width) ** 2 + ((y - 1) / height) ** 2 < 1] = person["skin"]
    face[(abs(abs(x) - 4) < 1.3) & (abs(y + 2) < 1.3)] = 30
    if glasses:
        face[(abs(y + 2) < 1) & (abs(x) < 8)] = 10
        face[(abs(abs(abs(x) - 4) - 2.5) < 0.7) & (abs(y + 2) < 3)] = 10
    bend = -0.12 if smiling else 0.06
    face[(abs(y - 6 - bend * (x**2 - 8)) < 1) & (abs(x) < 5)] = (170, 40, 50)
    face += random.normal(0, 3, face.shape)
    return np.clip(np.rint(face), 0, 255).astype(np.uint8)


def toy_images() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The toy faces: uint8 images, int32 people and int8 attributes, each with 300 rows."""
    random = np.random.default_rng(20)
    images, people, attributes = [], [], []
    for number in range(TOY_PEOPLE):
        male = random.random() < 0.5
        person = {
            "background": random.uniform(40, 220, 3),
            "skin": random.uniform(0.5, 1) * np.array([240, 195, 165]),
            "hair": random.uniform(0.1, 0.9) * np.array([200, 160, 90]),
            "axes": random.uniform(8, 10, 2) + ((1.5, 1.0) if male else (0, 2)),
        }
        for _ in range(TOY_IMAGES_PER_PERSON):
            smiling, glasses = random.random() < 0.5, random.random() < 0.25
            images.append(toy_face(random, person=person, smiling=smiling, glasses=glasses))
            people.append(number)
            attributes.append([2 * int(yes) - 1 for yes in (smiling, male, glasses)])
    return np.stack(images), np.array(people, np.int32), np.array(attributes, np.int8)


@pytest.fixture(scope="session")
def toy_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A faces.h5 of 300 faces of 32x32 pixels: 60 people, three attributes, 30 test images."""
    path = tmp_path_factory.mktemp("toy") / "faces.h5"
    images, people, attributes = toy_images()
    names = [f"{row:06}.png" for row in range(len(images))]
    with FaceSetWriter(path, size=TOY_SIZE, source="toy faces", crop="none") as writer:
        writer.append(images, names)
        writer.set_split(is_test_row(names, people))
        writer.set_labels(people, attributes, TOY_ATTRIBUTES)
    return path


@pytest.fixture(scope="session")
def toy_weights(toy_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights: a VAE for 32x32 pixels with latent_dim 8, trained for one epoch."""
    folder = tmp_path_factory.mktemp("weights") / "toy"
    done = run_python(Path(__file__).with_name("make_toy_weights.py"), toy_faces, folder)
    assert done.returncode == 0, done.stderr
    return folder


def draw_photo(width: int, height: int) -> Image.Image:
    """A smooth RGB picture without symmetry: red grows to the right, green downwards."""
    red = np.broadcast_to(np.linspace(0, 255, width), (height, width))
    green = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    blue = 255 - (red + green) / 2
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def write_photos(folder: Path) -> None:
    """Writes a readable photo of each kind that people have."""
    photo = draw_photo(80, 60)
    photo.save(folder / "colour.jpg", quality=95)
    photo.save(folder / "colour.png")
    photo.save(folder / "colour.webp", lossless=True)
    photo.save(folder / "colour.bmp")
    photo.save(folder / "colour.tiff")
    photo.convert("L").save(folder / "gray.png")
    photo.convert("L").save(folder / "gray.jpg", quality=95)
    photo.convert("1").save(folder / "one-bit.png")
    photo.quantize(64).save(folder / "palette.png")
    photo.quantize(64).save(folder / "palette.gif")
    photo.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    photo.convert("LA").save(folder / "gray-alpha.png")
    gray = np.asarray(photo.convert("L"))
    Image.fromarray(gray.astype(np.uint16) * 257).save(folder / "sixteen-bit.png")
    transparent = photo.copy()
    transparent.putalpha(128)
    transparent.save(folder / "alpha.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.rotate(90, expand=True).save(folder / "rotated.jpg", quality=95, exif=exif)
    draw_photo(178, 218).save(folder / "aligned.jpg", quality=95)


@pytest.fixture(scope="session")
def photos_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 16 readable photos: formats, modes and orientations; nothing else in it."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder "photos" with two photos in it, beside which the work is done."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    folder.mkdir()
    for name in ("a.png", "b.png"):
        draw_photo(40, 40).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def files(toy_faces: Path, toy_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that outputs can be made from."""
    folder = tmp_path_factory.mktemp("files")
    shutil.copy(toy_faces, folder / "faces.h5")
    encode([toy_faces], folder / "latents.h5", weights=toy_weights, seed=5)
    attributes(folder / "latents.h5", folder / "attributes.h5")
    fit(folder / "latents.h5", folder / "sampler.h5")
    draw_photo(50, 60).save(folder / "photo.png")
    return folder


@pytest.fixture
def work(files: Path, toy_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder as the current one, with the toy weights as the default."""
    monkeypatch.chdir(files)
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    return files
