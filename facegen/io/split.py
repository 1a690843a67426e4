"""Which images are held out for tests: whole people, chosen by a hash of their number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from facegen.errors import InputError

SPLIT_RULE = "people by BLAKE2b"  # as face sets record the rule of `is_test_row`


def is_test_row(
    names: Sequence[str],
    identities: np.ndarray | None = None,
    *,
    test_fraction: float = 0.1,
    test_count: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Chooses the test images: whole people where they are known, else single images.

    The people are put in an order that depends only on their number and the seed (a hash), and
    taken until the wanted count of images is reached; a person who would exceed it is passed
    over. So an image's split does not depend on the order in which photos are read.

    Args:
        names: N names, which stand for people where those are unknown.
        identities: int (N) person numbers, -1 where unknown, or None.
        test_fraction: wanted share of the images, in [0, 1).
        test_count: wanted number of images; replaces `test_fraction`.

    Returns:
        bool (N).
    """
    wanted = round(test_fraction * len(names)) if test_count is None else test_count
    if wanted >= len(names) > 0:
        raise InputError(f"{wanted} test images of {len(names)} leave none for training")
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        person = -1 if identities is None else int(identities[row])
        groups.setdefault(f"person {person}" if person >= 0 else f"name {name}", []).append(row)

    def order(group: str) -> bytes:
        return hashlib.blake2b(f"{seed}:{group}".encode(), digest_size=16).digest()

    is_test = np.zeros(len(names), bool)
    for group in sorted(groups, key=order):
        if wanted <= 0:
            break
        if len(groups[group]) <= wanted:
            is_test[groups[group]] = True
            wanted -= len(groups[group])
    return is_test
