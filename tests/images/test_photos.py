"""Opening, cropping and resizing photos, and pixels to floats and back."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, JpegImagePlugin

from facegen.errors import InputError
from facegen.images.photos import centre_square, crop_box, load_face
from facegen.images.pixels import to_float, to_pixels
from facegen.io.pictures import open_photo
from toys import draw_photo

ORIENTATION = 0x0112
BYTES = np.arange(256, dtype=np.uint8)

# How a camera that is held so stores an upright picture (EXIF 2.3, orientation).
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def encode(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(np.ascontiguousarray(image))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def lanczos(pixels: np.ndarray, size: int, low: float, high: float) -> np.ndarray:
    """Resamples axis 0 from [low, high] to `size` values: the textbook formula with a = 3.

    Pillow rounds between its two passes, so a result of both may differ by 2.
    """
    scale = (high - low) / size
    result = []
    for i in range(size):
        centre = low + (i + 0.5) * scale
        x = (np.arange(len(pixels)) + 0.5 - centre) / max(scale, 1)
        weights = np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
        result.append(np.tensordot(weights / weights.sum(), pixels, 1))
    return np.array(result)


def resample(pixels: np.ndarray, size: int, box: tuple[int, int, int, int]) -> np.ndarray:
    left, upper, right, lower = box
    columns = lanczos(pixels.astype(float).swapaxes(0, 1), size, left, right)
    rows = lanczos(columns.swapaxes(0, 1), size, upper, lower)
    return np.clip(np.rint(rows), 0, 255)


def distance(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(abs(a.astype(int) - b.astype(int)).max())


def test_every_byte_survives_the_way_to_float_and_back():
    np.testing.assert_array_equal(to_pixels(to_float(BYTES)), BYTES)


def test_to_float_divides_by_255():
    values = to_float(BYTES)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.arange(256) / 255, rtol=2e-7)
    assert values[0] == 0
    assert values[255] == 1


@given(npst.arrays(np.uint8, npst.array_shapes(max_dims=4, max_side=5)))
def test_conversion_keeps_shape_and_input(pixels):
    before = pixels.copy()
    values = to_float(pixels)
    assert values.shape == pixels.shape
    kept = values.copy()
    np.testing.assert_array_equal(to_pixels(values), pixels)
    np.testing.assert_array_equal(values, kept)
    np.testing.assert_array_equal(pixels, before)


@given(st.integers(0, 255), st.floats(-0.49, 0.49))
def test_to_pixels_rounds_to_the_nearest(byte, offset):
    assert to_pixels(np.array([(byte + offset) / 255]))[0] == byte


def test_to_pixels_clips_after_rounding():
    values = np.array([-1e9, -0.003, -0.001, 1.001, 1.003, 2.0, 1e9], np.float32)
    np.testing.assert_array_equal(to_pixels(values), [0, 0, 0, 255, 255, 255, 255])


@pytest.mark.parametrize("orientation", STORED)
def test_photos_are_turned_upright_before_the_box_is_cut(orientation):
    upright = noise(30, 20, 3)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(STORED[orientation](upright), exif=exif)
    face = load_face(data, size=16, box=(2, 5, 18, 21))
    np.testing.assert_array_equal(face, upright[5:21, 2:18])


@pytest.mark.parametrize("orientation", [0, 9, 200])
def test_orientations_that_do_not_exist_are_ignored(orientation):
    upright = noise(16, 32, 3)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    face = load_face(encode(upright, exif=exif), size=16, box=(16, 0, 32, 16))
    np.testing.assert_array_equal(face, upright[:, 16:])


def test_the_aligned_celeba_size_is_recognised_after_turning():
    upright = noise(218, 178, 3)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = load_face(encode(STORED[6](upright), exif=exif))
    np.testing.assert_array_equal(turned, load_face(encode(upright)))


def test_gray_becomes_three_equal_channels():
    gray = noise(16, 16)
    face = load_face(encode(gray), size=16)
    np.testing.assert_array_equal(face, np.stack([gray] * 3, axis=2))


def test_sixteen_bit_gray_is_scaled_not_clipped():
    gray = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    expected = np.rint(gray / 257).astype(np.uint8)
    for kind in ("PNG", "TIFF"):
        face = load_face(encode(gray, kind), size=16)
        np.testing.assert_array_equal(face, np.stack([expected] * 3, axis=2))


def test_sixteen_bit_pgm_is_scaled_not_clipped():
    gray = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    data = b"P5 16 16 65535\n" + gray.astype(">u2").tobytes()
    np.testing.assert_array_equal(load_face(data, size=16)[..., 1], BYTES.reshape(16, 16))


def test_floating_point_is_scaled_from_its_own_range():
    values = np.linspace(-3, 7, 256, dtype=np.float32).reshape(16, 16)
    face = load_face(encode(values, "TIFF"), size=16)
    np.testing.assert_array_equal(face[..., 2], BYTES.reshape(16, 16))


def test_floating_point_with_one_value_is_black():
    values = np.full((16, 16), 4.5, np.float32)
    assert load_face(encode(values, "TIFF"), size=16).max() == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_floating_point_that_is_not_finite_is_refused(value):
    values = np.zeros((16, 16), np.float32)
    values[3, 3] = value
    with pytest.raises(InputError, match="not finite"):
        load_face(encode(values, "TIFF"), size=16)


def test_one_bit_becomes_black_and_white():
    bits = noise(16, 16) > 127
    face = load_face(encode(Image.fromarray(bits)), size=16)
    np.testing.assert_array_equal(face[..., 0], np.where(bits, 255, 0))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palettes_are_looked_up(kind):
    indices = (np.arange(256) % 7).astype(np.uint8).reshape(16, 16)
    colours = noise(7, 3)
    image = Image.fromarray(indices, "P")
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(load_face(encode(image, kind), size=16), colours[indices])


def test_cmyk_is_multiplied_out():
    inks = noise(16, 16, 4)
    face = load_face(encode(Image.fromarray(inks, "CMYK"), "TIFF"), size=16)
    light = 1 - inks / 255
    assert distance(face, np.rint(255 * light[..., :3] * light[..., 3:])) <= 1


def test_transparent_parts_lie_on_white():
    pixels = noise(16, 16, 4)
    pixels[0, 0] = 1, 2, 3, 0
    alpha = pixels[..., 3:] / 255
    for kind in ("PNG", "TIFF"):
        face = load_face(encode(pixels, kind), size=16)
        assert distance(face, np.rint(pixels[..., :3] * alpha + 255 * (1 - alpha))) <= 1
        np.testing.assert_array_equal(face[0, 0], 255)


def test_transparent_parts_of_gray_lie_on_white():
    pixels = noise(16, 16, 2)
    alpha = pixels[..., 1] / 255
    face = load_face(encode(Image.fromarray(pixels, "LA")), size=16)
    assert distance(face[..., 0], np.rint(pixels[..., 0] * alpha + 255 * (1 - alpha))) <= 1


def test_a_transparent_palette_entry_lies_on_white():
    indices = (np.arange(256) % 2).astype(np.uint8).reshape(16, 16)
    image = Image.fromarray(indices, "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    face = load_face(encode(image, transparency=1), size=16)
    np.testing.assert_array_equal(face, np.array([[10, 20, 30], [255] * 3])[indices])


def test_the_first_frame_of_an_animation_is_taken():
    first, second = noise(16, 16, 3), 255 - noise(16, 16, 3)
    data = encode(first, save_all=True, append_images=[Image.fromarray(second)])
    np.testing.assert_array_equal(load_face(data, size=16), first)


def test_aligned_celeba_images_are_cropped_to_the_face():
    pixels = 64 + noise(218, 178, 3) // 2  # leaves room for overshoot
    expected = resample(pixels, 96, (19, 40, 159, 180))
    assert distance(load_face(encode(pixels)), expected) <= 2


@pytest.mark.parametrize(("width", "height"), [(178, 217), (177, 218), (218, 178)])
def test_other_sizes_are_cropped_to_the_centre_square(width, height):
    pixels = 64 + noise(height, width, 3) // 2
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    expected = resample(pixels, 64, (left, upper, left + side, upper + side))
    assert distance(load_face(encode(pixels), size=64), expected) <= 2


def test_a_box_replaces_the_usual_crop():
    pixels = noise(218, 178, 3)
    face = load_face(encode(pixels), size=32, box=(0, 186, 32, 218))
    np.testing.assert_array_equal(face, pixels[186:, :32])


@given(st.integers(1, 500), st.integers(1, 500))
def test_the_centre_square_is_the_largest_and_in_the_middle(width, height):
    left, upper, right, lower = centre_square(width, height)
    assert right - left == lower - upper == min(width, height)
    assert 0 <= (width - right) - left <= 1
    assert 0 <= (height - lower) - upper <= 1


def test_only_the_exact_celeba_size_gets_the_celeba_box():
    assert crop_box(178, 218) == (19, 40, 159, 180)
    assert crop_box(218, 178) == (20, 0, 198, 178)
    assert crop_box(356, 436) == (0, 40, 356, 396)


@pytest.mark.parametrize(
    "box", [(-1, 0, 10, 10), (0, 0, 41, 10), (0, 0, 10, 31), (5, 5, 5, 10), (5, 9, 10, 5)]
)
def test_a_box_outside_the_photo_is_refused(box):
    with pytest.raises(InputError, match="does not lie inside the photo of 40x30"):
        load_face(encode(draw_photo(40, 30)), box=box)


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_large_jpegs_are_decoded_small_and_look_the_same(kind, orientation, monkeypatch):
    decoded = []
    draft = JpegImagePlugin.JpegImageFile.draft

    def spy(image, mode, size):
        result = draft(image, mode, size)
        decoded.append(image.size)
        return result

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", spy)
    photo = draw_photo(1600, 720)
    photo.paste((250, 10, 10), (900, 300, 1100, 500))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(photo, kind, quality=95, exif=exif)
    small = load_face(data, size=48)
    full = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert decoded == [(400, 180)]  # a quarter; an eighth would leave less than 2 * 48
    if orientation == 6:
        full = np.rot90(full, -1)
    slow = load_face(encode(full), size=48)
    difference = abs(small.astype(int) - slow)
    assert difference.mean() < 1
    assert difference.max() < 12


def test_a_truncated_photo_is_damaged():
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        data = encode(noise(60, 60, 3), kind)
        with pytest.raises(InputError, match=r"damaged: \w+|not an image"):
            load_face(data[: len(data) // 2])


def test_an_empty_file_is_refused():
    with pytest.raises(InputError, match=r"^the file is empty$"):
        load_face(b"")


@pytest.mark.parametrize("data", [b"no photo", b"\xff\xd8\xff", b"%PDF-1.7\n", bytes(1000)])
def test_what_is_not_an_image_is_refused(data):
    with pytest.raises(InputError, match="not an image"):
        load_face(data)


def test_postscript_is_not_run():
    data = encode(draw_photo(20, 20), "EPS")
    with pytest.raises(InputError, match="not an image"):
        load_face(data)


def test_a_photo_with_too_many_pixels_is_refused_before_decoding():
    header = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, 100_000, 90_000, 1, 24, 0, 0, 0, 0, 0, 0)
    with pytest.raises(InputError, match=r"^100000x90000 is more than 100000000 pixels"):
        load_face(header)


def test_max_pixels_is_the_largest_number_allowed():
    data = encode(draw_photo(40, 30))
    assert open_photo(data, max_pixels=1200).size == (40, 30)
    with pytest.raises(InputError, match="--max-pixels"):
        open_photo(data, max_pixels=1199)


def test_every_kind_of_photo_shows_the_same_picture(photos_folder: Path):
    """Red grows to the right and green downwards; gray kinds have the mean's luminance."""
    for path in sorted(photos_folder.iterdir()):
        face = load_face(path.read_bytes(), size=24).astype(int)
        assert face.shape == (24, 24, 3)
        if path.stem in ("colour", "rotated", "palette", "cmyk", "alpha"):
            assert face[12, 22, 0] - face[12, 1, 0] > 60, path
            assert face[22, 12, 1] - face[1, 12, 1] > 60, path
            assert abs(face[12, 12] - 128).max() < 20 or path.stem == "alpha", path
        elif path.stem != "aligned":
            assert (face[..., :1] == face).all(), path
            assert face[22, 22].mean() - face[1, 1].mean() > 40, path


@given(st.sampled_from(["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP"]), st.data())
def test_damage_anywhere_gives_a_face_or_an_input_error(kind, data):
    photo = bytearray(encode(noise(24, 24, 3), kind))
    position = data.draw(st.integers(0, len(photo) - 1))
    garbage = data.draw(st.binary(min_size=1, max_size=8))
    photo[position : position + len(garbage)] = garbage
    reason = ""
    try:
        face = load_face(bytes(photo), size=8, max_pixels=1_000_000)
    except InputError as error:
        reason = str(error)
    if reason:
        assert reason.removeprefix("damaged:").strip()
        assert "\n" not in reason
    else:
        assert face.shape == (8, 8, 3)
        assert face.dtype == np.uint8
