"""Toy faces, and photos of all kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.split import is_test_row

TOY_SIZE = 32
TOY_PEOPLE = 60
TOY_IMAGES_PER_PERSON = 5
TOY_COUNT = TOY_PEOPLE * TOY_IMAGES_PER_PERSON
TOY_ATTRIBUTES = ["Smiling", "Male", "Eyeglasses"]


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


def write_toy_faces(path: Path) -> None:
    """Writes a faces.h5 of the toy faces: 60 people, three attributes, 30 test images."""
    images, people, attributes = toy_images()
    names = [f"{row:06}.png" for row in range(len(images))]
    with FaceSetWriter(path, size=TOY_SIZE, source="toy faces", crop="none") as writer:
        writer.append(images, names)
        writer.set_split(is_test_row(names, people))
        writer.set_labels(people, attributes, TOY_ATTRIBUTES)


def draw_photo(width: int, height: int) -> Image.Image:
    """A smooth RGB picture without symmetry: red grows to the right, green downwards."""
    red = np.broadcast_to(np.linspace(0, 255, width), (height, width))
    green = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    blue = 255 - (red + green) / 2
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def undrawn() -> Any:
    """While it lasts, trainings draw a blank instead of their losses, which takes them longer than
    an epoch of toy faces.
    """
    blank = Image.new("RGB", (8, 8))
    return patch("facegen.analysis.history_plot.plot_history", lambda *values, **options: blank)


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
