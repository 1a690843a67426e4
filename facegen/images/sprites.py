"""Sprite sheets: thumbnails in a square without gaps, as TensorBoard's projector shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from PIL import Image

from facegen.errors import InputError

LARGEST = 8192  # pixels of a side, the projector's limit
SMALLEST_THUMBNAIL = 8


def make_sprite(batches: Iterable[np.ndarray], count: int, size: int) -> tuple[Image.Image, int]:
    """Puts faces side by side in a square, row by row, smaller where they are many.

    Args:
        batches: of faces, each uint8 (n, size, size, 3); `count` in all.

    Returns:
        The RGB picture, black where there is no face, and the size of a thumbnail.

    Raises:
        InputError: there are too many.
    """
    side = max(1, math.isqrt(count - 1) + 1) if count else 1
    thumbnail = min(size, LARGEST // side)
    if thumbnail < SMALLEST_THUMBNAIL:
        most = (LARGEST // SMALLEST_THUMBNAIL) ** 2
        raise InputError(f"a sprite sheet has room for {most} faces, not for {count}")
    sheet = np.zeros((side * thumbnail, side * thumbnail, 3), np.uint8)
    index = 0
    for faces in batches:
        for face in faces:
            picture = Image.fromarray(face)
            if thumbnail != size:
                picture = picture.resize((thumbnail, thumbnail), Image.Resampling.LANCZOS)
            upper, left = (thumbnail * n for n in divmod(index, side))
            sheet[upper : upper + thumbnail, left : left + thumbnail] = np.asarray(picture)
            index += 1
    return Image.fromarray(sheet), thumbnail
