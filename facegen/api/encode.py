"""encode: faces to their points in the latent space, as a stream that can be broken off."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import h5py
import numpy as np

from facegen.api.encode_update import open_store
from facegen.cluster.cluster import BLOCK_ROWS, Cluster, connect
from facegen.cluster.jobs import EncodeJob
from facegen.errors import InputError
from facegen.io.face_set import FaceSet
from facegen.io.files import output_errors
from facegen.io.inputs import keep_inputs
from facegen.io.latent_store import Origin
from facegen.io.latent_writer import FLUSH_SECONDS, LatentsWriter
from facegen.io.locks import exclusive
from facegen.io.parts import Part
from facegen.io.temporaries import Temporary, temporary_file
from facegen.io.weights import Weights
from facegen.model.codec import Codec, encode_points
from facegen.paths import AnyPath, Paths, is_hdf5_name, path_list
from facegen.prefetch import prefetch
from facegen.shards import Shard

BATCH = 128  # faces at a time; no result depends on it

Points = tuple[np.ndarray, np.ndarray, np.ndarray]  # mu, logvar, z


@dataclass
class Encoded:
    """What `encode` did.

    Attributes:
        rows: faces in the store.
        resumed_at: rows that were there before.
        seed: of epsilon.
        skipped: (name, reason) of photos that can't be used.
    """

    rows: int = 0
    resumed_at: int = 0
    seed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)


def encode_rows(
    codec: Codec, faces: FaceSet, origin: Origin, start: int, stop: int | None = None
) -> Generator[Points, None, None]:
    """Yields mu, logvar and z, float32 (n, latent_dim) each, of the faces from row `start` on, or
    to `stop` - 1.

    Two threads work ahead: one reads, one computes (LiteRT lets go of Python's lock).
    """

    def read() -> Iterator[tuple[range, np.ndarray]]:
        wanted = range(start, len(faces) if stop is None else stop)
        for first in range(0, len(wanted), BATCH):
            rows = wanted[first : first + BATCH]
            yield rows, faces.read_range(rows.start, rows.stop)

    def compute() -> Iterator[Points]:
        with closing(prefetch(read())) as batches:
            for rows, images in batches:
                yield encode_points(codec, images, rows, origin)

    return prefetch(compute())


def _encode_rows_on(
    cluster: Cluster, codec: Codec, faces: FaceSet, origin: Origin, start: int, stop: int
) -> Generator[Points, None, None]:
    """As `encode_rows`, on a cluster."""
    carrying = codec.carrying("encoder", threads=cluster.threads)
    job = EncodeJob(carrying, origin, faces.path.resolve(), faces.fingerprint)
    starts = range(start, stop, BLOCK_ROWS)
    blocks = ((range(first, min(first + BLOCK_ROWS, stop)), None) for first in starts)
    return cast(Generator[Points, None, None], cluster.run(job, blocks))


def is_face_set(sources: Paths) -> bool:
    """Whether the input is a face set, not photos.

    Raises:
        InputError: it is several things, and a face set among them.
    """
    sources = path_list(sources)
    found = [
        source
        for source in sources
        if is_hdf5_name(source) or (os.path.isfile(source) and h5py.is_hdf5(source))
    ]
    if found and len(sources) > 1:
        raise InputError(f"{found[0]} is a face set; encode it alone, or encode photos")
    return bool(found)


@contextmanager
def _open_faces(
    sources: Sequence[AnyPath],
    output: Path,
    prepare_photos: Callable[[Temporary], None],
    update: bool,
) -> Iterator[FaceSet]:
    """Opens the face set, or one that is made of the photos beside the output for the while."""
    if is_face_set(sources):
        with FaceSet.open(sources[0]) as faces:
            yield faces
        return
    if update:
        raise InputError(
            "photos can't update a store, only a face set can: 'facegen prepare --update' makes it"
        )
    with output_errors(output), temporary_file(output.parent) as temporary:
        prepare_photos(temporary)
        with FaceSet.open(temporary.path) as faces:
            yield faces


def _check_shard(sources: Paths, seed: int | None, update: bool) -> None:
    """Refuses a part that could not be put together with the others."""
    if seed is None:
        raise InputError("--shard needs --seed, the same for all parts")
    if update:
        raise InputError("--shard goes without --update: a part is never changed")
    if not is_face_set(sources):
        raise InputError("--shard is for a face set; 'facegen prepare' makes one of photos")


def _check_faces(faces: FaceSet, source: str, codec: Codec) -> None:
    if len(faces) == 0:
        raise InputError(f"{source} has no faces")
    faces.check_size(codec.image_size, f"the weights {codec.weights.name} need")


def _origin(
    codec: Codec, faces: FaceSet, source: str, epsilon_scale: float, part: Part | None
) -> Origin:
    return Origin(
        encoder_sha256=codec.weights.digest("encoder.tflite"),
        fingerprint=part.mark(faces.fingerprint) if part else faces.fingerprint,
        epsilon_scale=epsilon_scale,
        epsilon_limit=codec.weights.model.epsilon_limit,
        weights=codec.weights.name,
        source=source,
    )


def _append_rows(
    writer: LatentsWriter,
    codec: Codec,
    faces: FaceSet,
    rows: range,
    cluster: Cluster | None,
    progress: Callable[[int], None],
) -> None:
    start = rows.start + writer.rows_done
    if cluster is None:
        encoded = encode_rows(codec, faces, writer.origin, start, rows.stop)
    else:
        encoded = _encode_rows_on(cluster, codec, faces, writer.origin, start, rows.stop)
    with closing(encoded) as batches:
        for points in batches:
            writer.append(*points)
            progress(len(points[0]))


@keep_inputs()
def encode(
    sources: Paths,
    output: str | os.PathLike,
    *,
    weights: str | os.PathLike | None = None,
    seed: int | None = None,
    epsilon_scale: float = 1.0,
    shard: Shard | None = None,
    threads: int | None = None,
    workers: int | None = None,
    update: bool = False,
    ray: str | None = None,
    force: bool = False,
    flush_seconds: float = FLUSH_SECONDS,
    started: Callable[[int, int], None] = lambda done, rows: None,
    progress: Callable[[int], None] = lambda done: None,
    on_skip: Callable[[str, str], None] = lambda name, reason: None,
) -> Encoded:
    """Encodes faces into a store (facegen.io.latent_store), or goes on where an earlier run was
    broken off.

    Row i of the store is face i of the face set: mu, logvar, and z = mu + exp(logvar / 2) *
    epsilon_scale * epsilon, with epsilon a function of (seed, i). Photos are prepared first, as
    by `facegen.api.prepare.prepare`, into a face set beside the output that goes when all is done.
    When resuming they are prepared again: it is their pixels that must be the same as before.

    Args:
        sources: one face set; or folders, zip or tar archives, and photos.
        output: latents.h5. A complete one of the same input is left alone.
        weights: a folder of weights; by default the model that comes with facegen.
        seed: of epsilon; by default the store's when resuming, else a fresh one.
        epsilon_scale: factor of epsilon; 0 gives z = mu.
        shard: encode this part of a face set alone, with the whole's noise; it needs a seed, the
            same for all parts, which `facegen.api.merge.merge` puts together.
        threads: threads that compute; by default one per processor, one a worker with `ray`.
        workers: processes that decode photos; by default one per processor.
        update: where the output was made from an earlier state of the face set, copy the rows that
            are there still and encode the others, in a successor that takes its place.
        ray: encode on the Ray cluster whose head node is at this HOST:PORT; "local" starts one on
            this machine. The store is the same.
        force: begin anew, whatever the output is now.
        flush_seconds: how often rows become safe from kills and loss of power.
        started: called when the encoding begins, with the rows there already and all rows.
        progress: called with the number of faces encoded since the last call; before `started`,
            of photos prepared.
        on_skip: called with the name and the reason of each photo that can't be used.

    Raises:
        MissingFileError, InputError: the input or the weights are missing, damaged, or don't fit
            each other; the output is no store; a shard of photos, or without a seed.
        OutputError: the output was made from something else, is being written by another
            process, or can't be written.
        FacegenError: the cluster doesn't answer, or is lost; the rows that were done stay.
    """
    output, sources, result = Path(output), path_list(sources), Encoded()
    if shard is not None:
        _check_shard(sources, seed, update)
    codec = Codec(Weights.load(weights), threads=threads)
    source = ", ".join(Path(s).name for s in sources[:10])

    def prepare_photos(temporary: Temporary) -> None:
        from facegen.api.prepare import prepare

        size = codec.image_size
        result.skipped = prepare(
            sources, temporary, size=size, workers=workers, progress=progress, on_skip=on_skip
        ).skipped

    with ExitStack() as stack:
        stack.enter_context(exclusive(output))
        cluster = stack.enter_context(connect(ray, threads=threads or 1)) if ray else None
        faces = stack.enter_context(_open_faces(sources, output, prepare_photos, update))
        _check_faces(faces, source, codec)
        part = None if shard is None else Part(shard, len(faces))
        rows = range(len(faces)) if part is None else part.rows
        origin = _origin(codec, faces, source, epsilon_scale, part)
        writing = open_store(
            output,
            faces,
            origin,
            rows,
            latent_dim=codec.latent_dim,
            part=part,
            seed=seed,
            update=update,
            force=force,
            flush_seconds=flush_seconds,
        )
        with writing as writer:
            result.rows, result.resumed_at = len(rows), writer.rows_done
            result.seed = writer.origin.seed
            started(writer.rows_done, len(rows))
            _append_rows(writer, codec, faces, rows, cluster, progress)
    return result
