"""CelebA's label files, identity_CelebA.txt and list_attr_celeba.txt, matched to photos."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facegen.errors import InputError, MissingFileError
from facegen.io.inputs import note_input


def read_identities(path: str | os.PathLike) -> dict[str, int]:
    """Reads CelebA's identity_CelebA.txt: lines of file name and person number."""
    identities = {}
    for number, line in enumerate(_read_lines(path), 1):
        match = re.fullmatch(r"(\S+)\s+(\d{1,9})", line.strip())
        if match:
            identities[match[1]] = int(match[2])
        elif line.strip():
            raise InputError(f"{path}, line {number}: expected 'NAME PERSON', found {line[:60]!r}")
    return identities


def read_attributes(path: str | os.PathLike) -> tuple[list[str], dict[str, np.ndarray]]:
    """Reads CelebA's list_attr_celeba.txt: a count, the K names, then lines of file and K times
    -1 or 1.

    Returns:
        The names, and int8 (K) for each file name.
    """
    lines = _read_lines(path)
    names = lines[1].split() if len(lines) > 1 else []
    if not names:
        raise InputError(f"{path}, line 2: expected the names of the attributes")
    attributes = {}
    for number, line in enumerate(lines[2:], 3):
        name, *values = line.split() or [""]
        if len(values) == len(names) and set(values) <= {"-1", "0", "1"}:
            attributes[name] = np.array(values, np.int8)
        elif name:
            raise InputError(
                f"{path}, line {number}: expected a file name and {len(names)} values -1 or 1"
            )
    return names, attributes


def _read_lines(path: str | os.PathLike) -> list[str]:
    note_input(path)
    try:
        # Windows' editors begin a text with a byte order mark.
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read as text: {error}") from error


@dataclass(frozen=True)
class LabelFiles:
    """What the label files say of photos, by file name.

    Attributes:
        identities, attributes: the files' paths; None where there is none.
        people: file name to person number.
        attribute_names: K names.
        values: file name to int8 (K).
    """

    identities: str | os.PathLike | None = None
    attributes: str | os.PathLike | None = None
    people: dict[str, int] = field(default_factory=dict)
    attribute_names: list[str] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def read(
        cls, identities: str | os.PathLike | None, attributes: str | os.PathLike | None
    ) -> LabelFiles:
        """Reads the files that are there.

        Raises:
            MissingFileError, InputError: one is missing or damaged.
        """
        people = {} if identities is None else read_identities(identities)
        names, values = ([], {}) if attributes is None else read_attributes(attributes)
        return cls(identities, attributes, people, names, values)

    def persons_of(self, names: Sequence[str]) -> np.ndarray | None:
        """The person number of each photo, int32 (N), -1 where unknown; None without the file."""
        if self.identities is None:
            return None
        return np.array([self.people.get(Path(name).name, -1) for name in names], np.int32)

    def attributes_of(self, names: Sequence[str]) -> np.ndarray | None:
        """The attributes of each photo, int8 (N, K), 0 where unknown; None without the file."""
        if self.attributes is None:
            return None
        unknown = np.zeros(len(self.attribute_names), np.int8)
        found = [self.values.get(Path(name).name, unknown) for name in names]
        return np.array(found, np.int8).reshape(len(names), len(unknown))

    def check_known(self, names: Sequence[str]) -> None:
        """Raises InputError if a file names none of the photos."""
        for path, known in ((self.identities, self.people), (self.attributes, self.values)):
            if path is not None and not any(Path(name).name in known for name in names):
                raise InputError(f"{path} names none of the photos, such as {Path(names[0]).name}")
