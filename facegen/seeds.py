"""Seeds of whatever is random: 0 to 2^63-1."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from facegen.errors import InputError

MAX_SEED = 2**63 - 1


def draw_seed() -> int:
    """A fresh seed of at most nine digits, to print and to record."""
    return secrets.randbelow(10**9)


def check_seed(seed: int) -> int:
    """Returns the seed.

    Raises:
        InputError: it lies outside 0..2^63-1.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"the seed must be in 0..{MAX_SEED}, not {seed}")
    return seed


def seed_or_draw(seed: int | None, on_draw: Callable[[int], object] = lambda seed: None) -> int:
    """The seed given, or a fresh one.

    Args:
        on_draw: called with the fresh one.

    Raises:
        InputError: it is out of its range.
    """
    if seed is None:
        seed = draw_seed()
        on_draw(seed)
    return check_seed(seed)
