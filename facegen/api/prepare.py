"""prepare: photos to faces.h5, in several processes and flat memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

from facegen.api.prepare_changes import Prepared, forget_photos, update_face_set
from facegen.api.prepare_photos import PhotoReader, describe_crop
from facegen.errors import InputError
from facegen.hardware import available_cpus
from facegen.images.face_detector import check_installed
from facegen.images.photo_sources import as_text, find_photos
from facegen.images.photos import Box
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.inputs import keep_inputs
from facegen.io.label_files import LabelFiles
from facegen.io.locks import exclusive
from facegen.io.parts import Part
from facegen.io.pictures import MAX_PIXELS
from facegen.io.prepare_options import PrepareOptions
from facegen.io.split import is_test_row
from facegen.io.temporaries import Temporary
from facegen.paths import AnyPath, Paths, path_list
from facegen.shards import Shard
from facegen.workers import stop_half_started


@keep_inputs()
def prepare(
    sources: Paths,
    output: str | os.PathLike | Temporary,
    *,
    size: int | None = None,
    box: Box | None = None,
    align: bool | None = None,
    identities: str | os.PathLike | None = None,
    attributes: str | os.PathLike | None = None,
    test_fraction: float | None = None,
    test_count: int | None = None,
    seed: int | None = None,
    shard: Shard | None = None,
    max_pixels: int = MAX_PIXELS,
    workers: int | None = None,
    update: bool = False,
    forget: Sequence[str] = (),
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
    on_skip: Callable[[str, str], None] = lambda name, reason: None,
) -> Prepared:
    """Reads photos, crops and resizes them, and writes the face set.

    Args:
        sources: folders, zip or tar archives, single photos
            (`facegen.images.photo_sources.find_photos`); one or several, none with `forget`.
        output: the faces.h5 to write; it appears when all is done.
        size: height and width of the faces in pixels, by default 96.
        box: (left, upper, right, lower) of the crop in pixels of the upright photo. By default
            the CelebA box for photos of 178x218, the largest centre square for others.
        align: find the largest face, turn it upright and crop it as CelebA's aligned images of
            178x218 pixels are (`facegen.images.alignment`); the box is one of theirs. Photos
            without a face are skipped.
        identities: CelebA's identity file; the split then keeps people together.
        attributes: CelebA's attribute file.
        test_fraction, test_count, seed: which images are held out
            (`facegen.io.split.is_test_row`), by default a tenth, chosen with seed 0.
        shard: read this part of the photos alone; `facegen.api.merge.merge` puts the parts
            together, and decides then which images are held out.
        max_pixels: larger photos are skipped without decoding them.
        workers: processes that decode; by default one per processor.
        update: add the photos that the output doesn't have yet, if it is there; size, box, align
            and split are those recorded, and what is there keeps its row and its side of the split.
        forget: names of photos to leave out of the output, which must be there.
        force: overwrite what exists.
        progress: called with the number of photos done since the last call.
        on_skip: called with the name and the reason of each photo that can't be used.

    Raises:
        MissingFileError, InputError: a source or a label file is missing or damaged, or not one
            photo could be used; or the face set to change is missing, without what a change
            needs, or made with other options.
        OutputError: the output exists (without `force` and `update`), is being changed by another
            process, or can't be written.
        FacegenError: with `align`, the extra that finds faces is not installed; or the workers
            can't start, in a script without a main guard, or were killed.
    """
    sources = path_list(sources)
    if forget and (sources or update):
        raise InputError("photos are forgotten or added, one at a time")
    if shard is not None and (forget or update):
        raise InputError("a part is never changed; leave out --shard, or --update and --forget")
    workers = available_cpus() if workers is None else workers
    if workers > 1:
        stop_half_started()
    if align:
        check_installed()
    labels, result = LabelFiles.read(identities, attributes), Prepared()
    asked: dict[str, Any] = {"size": size, "box": box and tuple(box), "align": align}
    asked |= {"test_fraction": test_fraction, "test_count": test_count, "seed": seed}
    asked = {name: value for name, value in asked.items() if value is not None}

    def skip(name: str, reason: str) -> None:
        result.skipped.append((name, reason))
        on_skip(name, reason)
        progress(1)

    def take_middle(name: str) -> None:
        result.middle_taken = name

    options = PrepareOptions(**asked)
    faces = PhotoReader(options, max_pixels, workers, skip, progress, middle_taken=take_middle)
    if shard is not None:
        _prepare_part(sources, output, faces, labels, result, shard, force)
    elif isinstance(output, Temporary):
        _prepare(sources, output, faces, labels, result, force)
    elif forget:
        forget_photos(output, forget, result)
    elif update and os.path.lexists(output):
        update_face_set(sources, output, faces, asked, labels, result)
    else:
        with exclusive(output) if update else nullcontext():
            _prepare(sources, output, faces, labels, result, force)
    return result


def _about(sources: Sequence[AnyPath], options: PrepareOptions) -> dict[str, Any]:
    """What a face set says of itself."""
    return {
        "size": options.size,
        "source": ", ".join(as_text(Path(s).resolve().name) for s in sources[:10]),
        "crop": describe_crop(options),
        "options": options,
    }


def _prepare_part(
    sources: Sequence[AnyPath],
    output: str | os.PathLike | Temporary,
    faces: PhotoReader,
    labels: LabelFiles,
    result: Prepared,
    shard: Shard,
    force: bool,
) -> None:
    """Writes the faces of some of the photos, all of them as training images."""
    count, listing = 0, hashlib.sha256()
    for photo in find_photos(sources):
        count += 1
        listing.update(f"{photo.name}\0".encode(errors="surrogateescape"))
    part = Part(shard, count, listing.hexdigest())
    photos = islice(find_photos(sources), part.rows.start, part.rows.stop)
    about = _about(sources, faces.options)
    with FaceSetWriter(output, **about, part=part, force=force) as writer:
        names = faces.append_to(writer, photos)
        persons, attributes = labels.persons_of(names), labels.attributes_of(names)
        writer.set_labels(persons, attributes, labels.attribute_names)
        result.count = len(names)


def _prepare(
    sources: Sequence[AnyPath],
    output: str | os.PathLike | Temporary,
    faces: PhotoReader,
    labels: LabelFiles,
    result: Prepared,
    force: bool,
) -> None:
    options = faces.options
    about = _about(sources, options)
    with FaceSetWriter(output, **about, force=force) as writer:
        names = faces.append_to(writer, find_photos(sources))
        if not names:
            raise InputError(
                f"no photo could be used: {len(result.skipped)} skipped"
                if result.skipped
                else f"no photos found in {about['source']}"
            )
        labels.check_known(names)
        persons = labels.persons_of(names)
        is_test = is_test_row(
            names,
            persons,
            test_fraction=options.test_fraction,
            test_count=options.test_count,
            seed=options.seed,
        )
        writer.set_split(is_test)
        writer.set_labels(persons, labels.attributes_of(names), labels.attribute_names)
        result.count = result.added = len(names)
        result.test_count = int(is_test.sum())
