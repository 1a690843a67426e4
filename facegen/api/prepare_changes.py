"""Face sets that change: photos added to one, or forgotten in it, by a successor beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from facegen.api.prepare_photos import PhotoReader
from facegen.errors import InputError
from facegen.images.face_detector import check_installed
from facegen.images.photo_sources import find_photos
from facegen.io.face_set import FaceSet
from facegen.io.face_set_copy import copy_faces, read_labels
from facegen.io.face_set_history import History
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.files import output_errors, successor
from facegen.io.label_files import LabelFiles
from facegen.io.locks import exclusive
from facegen.io.prepare_options import PrepareOptions
from facegen.io.split import SPLIT_RULE, extend_split
from facegen.io.temporaries import Temporary, temporary_file
from facegen.paths import AnyPath

CHANGED = (
    "its content has changed; the face set keeps the old one ('--forget' and another '--update' "
    "take the new one)"
)


@dataclass
class Prepared:
    """What `prepare` did.

    Attributes:
        count: images in the face set.
        test_count: of them, those held out.
        skipped: (name, reason) of each photo that is not in it, or not as it is now.
        added: images that were not there before.
        renamed: photos passed over because they are there under another name.
        forgotten: photos passed over because they were forgotten.
        gone: names in the face set that the sources don't have any more.
        removed: names that were forgotten now, one for each row.
        middle_taken: a photo that is not square, of which the middle was taken; "" if there was
            none among the first of each batch.
    """

    count: int = 0
    test_count: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    added: int = 0
    renamed: int = 0
    forgotten: int = 0
    gone: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    middle_taken: str = ""


@contextmanager
def _open_to_change(output: str | os.PathLike) -> Iterator[tuple[FaceSet, PrepareOptions]]:
    """Opens a face set that nobody else changes meanwhile."""
    with exclusive(output), FaceSet.open(output) as faces:
        if faces.part is not None:
            raise InputError(f"{output} is {faces.part.shard}: change the whole that it is part of")
        if faces.options is None:
            raise InputError(
                f"{output} can't be changed: it has no digests of photos, as 'facegen prepare' of "
                "an older version or 'facegen generate' made it; prepare it again with --force"
            )
        yield faces, faces.options


def _check_options(output: AnyPath, recorded: PrepareOptions, asked: dict[str, Any]) -> None:
    if recorded.split_rule != SPLIT_RULE:
        raise InputError(
            f"{output} was split by the rule {recorded.split_rule!r}, which this facegen doesn't "
            "know; upgrade facegen"
        )
    for name, value in asked.items():
        found = getattr(recorded, name)
        if value != found:
            raise InputError(
                f"{output} was prepared with {name} {found}, not {value}; an update takes what is "
                "recorded: leave the option out, or choose another output"
            )


def _check_labels(output: AnyPath, faces: FaceSet, labels: LabelFiles) -> None:
    """A face set has labels of all rows or of none."""
    _, _, names = read_labels(faces)
    for kind, given in (("identities", labels.identities), ("attributes", labels.attributes)):
        if (kind in faces.file) != (given is not None):
            was = "with" if kind in faces.file else "without"
            advice = f"give --{kind}" if was == "with" else f"leave --{kind} out"
            raise InputError(f"{output} was prepared {was} {kind}; {advice}")
    if labels.attribute_names != names:
        raise InputError(f"{labels.attributes} has other attributes than {output}")


class _Known:
    """The photos of a face set, by which new ones are told, and which of them were not met yet."""

    def __init__(self, old: FaceSet, history: History, reading: PhotoReader, result: Prepared):
        self.reading, self.result = reading, result
        self.by_name: dict[str, list[bytes]] = {}
        digests = [digest.tobytes() for digest in old.digests("source_digests")[:]]
        for name, digest in zip(old.read_names(old.rows()), digests, strict=True):
            self.by_name.setdefault(name, []).append(digest)
        self.digests = set(digests)
        self.forgotten = {digest.tobytes() for digest in history.forgotten_digests}
        self.missing = dict.fromkeys(self.by_name)

    def skip(self, name: str, reason: str) -> None:
        self.missing.pop(name, None)
        self.reading.skip(name, reason)

    def is_new(self, name: str, digest: bytes) -> bool:
        """Whether a photo is to be added. What is not is counted."""
        self.missing.pop(name, None)
        if digest in self.forgotten:
            self.result.forgotten += 1
        elif name in self.by_name:
            if digest not in self.by_name[name]:
                self.reading.skip(name, CHANGED)
                return False
        elif digest in self.digests:
            self.result.renamed += 1
        else:
            self.digests.add(digest)
            return True
        self.reading.progress(1)
        return False


def update_face_set(
    sources: Sequence[AnyPath],
    output: AnyPath,
    reading: PhotoReader,
    asked: dict[str, Any],
    labels: LabelFiles,
    result: Prepared,
) -> None:
    """Adds the photos that a face set doesn't have yet.

    Args:
        reading: how to read photos; its options are replaced by those recorded.
        asked: options that were asked for.
        labels: of the new photos.
        result: what is found is put into it.

    Raises:
        InputError: the face set can't be changed, was made with other options, or is damaged.
        OutputError: another process changes it, or it can't be written.
    """
    with _open_to_change(output) as (old, options):
        _check_options(output, options, asked)
        _check_labels(output, old, labels)
        if options.align:
            check_installed()
        history = History.read(old.file)
        known = _Known(old, history, reading, result)
        reading = replace(reading, options=options, skip=known.skip, wanted=known.is_new)
        with output_errors(output), temporary_file(old.path.resolve().parent) as temporary:
            with _writer(temporary, old) as writer:
                result.added = len(reading.append_to(writer, find_photos(sources)))
            result.gone = list(known.missing)
            result.count, result.test_count = len(old), int(old.is_test.sum())
            if result.added:
                with FaceSet.open(temporary.path) as new:
                    _add(old, new, labels, history, result)


def _writer(temporary: Temporary, old: FaceSet) -> FaceSetWriter:
    return FaceSetWriter(
        temporary, size=old.size, source=old.source, crop=old.crop, options=old.options
    )


def _add(
    old: FaceSet, new: FaceSet, labels: LabelFiles, history: History, result: Prepared
) -> None:
    """Puts a successor of all rows in the old one's place."""
    options = old.options
    assert options is not None
    names = new.read_names(new.rows())
    people, attributes, attribute_names = read_labels(old)
    new_people, new_attributes = labels.persons_of(names), labels.attributes_of(names)
    is_test = extend_split(
        old.is_test,
        people,
        names,
        new_people,
        test_fraction=options.test_fraction,
        test_count=options.test_count,
        seed=options.seed,
    )
    is_test = np.concatenate([old.is_test, is_test])
    people, attributes = _joined(people, new_people), _joined(attributes, new_attributes)
    with (
        successor(old.path.resolve(), old.file.id.get_vfd_handle()) as temporary,
        _writer(temporary, old) as writer,
    ):
        for faces in (old, new):
            copy_faces(writer, faces, np.ones(len(faces), bool))
        writer.set_split(is_test)
        writer.set_labels(people, attributes, attribute_names)
        history.after(len(old), old.fingerprint).write(writer.file)
    result.count, result.test_count = len(is_test), int(is_test.sum())


def _joined(old: np.ndarray | None, new: np.ndarray | None) -> np.ndarray | None:
    return None if old is None or new is None else np.concatenate([old, new])


def forget_photos(output: AnyPath, names: Sequence[str], result: Prepared) -> None:
    """Leaves photos out of a face set, with every other row of the same photo.

    Raises:
        InputError: it has no photo of a name, can't be changed, or no face would be left.
        OutputError: another process changes it, or it can't be written.
    """
    with _open_to_change(output) as (old, _):
        gone = _rows_of(old, names)
        kept = ~gone
        if not kept.any():
            raise InputError(f"{output} has no other photos; remove the file instead")
        digests, rows = old.digests("source_digests")[:][gone], np.flatnonzero(gone)
        history = History.read(old.file).after(len(old), old.fingerprint, rows, digests)
        people, attributes, attribute_names = read_labels(old)
        people = None if people is None else people[kept]
        attributes = None if attributes is None else attributes[kept]
        with (
            successor(old.path.resolve(), old.file.id.get_vfd_handle()) as temporary,
            _writer(temporary, old) as writer,
        ):
            copy_faces(writer, old, kept)
            writer.set_split(old.is_test[kept])
            writer.set_labels(people, attributes, attribute_names)
            history.write(writer.file)
        result.removed = old.read_names(rows)
        result.count, result.test_count = int(kept.sum()), int(old.is_test[kept].sum())


def _rows_of(faces: FaceSet, names: Sequence[str]) -> np.ndarray:
    """The rows of some photos, whatever they are called there, bool (N)."""
    found = faces.read_names(faces.rows())
    for name in names:
        if name not in found:
            near = next((other for other in found if PurePath(other).name == name), None)
            hint = f"; it has {near}" if near else ""
            raise InputError(f"{faces.path.name} has no photo {name!r}{hint}")
    digests = [digest.tobytes() for digest in faces.digests("source_digests")[:]]
    wanted = {digest for name, digest in zip(found, digests, strict=True) if name in set(names)}
    return np.array([digest in wanted for digest in digests])
