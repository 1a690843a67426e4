"""Photos in, pixels out: turned, cropped, resized, in RGB."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from PIL import Image, ImageOps

from facegen.errors import InputError
from facegen.images.pixels import to_pixels
from facegen.io.pictures import MAX_PIXELS, decoding_errors, open_photo

CELEBA_SIZE = (178, 218)
CELEBA_BOX = (19, 40, 159, 180)  # frames the face of an aligned CelebA image
STRIP_PIXELS = 1 << 18  # converted at once: between what is decoded and RGB there are more bytes

Box = tuple[int, int, int, int]


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
