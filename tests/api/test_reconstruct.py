"""reconstruct: originals over what the model makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.io.face_set import FaceSet
from facegen.io.weights import Weights
from facegen.latent.random_points import select
from facegen.model.codec import Codec
from running import facegen


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_reconstruct_puts_originals_over_reconstructions(
    toy_weights: Path, toy_faces: Path, tmp_path: Path
):

    arguments = ["reconstruct", toy_faces, "--weights", toy_weights, "--seed", 4, "--n", 9]
    done = facegen(*arguments, "-o", "r.png")
    assert (done.exit_code, done.stdout) == (0, "r.png\n"), done.stderr
    sheet = np.asarray(Image.open(tmp_path / "r.png"))
    assert sheet.shape == (4 * 36 + 4, 7 * 36 + 4, 3)
    with FaceSet.open(toy_faces) as faces:
        originals = faces.read(select(faces.rows("test"), 9, seed=4))
    codec = Codec(Weights.load(toy_weights))
    pictures = codec.decode(codec.encode(originals)[0])
    np.testing.assert_array_equal(sheet[4:36, 4:36], originals[0])
    np.testing.assert_array_equal(sheet[40:72, 4:36], pictures[0])
    np.testing.assert_array_equal(sheet[76:108, 40:72], originals[8])
    np.testing.assert_array_equal(sheet[112:144, 40:72], pictures[8])
    assert (sheet[76:, 80:] == 255).all()


def test_reconstruct_takes_photos_and_sampled_noise(
    toy_weights: Path, photos_folder: Path, tmp_path: Path
):
    photos = [photos_folder / "colour.jpg", photos_folder / "rotated.jpg"]
    sheets = []
    for name, more in (("mu.png", []), ("a.png", ["--sample"]), ("b.png", ["--sample"])):
        arguments = ["--weights", toy_weights, "--seed", 1, "-q", *more, "-o", name]
        done = facegen("reconstruct", *photos, *arguments)
        assert done.exit_code == 0, done.stderr
        sheets.append(np.asarray(Image.open(tmp_path / name)))
    np.testing.assert_array_equal(sheets[1], sheets[2])
    assert (sheets[0] != sheets[1]).any()
