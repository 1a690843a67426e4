"""Paths as functions take them: one or several, and what a name says of its file."""

from __future__ import annotations

import os
from collections.abc import Iterable

AnyPath = str | os.PathLike
Paths = AnyPath | Iterable[AnyPath]


def path_list(paths: Paths) -> list[AnyPath]:
    """One path or several, as a list: a text is one path, not its letters."""
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


def is_hdf5_name(path: AnyPath) -> bool:
    """Whether a name ends as those of HDF5 files do: such a file is no photo."""
    return str(path).lower().endswith((".h5", ".hdf5"))
