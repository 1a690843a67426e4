"""How far two files of facegen's differ: pictures, animations and stores."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageSequence

from facegen.io import hdf5
from facegen.io.pictures import decoding_errors
from facegen.io.xmp import MP4_UUID
from facegen.recipes.document_info import open_document

FARTHEST = 255  # of pictures: black from white
ROWS = 256  # of pixels compared at a time
BATCH = 256  # rows of a store in memory at a time
BLOCK = 1 << 20  # bytes of a video
DIGESTS = {"row_digests"}  # of the images, which are compared; face sets of format 1 have none


def same_bytes(a: Path, b: Path) -> bool:
    """Whether two files are the same bit for bit."""
    return filecmp.cmp(a, b, shallow=False)


def same_but_for_mark(a: Path, b: Path) -> bool:
    """Whether a video is another, `b`, without what facegen has added to it since it was made."""
    with a.open("rb") as one, b.open("rb") as other:
        while part := one.read(BLOCK):
            if other.read(len(part)) != part:
                return False
        return other.read()[4:].startswith(MP4_UUID)


def picture_difference(a: Image.Image, b: Image.Image) -> int:
    """The largest difference of any channel of any pixel; 255 for pictures of different sizes."""
    if a.size != b.size:
        return FARTHEST
    largest = 0
    for upper in range(0, a.height, ROWS):
        box = (0, upper, a.width, min(upper + ROWS, a.height))
        values = [np.asarray(image.crop(box).convert("RGB"), np.int16) for image in (a, b)]
        largest = max(largest, int(np.abs(values[0] - values[1]).max()))
    return largest


def animation_difference(a: Path, b: Path) -> int:
    """The largest difference of any pixel of any frame; 255 for another number of frames.

    Raises:
        InputError: one is damaged; the message is the reason alone.
    """
    largest = 0
    with ExitStack() as files, decoding_errors():
        images = [files.enter_context(open_document(path)) for path in (a, b)]
        for frames in zip_longest(*map(ImageSequence.Iterator, images)):
            if None in frames:
                return FARTHEST
            largest = max(largest, picture_difference(*frames))
    return largest


def store_difference(a: Path, b: Path) -> float | None:
    """The largest difference of any number of any dataset of two HDF5 files, `b` just made.

    Returns:
        None if they differ in anything else: in the shape of a dataset, in a text, in a count.
    """
    largest = 0.0
    with hdf5.read_errors(a), h5py.File(a) as one, h5py.File(b) as other:
        if set(one) - DIGESTS != set(other) - DIGESTS:
            return None
        for name in set(other) - DIGESTS:
            stored = hdf5.dataset(one, name, ndim=other[name].ndim)
            difference = _dataset_difference(stored, other[name])
            if difference is None:
                return None
            largest = max(largest, difference)
    return largest


def _dataset_difference(a: h5py.Dataset, b: h5py.Dataset) -> float | None:
    if a.shape != b.shape or a.dtype != b.dtype:
        return None
    largest = 0.0
    for x, y in zip(_batches(a), _batches(b), strict=True):
        if np.array_equal(x, y):
            continue
        if a.name != "/images" and a.dtype.kind != "f":
            return None
        x, y = x.astype(np.float64), y.astype(np.float64)
        changed = (x != y) & ~(np.isnan(x) & np.isnan(y))
        differences = np.abs(x[changed] - y[changed])
        if not np.isfinite(differences).all():
            return None
        largest = max(largest, float(differences.max(initial=0)))
    return largest


def _batches(data: h5py.Dataset) -> Iterator[np.ndarray]:
    """Yields a dataset, some rows at a time."""
    if data.ndim == 0:
        yield data[()]
    for start in range(0, len(data) if data.ndim else 0, BATCH):
        yield data[start : start + BATCH]
