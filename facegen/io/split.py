"""Which images are held out for tests: whole people, chosen by a hash of their number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

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
    return _choose(range(len(names)), names, identities, wanted=wanted, seed=seed)


def _choose(
    rows: Iterable[int],
    names: Sequence[str],
    identities: np.ndarray | None,
    *,
    wanted: int,
    seed: int,
) -> np.ndarray:
    """Chooses test images among some rows, bool (N)."""
    groups: dict[str, list[int]] = {}
    for row in rows:
        person = -1 if identities is None else int(identities[row])
        groups.setdefault(f"person {person}" if person >= 0 else f"name {names[row]}", []).append(
            row
        )

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


def extend_split(
    is_test: np.ndarray,
    identities: np.ndarray | None,
    new_names: Sequence[str],
    new_identities: np.ndarray | None,
    *,
    test_fraction: float,
    test_count: int | None,
    seed: int,
) -> np.ndarray:
    """Chooses test images among new ones: people who are known stay on their side, and the rule of
    `is_test_row` chooses among the others until the count that all images ask for is reached.

    Args:
        is_test, identities: of the M images that are there: bool (M), int (M) or None.
        new_names, new_identities: of N new ones.
        test_fraction, test_count, seed: as of `is_test_row`, of all M + N images.

    Returns:
        bool (N).
    """
    known: dict[int, bool] = {}
    if identities is not None:
        known = dict(zip(identities.tolist(), is_test.tolist(), strict=True))
        known.pop(-1, None)
    people = [-1] * len(new_names) if new_identities is None else new_identities.tolist()
    chosen = np.array([known.get(person, False) for person in people], bool)
    total = len(is_test) + len(new_names)
    wanted = round(test_fraction * total) if test_count is None else test_count
    missing = wanted - int(is_test.sum()) - int(chosen.sum())
    strangers = (row for row, person in enumerate(people) if person not in known)
    return chosen | _choose(strangers, new_names, new_identities, wanted=missing, seed=seed)
