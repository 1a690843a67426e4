"""Photos in, pixels out: opening safely, cropping, resizing, and pixels to floats and back."""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from facegen.errors import InputError
from facegen.headers import decoding_bytes, webp_size

CELEBA_SIZE = (178, 218)
CELEBA_BOX = (19, 40, 159, 180)  # frames the face of an aligned CelebA image
MAX_PIXELS = 100_000_000  # of one photo, before decoding
PIXEL_BYTES = 8  # of memory, for which decoding any usual photo is enough: 800 MB in all
STRIP_PIXELS = 1 << 18  # converted at once: between what is decoded and RGB there are more bytes
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".mpo", ".png", ".apng", ".webp", ".gif"}
    | {".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".icb", ".vda"}
    | {".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".avif", ".avifs", ".heic", ".heif", ".hif"}
)

# Others hold programs (EPS) or whole pictures that no limit is put on (ICO, ICNS, IPTC, BLP). HEIF
# comes last: Pillow knows it only when another package has added it.
PHOTO_FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "TGA"),
    "HEIF",
)

Box = tuple[int, int, int, int]


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
        InputError: it is empty, not an image of `PHOTO_FORMATS`, larger than `max_pixels`, or
            takes too much memory: 8 bytes for each of `max_pixels`, or 800 MB where that is more.
            The message is the reason alone, without a name.
    """
    if not data:
        raise InputError("the file is empty")
    if size := webp_size(data):
        check_pixels(size, max_pixels)
    try:
        with _quiet():
            image = _open(data)
    except InputError:
        raise
    except Exception as error:  # Pillow's readers raise what they please on damaged headers
        raise InputError("not an image that facegen reads") from error
    check_pixels(image.size, max_pixels)
    needed, limit = decoding_bytes(image), PIXEL_BYTES * max(max_pixels, MAX_PIXELS)
    if needed > limit:
        raise InputError(
            f"{image.width}x{image.height} as {image.format} takes {needed // 10**6} MB to decode, "
            f"more than {limit // 10**6} (--max-pixels)"
        )
    return image


def check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    """Raises InputError, the reason alone, if width times height is more than `max_pixels`."""
    width, height = size
    if width * height > max_pixels:
        raise InputError(f"{width}x{height} is more than {max_pixels} pixels (--max-pixels)")


def _open(data: bytes) -> Image.Image:
    """As `Image.open`, which also asks Pillow's own guard: that is one for the whole process, in
    which we may be a guest."""
    for name in PHOTO_FORMATS:
        if name not in Image.OPEN:
            Image.init()
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept is not None and accept(data[:16]) is not True):
            continue
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # as Pillow does: another format may fit
    raise UnidentifiedImageError("no format fits")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: 16 bits are scaled, not clipped; transparent parts lie on white."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    # 16-bit gray files open as I;16, or as I; Pillow's own convert clips them at 255.
    # Floating point has no agreed white, so its own range is used.
    gray = cast("tuple[float, float]", image.getextrema()) if image.mode == "F" else (0.0, 65535.0)
    rows = max(1, STRIP_PIXELS // image.width)
    if image.height <= rows:
        return _strip_to_rgb(image, gray)
    rgb = Image.new("RGB", image.size)
    for upper in range(0, image.height, rows):
        box = (0, upper, image.width, min(upper + rows, image.height))
        rgb.paste(_strip_to_rgb(image.crop(box), gray), box)
    return rgb


def _strip_to_rgb(image: Image.Image, gray: tuple[float, float]) -> Image.Image:
    """Some rows to RGB; gray: what is black and white where a channel has more than 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        if not np.isfinite(values).all():
            raise InputError("it holds values that are not finite")
        low, high = gray
        values = (values - low) / ((high - low) or 1.0)
        return Image.fromarray(to_pixels(values)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


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


def upright_size(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height of a photo turned as its EXIF says, from its header alone.

    Raises:
        InputError: the photo can't be used; the message is the reason alone, without a name.
    """
    image = open_photo(data, max_pixels=max_pixels)
    with decoding_errors():
        return _upright_size(image)


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
    """Pillow warns of odd metadata, which is of no use to anyone here.

    Some of its readers ask its guard themselves, which is another reason than damage.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Image.DecompressionBombError as error:
            raise InputError(f"Pillow's own guard in this process: {error}") from error


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


def _upright_size(image: Image.Image) -> tuple[int, int]:
    sideways = image.getexif().get(0x0112) in (5, 6, 7, 8)  # EXIF: the sides are swapped
    return image.size[::-1] if sideways else image.size


def _decode(image: Image.Image, *, size: int, box: Box | None) -> Image.Image:
    width, height = _upright_size(image)
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
