"""Encoded pictures, opened safely: a stranger may have made them."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from facegen.errors import InputError
from facegen.io.picture_headers import decoding_bytes, webp_size

MAX_PIXELS = 100_000_000  # of one photo, before decoding
PIXEL_BYTES = 8  # of memory, for which decoding any usual photo is enough: 800 MB in all
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
