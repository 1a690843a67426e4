"""The explorer's map: where a store's rows lie in a plane, read from a file or made meanwhile."""

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


class StoreMap:
    """The map of a store: there, being made, or neither. Threads may share it."""

    def __init__(self, store: Latents, path: Path | None = None):
        """path: the CSV that was named.

        Raises:
            MissingFileError, InputError: it can't be used.
        """
        self._store = store
        self.found = None if path is None else Places.read(path, store)
        self._kind = None if path is None else path.name
        self._making = ""  # the kind of the one that is being made
        self._lock = threading.Lock()
        self._began = 0.0
        self._seconds = 0.0
        self._done = 0
        self._error: str | None = None

    @property
    def status(self) -> dict[str, Any]:
        """As JSON: state, kind, seconds, share (of the rows that were read), error, kinds."""
        with self._lock:
            running = self._making != ""
            state = "running" if running else "failed" if self._error else "none"
            return {
                "state": "ready" if self.found is not None and not running else state,
                "kind": self._making or self._kind,
                "seconds": round(time.monotonic() - self._began if running else self._seconds, 1),
                "share": min(1.0, self._done / max(1, len(self._store))),
                "error": self._error,
                "kinds": list(KINDS),
            }

    def start(self, kind: str) -> None:
        """Begins to make a map by the function of the command, in a thread of its own.

        Raises:
            InputError: there is no such map, or one is being made.
        """
        if kind not in KINDS:
            raise InputError(f"a map is one of {', '.join(KINDS)}, not {kind[:40]!r}")
        with self._lock:
            if self._making:
                raise InputError("a map is being made already")
            self._began, self._making, self._error, self._done = time.monotonic(), kind, None, 0
        threading.Thread(target=self._make, args=(kind,), daemon=True).start()

    def _count(self, rows: int) -> None:
        self._done += rows

    def _make(self, kind: str) -> None:
        error, found = None, None
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
            if found is not None:
                self.found, self._kind = found, kind
            self._seconds, self._making, self._error = time.monotonic() - self._began, "", error

    def _command(self, kind: str) -> Callable[[Path], object]:
        if kind == "pca":
            from facegen.api.analyze_pca import analyze_pca

            return lambda path: analyze_pca(self._store.path, places_csv=path, progress=self._count)
        from facegen.api.analyze_tsne import analyze_tsne

        return lambda path: analyze_tsne(self._store.path, places_csv=path)

    def colour(self, name: str) -> np.ndarray:
        """A label of the map's rows, int8 (n): 1 yes, -1 no, 0 unknown.

        Raises:
            InputError: there is no map, or no such label.
        """
        from facegen.api.analyze_tsne import read_attribute

        if self.found is None:
            raise InputError("there is no map yet")
        return read_attribute(self._store, name, self.found.rows.astype(np.int64))
