"""Photos in, pixels out: opening safely, cropping, resizing, and pixels to floats and back."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from facegen.errors import InputError

CELEBA_SIZE = (178, 218)
CELEBA_BOX = (19, 40, 159, 180)  # frames the face of an aligned CelebA image
MAX_PIXELS = 100_000_000  # of one photo, before decoding: 300 MB as RGB
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"}
    | {".pgm", ".avif", ".heic", ".heif"}
)

# Others hold programs (EPS) or whole pictures that no limit is put on (ICO, ICNS, IPTC, BLP). HEIF
# comes last: Pillow knows it only when another package has added it.
PHOTO_FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "TGA"),
    "HEIF",
)

Box = tuple[int, int, int, int]

Image.MAX_IMAGE_PIXELS = None  # open_photo has its own limit, an error instead of a warning


def to_float(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 in 0..255 to float32 in [0, 1], any shape."""
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] to pixels uint8: times 255, rounded, clipped to 0..255; any shape."""
    scaled = np.multiply(values, np.float32(255), dtype=np.float32)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


def open_photo(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Opens an encoded photo without decoding it yet.

    Raises:
        InputError: it is empty, not an image of `PHOTO_FORMATS`, or larger than `max_pixels`. The
            message is the reason alone, without a name.
    """
    if not data:
        raise InputError("the file is empty")
    try:
        with _quiet():
            image = Image.open(io.BytesIO(data), formats=PHOTO_FORMATS)
    except Exception as error:  # Pillow's readers raise what they please on damaged headers
        raise InputError("not an image that facegen reads") from error
    if image.width * image.height > max_pixels:
        raise InputError(
            f"{image.width}x{image.height} is more than {max_pixels} pixels (--max-pixels)"
        )
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: 16 bits are scaled, not clipped; transparent parts lie on white."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        if not np.isfinite(values).all():
            raise InputError("it holds values that are not finite")
        # 16-bit gray files open as I;16, or as I; Pillow's own convert clips them at 255.
        # Floating point has no agreed white, so its own range is used.
        low, high = (0.0, 65535.0) if image.mode != "F" else (values.min(), values.max())
        values = (values - low) / ((high - low) or 1.0)
        return Image.fromarray(to_pixels(values)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def centre_square(width: int, height: int) -> Box:
    """The largest square in the middle, as (left, upper, right, lower)."""
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def crop_box(width: int, height: int) -> Box:
    """The CelebA box for an aligned CelebA image of 178x218, else the centre square."""
    return CELEBA_BOX if (width, height) == CELEBA_SIZE else centre_square(width, height)


def load_face(
    data: bytes, *, size: int = 96, box: Box | None = None, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Decodes, turns, crops and resizes one photo.

    Args:
        data: an encoded photo, of one of `PHOTO_FORMATS` and any mode.
        size: height and width of the result in pixels.
        box: (left, upper, right, lower) in pixels of the upright photo; by default `crop_box`.
        max_pixels: refuse larger photos before decoding them.

    Returns:
        uint8 (size, size, 3), RGB.

    Raises:
        InputError: the photo can't be used; the message is the reason alone, without a name.
    """
    image = open_photo(data, max_pixels=max_pixels)
    with decoding_errors():
        image = _decode(image, size=size, box=box)
    return np.asarray(image)


def load_upright(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes one photo whole, RGB, turned as its EXIF says.

    Raises:
        InputError: the photo can't be used; the message is the reason alone, without a name.
    """
    image = open_photo(data, max_pixels=max_pixels)
    with decoding_errors():
        ImageOps.exif_transpose(image, in_place=True)
        return _to_rgb(image)


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of odd metadata, which is of no use to anyone here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def decoding_errors() -> Iterator[None]:
    """Turns what Pillow raises on a damaged photo into one clear reason."""
    try:
        with _quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # a damaged photo raises OSError, SyntaxError, struct.error, ...
        raise InputError(
            f"damaged: {' '.join(str(error).split()) or type(error).__name__}"
        ) from error


def _decode(image: Image.Image, *, size: int, box: Box | None) -> Image.Image:
    sideways = image.getexif().get(0x0112) in (5, 6, 7, 8)  # EXIF: the sides are swapped
    width, height = image.size[::-1] if sideways else image.size
    if box is None:
        box = crop_box(width, height)
    if not (0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height):
        raise InputError(f"the box {box} does not lie inside the photo of {width}x{height}")
    # A JPEG decodes to 1/2, 1/4 or 1/8 several times faster. Twice the wanted resolution is
    # left, which LANCZOS then brings down.
    shrink = min(box[2] - box[0], box[3] - box[1]) / (2 * size)
    if shrink >= 2 and image.format in ("JPEG", "MPO"):  # MPO: phones' JPEGs
        image.draft(None, (math.ceil(image.width / shrink), math.ceil(image.height / shrink)))
    ImageOps.exif_transpose(image, in_place=True)  # a copy costs 20 us of 800, in _to_rgb too
    image = _to_rgb(image)
    scale_x, scale_y = image.width / width, image.height / height
    scaled = (box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=scaled, reducing_gap=3.0)
