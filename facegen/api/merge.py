"""merge: parts that `--shard` made, put together to the file that one run gives."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facegen.errors import InputError
from facegen.io import face_set, hdf5, latent_store
from facegen.io.digests import DIGEST_BYTES
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.files import atomic_output
from facegen.io.hdf5_provenance import read_file_provenance
from facegen.io.inputs import keep_inputs
from facegen.io.latent_store import ARRAYS, LABELS, Latents
from facegen.io.latent_writer import LatentsWriter
from facegen.io.part_reader import JoinedRows, PartReader
from facegen.io.prepare_options import PrepareOptions
from facegen.io.provenance import MAX_PROVENANCE_BYTES
from facegen.io.records import Record
from facegen.io.split import SPLIT_RULE, is_test_row
from facegen.io.temporaries import Temporary
from facegen.paths import Paths, path_list
from facegen.row_ranges import join_rows

FACES = 128  # at a time, as many as generate writes: the same file to the byte
BATCH_BYTES = 32 << 20  # of faces at a time, at most

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Merged:
    """What `merge` did: how many parts it found, and the rows of the whole."""

    parts: int
    rows: int


def _check_is_part(path: Path, opened: Latents | FaceSet) -> None:
    if opened.part is None:
        raise InputError(
            f"{path} is no part; --shard of 'facegen prepare', 'encode' or 'generate' makes them"
        )


def _open_latents(path: Path) -> Latents:
    """Opens a part that is complete."""
    store = Latents.open(path)
    try:
        _check_is_part(path, store)
        if not store.complete:
            raise InputError(
                f"{path} is not complete: {len(store)} of its {store.rows} rows are there; "
                "'facegen encode' goes on"
            )
    except InputError:
        store.file.close()
        raise
    return store


def _describe_latents(store: Latents) -> dict[str, Any]:
    """What all parts of a store have in common."""
    assert store.part is not None
    origin = store.origin
    return {
        "weights' encoder_sha256": origin.encoder_sha256,
        "latent_dim": store.latent_dim,
        "face set's fingerprint": store.part.unmark(origin.fingerprint),
        "seed": origin.seed,
        "epsilon_scale": origin.epsilon_scale,
        "epsilon_limit": origin.epsilon_limit,
        **_describe_labels(store),
    }


def _describe_labels(opened: Latents | FaceSet) -> dict[str, Any]:
    """Which labels a part has, each checked to be one."""
    found = {
        name: hdf5.dataset(opened.file, name, ndim=ndim, dtype=dtype)
        for name, (ndim, dtype) in LABELS.items()
        if name in opened.file
    }
    names = found.pop("attribute_names", None)
    attributes = hdf5.texts(names) if names else []
    shapes = {data.shape for name, data in found.items() if name != "attributes"}
    values = found["attributes"].shape if "attributes" in found else (len(opened), len(attributes))
    if shapes != {(len(opened),)} or values != (len(opened), len(attributes)):
        raise InputError(f"{opened.path} is damaged: its labels don't fit its rows")
    labelling = ", ".join(name for name in found if name not in ("names", "split")) or "none"
    return {"labelling": labelling, "attributes": attributes}


def _merge_latents(parts: PartReader[Latents], output: Temporary, progress: Progress) -> None:
    store = parts.open(0)
    assert store.part is not None
    origin = replace(store.origin, fingerprint=store.part.unmark(store.origin.fingerprint))
    labels: dict[str, Any] = {n: JoinedRows(parts, n) for n in LABELS if n in store.file}
    if "attribute_names" in labels:
        labels["attribute_names"] = store.attribute_names
    latent_dim = store.latent_dim
    with LatentsWriter(
        output,
        origin,
        labels,
        rows=parts.rows,
        latent_dim=latent_dim,
        seed=origin.seed,
        flush_seconds=math.inf,  # nobody reads it before it is whole
    ) as writer:
        for rows in parts.blocks(hdf5.rows_per_chunk(4 * latent_dim)):
            writer.append(*(parts.read(name, rows) for name in ARRAYS))
            progress(len(rows))


def _open_faces(path: Path) -> FaceSet:
    """Opens a part."""
    faces = FaceSet.open(path)
    try:
        _check_is_part(path, faces)
    except InputError:
        faces.file.close()
        raise
    return faces


def _describe_faces(faces: FaceSet) -> dict[str, Any]:
    """What all parts of a face set have in common."""
    assert faces.part is not None
    found = {"size": faces.size, "crop": faces.crop, "source": faces.source}
    found["list of photos"] = faces.part.photos_sha256
    if faces.options is None:
        made = _provenance(faces)
        return found | {name: value for name, value in made.items() if name != "rows"}
    digests = hdf5.dataset(faces.file, "source_digests", ndim=2, dtype=np.uint8)
    if digests.shape != (len(faces), DIGEST_BYTES):
        raise InputError(f"{faces.path} is damaged: its source_digests don't fit its rows")
    return found | asdict(faces.options) | _describe_labels(faces)


def _provenance(faces: FaceSet) -> dict[str, Any]:
    """What a generated face set says of how it was made; facegen's version is left out."""
    made = Record(read_file_provenance(faces.file))
    made.text("rows", longest=MAX_PROVENANCE_BYTES)
    return {str(name): value for name, value in made.values.items() if name != "facegen_version"}


def _joined_provenance(parts: PartReader[FaceSet]) -> dict[str, Any]:
    """What the parts of a generated face set say, with the rows of all."""
    made = [_provenance(parts.open(number)) for number in range(len(parts.files))]
    return {**made[0], "rows": join_rows(one["rows"] for one in made)}


def _merge_faces(parts: PartReader[FaceSet], output: Temporary, progress: Progress) -> None:
    if parts.rows == 0:
        raise InputError("no photo could be used in any part")
    faces = parts.open(0)
    size, options = faces.size, faces.options
    about: dict[str, Any] = {"size": size, "source": faces.source, "crop": faces.crop}
    made = _joined_provenance(parts) if options is None else None
    with FaceSetWriter(output, **about, options=options, provenance=made) as writer:
        names = _append_faces(parts, writer, size, progress, has_photos=options is not None)
        if options is not None:
            people, attributes, attribute_names = _read_labels(parts, names)
            writer.set_split(_split(names, people, options))
            writer.set_labels(people, attributes, attribute_names)


def _append_faces(
    parts: PartReader[FaceSet],
    writer: FaceSetWriter,
    size: int,
    progress: Progress,
    *,
    has_photos: bool,
) -> list[str]:
    """Copies faces, and returns the names of photos: the split needs all of them."""
    step = max(1, min(FACES, BATCH_BYTES // (3 * size**2)))
    known: list[str] = []
    for first in range(0, parts.rows, step):
        rows = range(first, min(first + step, parts.rows))
        names = [name.decode(errors="replace") for name in parts.read("names", rows)]
        digests = parts.read("source_digests", rows) if has_photos else None
        writer.append(parts.read("images", rows), names, digests)
        known += names if has_photos else []
        progress(len(rows))
    return known


def _read_labels(
    parts: PartReader[FaceSet], names: list[str]
) -> tuple[np.ndarray | None, np.ndarray | None, list[str]]:
    """People, attributes and the names of these, where the parts have them."""
    file = parts.open(0).file
    attribute_names = hdf5.texts(file["attribute_names"]) if "attribute_names" in file else []
    there = [name in file for name in ("identities", "attributes")]
    rows = range(parts.rows)
    people = parts.read("identities", rows) if there[0] else None
    attributes = parts.read("attributes", rows) if there[1] else None
    for label, is_known in (
        ("identities", people is None or (people >= 0).any()),
        ("attributes", attributes is None or attributes.any()),
    ):
        if not is_known:
            raise InputError(f"the {label} name none of the photos, such as {names[0]}")
    return people, attributes, attribute_names


def _split(names: list[str], people: np.ndarray | None, options: PrepareOptions) -> np.ndarray:
    """Which rows are held out: the rule needs the names and people of all of them."""
    if options.split_rule != SPLIT_RULE:
        raise InputError(f"the parts are split by {options.split_rule[:40]!r}; upgrade facegen")
    return is_test_row(
        names,
        people,
        test_fraction=options.test_fraction,
        test_count=options.test_count,
        seed=options.seed,
    )


KINDS: dict[str, tuple[Callable, Callable, Callable]] = {
    latent_store.FORMAT: (_open_latents, _describe_latents, _merge_latents),
    face_set.FORMAT: (_open_faces, _describe_faces, _merge_faces),
}


@keep_inputs()
def merge(
    parts: Paths,
    output: str | os.PathLike,
    *,
    force: bool = False,
    started: Callable[[int], object] = lambda rows: None,
    progress: Progress = lambda done: None,
) -> Merged:
    """Puts all parts of a store or of a face set together, in flat memory.

    The output is the file that `facegen.api.prepare.prepare`, `facegen.api.encode.encode` or
    `facegen.api.generate.generate_files` makes without a shard. It appears when it is whole; what
    was broken off begins anew.

    Args:
        parts: all files of one whole that were made with a shard, in any order.
        output: the file to write.
        force: overwrite what exists.
        started: called when the copying begins, with the rows of the whole.
        progress: called with the number of rows copied since the last call.

    Raises:
        MissingFileError, InputError: a part is missing, twice there, not complete, damaged, or
            not of the same whole.
        OutputError: the output exists (without `force`), is a part or can't be written.
    """
    paths = [Path(part) for part in path_list(parts)]
    if not paths:
        raise InputError("no parts given")
    kind = hdf5.kind_of(paths[0])
    if kind not in KINDS:
        raise InputError(f"{paths[0]} is {kind}; only stores and face sets have parts")
    open_part, describe, copy = KINDS[kind]
    reader: PartReader[Any] = PartReader(paths, open_part, describe)
    with closing(reader):
        with atomic_output(output, force=force) as temporary:
            started(reader.rows)
            copy(reader, temporary, progress)
        return Merged(len(reader.files), reader.rows)
