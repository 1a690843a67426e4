"""Where input files are: found by their recorded names, and told from others by their digests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facegen.errors import InputError, MissingFileError
from facegen.io import hdf5
from facegen.io.face_set import FaceSet
from facegen.io.face_set_history import History
from facegen.io.files import sha256_of
from facegen.io.latent_store import Latents
from facegen.io.weights import CONFIG, Weights
from facegen.recipes.ingredients import StoreRecipe


@dataclass(frozen=True)
class Places:
    """Folders in which input files may be, besides the current one.

    Attributes:
        folders: those by default.
        given: folders and archives that the user has named.
    """

    folders: Sequence[Path]
    given: Sequence[Path] = ()

    def weights(self, name: str) -> Iterator[Weights]:
        """The weights of that name."""
        for folder in (Path(), *self.folders, *self.given):
            if os.path.isfile(folder / name / CONFIG):
                with suppress(InputError, MissingFileError):
                    yield Weights.load(folder / name)

    def candidates(self, name: str) -> Iterator[Path]:
        """The files of that name."""
        for folder in (Path(), *self.folders, *self.given):
            for path in dict.fromkeys((folder / name, folder / Path(name).name)):
                if os.path.isfile(path):  # unlike Path's, it has no exceptions for odd names
                    yield path

    def find(self, name: str, check: Callable[[Path], object]) -> Path:
        """The first file of a name that is right: `check` raises InputError for others.

        Raises:
            MissingFileError: there is none of that name.
            InputError: all are others; the first one's error.
        """
        wrong: InputError | None = None
        for path in self.candidates(name):
            try:
                check(path)
                return path
            except InputError as error:
                wrong = wrong or error
        raise wrong or self.missing(name)

    def missing(self, name: str) -> MissingFileError:
        places = ", ".join(dict.fromkeys(map(str, (*self.folders, *self.given))))
        return MissingFileError(f"the original needs {name}, which is not in {places}; see --from")

    def find_same(self, name: str, kind: str, sha256: str) -> Path:
        """An HDF5 file of this kind and with this digest."""

        def check(path: Path) -> None:
            if hdf5.kind_of(path) != kind or sha256_of(path) != sha256:
                raise _another(path)

        return self.find(name, check)

    def find_faces(self, name: str, fingerprint: str, rows: Sequence[int] | None = None) -> Path:
        """A face set with this fingerprint.

        Args:
            rows: the rows that are needed: the face set may have grown since, if they are the same.

        Raises:
            MissingFileError, InputError: there is none, or all of its name are others.
        """

        def check(path: Path) -> None:
            with FaceSet.open(path) as faces:
                _check_faces(faces, fingerprint, rows)

        return self.find(name, check)

    def find_stored(self, name: str, expected: dict[str, Any]) -> Path:
        """A store with some values of its `facegen.io.latent_store.Origin`.

        Raises:
            MissingFileError, InputError: there is none, or all of its name are others.
        """

        def check(path: Path) -> None:
            with Latents.open(path) as store:
                _check_same(path, store.provenance["origin"], expected)

        return self.find(name, check)

    def find_store(self, recorded: StoreRecipe) -> Path:
        """A store with the same rows (`facegen.io.latent_store.Latents.provenance`).

        Raises:
            MissingFileError, InputError: there is none, or all of its name are others.
        """

        def check(path: Path) -> None:
            with Latents.open(path) as store:
                found = store.provenance
            _check_same(path, found["origin"], recorded.origin)
            _check_same(path, found, {"rows_done": recorded.rows_done})

        return self.find(recorded.file, check)


def _another(path: Path) -> InputError:
    return InputError(f"{path} is another file than the one that the original was made from")


def _check_faces(faces: FaceSet, fingerprint: str, rows: Sequence[int] | None) -> None:
    """Raises InputError unless a face set is, or in these rows still is, what it was."""
    if faces.fingerprint == fingerprint:
        return
    history = History.read(faces.file)
    count = history.rows_of(fingerprint)
    kept = None if count is None else history.kept_rows(count, fingerprint)
    if count is None or kept is None:
        _check_same(faces.path, {}, {"fingerprint": fingerprint})
    elif rows is not None and all(row < len(kept) and kept[row] == row for row in rows):
        return
    elif len(kept) < count:
        raise InputError(
            f"{faces.path} is not what the original was made from any more: "
            f"{count - len(kept)} of its {count} photos were forgotten since"
        )
    else:
        raise InputError(
            f"{faces.path} has grown since the original was made from it, from {count} rows to "
            f"{len(faces)}"
        )


def _check_same(path: str | os.PathLike, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raises InputError unless a file has all the expected values."""
    for key, value in expected.items():
        if found.get(key) != value:
            raise InputError(f"{path} is not what the original was made from: its {key} is another")
