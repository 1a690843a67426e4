"""The batches of an epoch: which images, in which order, and which of them are mirrored."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from facegen.errors import InputError
from facegen.io.face_set import FaceSet
from facegen.latent.random_points import EPOCH, generator

SHUFFLE_BYTES = 256 << 20  # images that are mixed at a time


def count_batches(faces: FaceSet, batch_size: int) -> int:
    """How many batches an epoch has; what is left of the training images is dropped.

    Raises:
        InputError: there is not one.
    """
    count, all_rows = int(faces.is_train.sum()), int((~faces.is_test).sum())
    if count < batch_size:
        more = "raise --limit" if count < all_rows else "add photos"
        raise InputError(
            f"{faces.path} has {count} training images, fewer than one batch of {batch_size}; "
            f"{more} or lower --batch-size"
        )
    return count // batch_size


def training_batches(
    faces: FaceSet, *, batch_size: int, flip: bool, seed: int, epoch: int
) -> Iterator[np.ndarray]:
    """Yields the shuffled training images of an epoch, a pure function of (seed, epoch).

    The HDF5 chunks are read in random order, and the images of 256 MiB of them mixed, so memory
    does not grow with the face set. What is left after the last whole batch is dropped: other
    images in every epoch.

    Yields:
        uint8 (batch_size, size, size, 3).
    """
    random = generator(seed, row=epoch, stream=EPOCH)
    chunk_rows = faces.images.chunks[0] if faces.images.chunks else len(faces)
    chunk_bytes = chunk_rows * math.prod(faces.images.shape[1:])
    chunks = random.permutation(math.ceil(len(faces) / chunk_rows))
    chunks_at_once = max(1, SHUFFLE_BYTES // chunk_bytes)
    left = np.empty((0, *faces.images.shape[1:]), np.uint8)
    for start in range(0, len(chunks), chunks_at_once):
        parts = [left]
        for chunk in chunks[start : start + chunks_at_once]:
            first, last = chunk * chunk_rows, (chunk + 1) * chunk_rows
            parts.append(faces.read_range(first, last)[faces.is_train[first:last]])
        images = np.concatenate(parts)
        parts.clear()
        order = random.permutation(len(images))
        whole = len(order) - len(order) % batch_size
        for rows in order[:whole].reshape(-1, batch_size):
            batch = images[rows]
            if flip:
                mirrored = random.random(batch_size) < 0.5
                batch[mirrored] = batch[mirrored, :, ::-1]
            yield batch
        left = images[order[whole:]]
