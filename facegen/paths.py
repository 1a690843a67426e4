"""What a function takes that reads several files: one path or several."""

from __future__ import annotations

import os
from collections.abc import Iterable

AnyPath = str | os.PathLike
Paths = AnyPath | Iterable[AnyPath]


def path_list(paths: Paths) -> list[AnyPath]:
    """One path or several, as a list: a text is one path, not its letters."""
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)
