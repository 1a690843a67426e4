"""facegen as a library: a path is one source, and the points of others' arrays are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import draw_photo

from facegen.analyzing import analyze_radius
from facegen.codec import Codec
from facegen.encoding import encode
from facegen.photos import count_photos, find_photos
from facegen.points import PointReader
from facegen.preparing import prepare
from facegen.reconstructing import load_photos
from facegen.retouching import sharpen
from facegen.sharpening import Sharpening
from facegen.weights import Weights


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder "photos" with two photos in it, beside which the work is done."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    folder.mkdir()
    for name in ("a.png", "b.png"):
        draw_photo(40, 40).save(folder / name)
    return folder


@pytest.mark.parametrize("kind", [str, Path])
def test_one_path_is_one_source_of_photos(photos: Path, kind: type, toy_weights: Path):
    source = kind(photos)
    assert [photo.name for photo in find_photos(source)] == ["a.png", "b.png"]
    assert count_photos(source) == 2
    assert prepare(source, "faces.h5", size=32, workers=1).count == 2
    assert load_photos(source, size=32, align="no").names == ["a.png", "b.png"]
    assert encode(source, "latents.h5", weights=toy_weights, workers=1).rows == 2
    assert sharpen(source, "sharp", Sharpening(2)) == 2
    assert analyze_radius(kind("latents.h5"))["files"][0]["stamp"]["rows"] == 2
    reader = PointReader(Codec(Weights.load(toy_weights)), align="no")
    assert len(list(reader.read(str(photos)))) == 2


def test_a_face_set_is_one_source_too(toy_faces: Path, toy_weights: Path, tmp_path: Path):
    done = encode(str(toy_faces), tmp_path / "latents.h5", weights=toy_weights)
    assert done.rows == 300


def test_sources_may_come_from_a_generator(photos: Path):
    """They are looked at more than once."""
    assert prepare((path for path in [photos]), "faces.h5", size=32, workers=1).count == 2
    assert sharpen(photos.iterdir(), "sharp", Sharpening(2)) == 2
