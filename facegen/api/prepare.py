"""prepare: photos to faces.h5, in several processes and flat memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facegen.errors import InputError, MissingFileError
from facegen.hardware import available_cpus
from facegen.images.alignment import load_photo
from facegen.images.face_detector import check_installed
from facegen.images.photo_sources import Photo, as_text, find_photos
from facegen.images.photos import CELEBA_BOX, Box
from facegen.io.face_set import FaceSetWriter, is_test_row
from facegen.io.inputs import keep_inputs, note_input
from facegen.io.pictures import MAX_PIXELS
from facegen.io.temporaries import Temporary
from facegen.paths import Paths, path_list
from facegen.workers import map_in_workers, stop_half_started

BATCH_PHOTOS = 32
BATCH_BYTES = 8_000_000  # a batch ends here too, so that large photos don't pile up in memory

Loaded = tuple[str, np.ndarray | str]  # a name with its pixels, or with why there are none


@dataclass
class Prepared:
    """What `prepare` did: images written, and (name, reason) of each photo it skipped."""

    count: int = 0
    test_count: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)


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


def _load(
    batch: list[tuple[str, bytes]], size: int, box: Box | None, max_pixels: int, align: str
) -> list[Loaded]:
    loaded: list[Loaded] = []
    for name, data in batch:
        try:
            face, _ = load_photo(data, size=size, box=box, max_pixels=max_pixels, align=align)
            loaded.append((name, face))
        except InputError as error:
            loaded.append((name, str(error)))
    return loaded


def _read_batches(photos: Iterable[Photo], fail: Callable[[str, str], None]):
    """Yields lists of (name, bytes); the archives are read here, in one process."""
    batch: list[tuple[str, bytes]] = []
    held = 0
    for photo in photos:
        try:
            data = photo.read()
        except InputError as error:
            fail(photo.name, str(error))
            continue
        batch.append((photo.name, data))
        held += len(data)
        if len(batch) >= BATCH_PHOTOS or held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


@keep_inputs()
def prepare(
    sources: Paths,
    output: str | os.PathLike | Temporary,
    *,
    size: int = 96,
    box: Box | None = None,
    align: bool = False,
    identities: str | os.PathLike | None = None,
    attributes: str | os.PathLike | None = None,
    test_fraction: float = 0.1,
    test_count: int | None = None,
    seed: int = 0,
    max_pixels: int = MAX_PIXELS,
    workers: int | None = None,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
    on_skip: Callable[[str, str], None] = lambda name, reason: None,
) -> Prepared:
    """Reads photos, crops and resizes them, and writes the face set.

    Args:
        sources: folders, zip or tar archives, single photos
            (`facegen.images.photo_sources.find_photos`); one or several.
        output: the faces.h5 to write; it appears when all is done.
        size: height and width of the faces in pixels.
        box: (left, upper, right, lower) of the crop in pixels of the upright photo. By default
            the CelebA box for photos of 178x218, the largest centre square for others.
        align: find the largest face, turn it upright and crop it as CelebA's aligned images of
            178x218 pixels are (`facegen.images.alignment`); the box is one of theirs. Photos
            without a face are skipped.
        identities: CelebA's identity file; the split then keeps people together.
        attributes: CelebA's attribute file.
        test_fraction, test_count, seed: which images are held out
            (`facegen.io.face_set.is_test_row`).
        max_pixels: larger photos are skipped without decoding them.
        workers: processes that decode; by default one per processor.
        force: overwrite what exists.
        progress: called with the number of photos done since the last call.
        on_skip: called with the name and the reason of each photo that can't be used.

    Raises:
        MissingFileError, InputError: a source or a label file is missing or damaged, or not one
            photo could be used.
        OutputError: the output exists (without `force`) or can't be written.
        FacegenError: with `align`, the extra that finds faces is not installed; or the workers
            can't start, in a script without a main guard, or were killed.
    """
    sources = path_list(sources)
    workers = available_cpus() if workers is None else workers
    if workers > 1:
        stop_half_started()
    if align:
        check_installed()
    people = read_identities(identities) if identities is not None else None
    labels = read_attributes(attributes) if attributes is not None else None
    result = Prepared()

    def skip(name: str, reason: str) -> None:
        result.skipped.append((name, reason))
        on_skip(name, reason)
        progress(1)

    crop = "x".join(map(str, box)) if box else f"CelebA box {CELEBA_BOX}, else centre square"
    if align:
        crop = f"aligned by the eyes, box {box or CELEBA_BOX}"
    source = ", ".join(as_text(Path(s).resolve().name) for s in sources[:10])
    with FaceSetWriter(output, size=size, source=source, crop=crop, force=force) as writer:
        batches = _read_batches(find_photos(sources), skip)
        options = (size, box, max_pixels, "yes" if align else "no")
        faces = map_in_workers(_load, batches, options, workers=workers)
        names = _write_faces(writer, faces, skip, progress)
        if not names:
            raise InputError(
                f"no photo could be used: {len(result.skipped)} skipped"
                if result.skipped
                else f"no photos found in {source}"
            )
        persons = _persons_of(names, people, identities)
        values = _attributes_of(names, labels, attributes)
        is_test = is_test_row(
            names, persons, test_fraction=test_fraction, test_count=test_count, seed=seed
        )
        writer.set_split(is_test)
        writer.set_labels(persons, values, labels[0] if labels else [])
        result.count, result.test_count = len(names), int(is_test.sum())
    return result


def _write_faces(
    writer: FaceSetWriter,
    batches: Iterable[list[Loaded]],
    skip: Callable[[str, str], None],
    progress: Callable[[int], object],
) -> list[str]:
    """Appends what could be loaded and returns the names of it."""
    kept: list[str] = []
    for loaded in batches:
        good = [(name, pixels) for name, pixels in loaded if not isinstance(pixels, str)]
        for name, reason in loaded:
            if isinstance(reason, str):
                skip(name, reason)
        if good:
            names, images = zip(*good, strict=True)
            writer.append(np.stack(images), names)
            kept += names
            progress(len(good))
    return kept


def _persons_of(
    names: list[str], people: dict[str, int] | None, path: str | os.PathLike | None
) -> np.ndarray | None:
    """The person number of each photo by its file name, int32 (N), -1 where unknown."""
    if people is None:
        return None
    persons = np.array([people.get(Path(name).name, -1) for name in names], np.int32)
    if (persons < 0).all():
        raise InputError(f"{path} names none of the photos, such as {Path(names[0]).name}")
    return persons


def _attributes_of(
    names: list[str],
    labels: tuple[list[str], dict[str, np.ndarray]] | None,
    path: str | os.PathLike | None,
) -> np.ndarray | None:
    """The attributes of each photo by its file name, int8 (N, K), 0 where unknown."""
    if labels is None:
        return None
    unknown = np.zeros(len(labels[0]), np.int8)
    values = np.stack([labels[1].get(Path(name).name, unknown) for name in names])
    if not values.any():
        raise InputError(f"{path} names none of the photos, such as {Path(names[0]).name}")
    return values
