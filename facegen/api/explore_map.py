"""The explorer's maps: where a store's rows lie in a plane, read from a file or made meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from facegen.errors import FacegenError, InputError, MissingFileError
from facegen.io.latent_store import Latents

KINDS = ("pca", "tsne")  # that can be made here
FILE = "file"  # the kind of the one that was given
HEADER = ("row", "x", "y")  # of the CSV, whose values may have more columns
MARGIN = 0.95  # of the square that the places fill


@dataclass(frozen=True)
class Places:
    """Rows in a plane.

    Attributes:
        rows: uint32 (n).
        places: float32 (n, 2) in [-1, 1], both axes on one scale.
    """

    rows: np.ndarray
    places: np.ndarray

    @classmethod
    def read(cls, path: str | os.PathLike, store: Latents) -> Places:
        """Reads a CSV of `facegen analyze tsne --csv` or `pca --csv`.

        Raises:
            MissingFileError: no such file.
            InputError: it isn't such a file, or has rows that the store hasn't.
        """
        refused = InputError(f"{path} is no map of 'facegen analyze tsne --csv'")
        try:
            with open(path, encoding="utf-8") as file:
                header, lines = file.readline(), file.readlines()
            if tuple(header.strip().split(",")[: len(HEADER)]) != HEADER or not lines:
                raise refused
            found = np.loadtxt(lines, np.float64, delimiter=",", usecols=(0, 1, 2), ndmin=2)
        except FileNotFoundError as error:
            raise MissingFileError(f"{path} does not exist") from error
        except (OSError, ValueError) as error:  # an InputError is a ValueError
            raise refused from error
        if not len(found) or not np.isfinite(found).all():
            raise refused
        rows = found[:, 0].astype(np.int64)
        store.check_rows(rows)
        return cls(rows.astype(np.uint32), _in_square(found[:, 1:]))


def _in_square(places: np.ndarray) -> np.ndarray:
    """Places moved and scaled into [-1, 1], y upwards becomes y downwards, as on a screen."""
    low, high = places.min(axis=0), places.max(axis=0)
    half = float((high - low).max()) / 2 or 1.0
    return ((places - (low + high) / 2) * (MARGIN / half) * (1, -1)).astype(np.float32)


class StoreMaps:
    """The maps of a store, one of a kind: there, being made, or neither. Threads may share them."""

    def __init__(self, store: Latents, path: Path | None = None):
        """path: the CSV that was named.

        Raises:
            MissingFileError, InputError: it can't be used.
        """
        self._store = store
        given = {} if path is None else {FILE: Places.read(path, store)}
        self._found: dict[str, Places] = given
        self._errors: dict[str, str] = {}
        self._making = ""  # the kind of the one that is being made
        self._lock = threading.Lock()
        self._began = 0.0
        self._done = 0

    @property
    def status(self) -> dict[str, Any]:
        """As JSON.

        Returns:
            made: the kinds that are there, the first of them first. making: the kind of the one
            that is being made, or None; seconds, share: since when, and of the rows that were read.
            errors: by kind, why it could not be made.
        """
        with self._lock:
            return {
                "made": list(self._found),
                "making": self._making or None,
                "seconds": round(time.monotonic() - self._began, 1) if self._making else 0.0,
                "share": min(1.0, self._done / max(1, len(self._store))),
                "errors": dict(self._errors),
            }

    def start(self, kind: str) -> None:
        """Begins to make a map by the function of the command, in a thread of its own.

        One that is there, or is being made, is not made again.

        Raises:
            InputError: there is no such map, or another one is being made.
        """
        if kind not in KINDS:
            raise InputError(f"a map is one of {', '.join(KINDS)}, not {kind[:40]!r}")
        with self._lock:
            if kind in self._found or kind == self._making:
                return
            if self._making:
                raise InputError("a map is being made already")
            self._began, self._making, self._done = time.monotonic(), kind, 0
            self._errors.pop(kind, None)
        threading.Thread(target=self._make, args=(kind,), daemon=True).start()

    def _count(self, rows: int) -> None:
        self._done += rows

    def _make(self, kind: str) -> None:
        error, found = "", None
        try:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "places.csv"
                self._command(kind)(path)
                found = Places.read(path, self._store)
        except FacegenError as refused:
            error = str(refused)
        except Exception as bug:
            error = f"unexpected {type(bug).__name__}: {bug}"
        with self._lock:
            self._making = ""
            if found is None:
                self._errors[kind] = error
            else:
                self._found[kind] = found

    def _command(self, kind: str) -> Callable[[Path], object]:
        if kind == "pca":
            from facegen.api.analyze_pca import analyze_pca

            return lambda path: analyze_pca(self._store.path, places_csv=path, progress=self._count)
        from facegen.api.analyze_tsne import analyze_tsne

        return lambda path: analyze_tsne(self._store.path, places_csv=path)

    def places(self, kind: str) -> Places:
        """The map of a kind: FILE or one of KINDS.

        Raises:
            InputError: it is not there.
        """
        with self._lock:
            if kind not in self._found:
                made = ", ".join(self._found) or "none yet"
                raise InputError(f"there is no map {kind[:40]!r}; those that are made: {made}")
            return self._found[kind]

    def colour(self, kind: str, name: str) -> np.ndarray:
        """A label of a map's rows, int8 (n): 1 yes, -1 no, 0 unknown.

        Raises:
            InputError: there is no such map, or no such label.
        """
        from facegen.api.analyze_tsne import read_attribute

        return read_attribute(self._store, name, self.places(kind).rows.astype(np.int64))
