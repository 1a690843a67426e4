"""generate: new faces as an array, or as the sheets, pictures or face set that one asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from facegen.api.generate_request import GenerateRequest
from facegen.api.generation import (
    Generation,
    generate_face_set,
    generate_individual,
    generate_sheet,
)
from facegen.api.output_names import fill_name
from facegen.errors import InputError
from facegen.images.sharpening import Sharpening
from facegen.io.inputs import keep_inputs
from facegen.io.weights import Weights
from facegen.latent.move_choice import MoveChoice
from facegen.latent.sampler_choice import SamplerChoice, choose_sampler
from facegen.latent.samplers import MovedPoints, PointSampler, StoredPoints
from facegen.model.codec import Codec
from facegen.paths import AnyPath
from facegen.row_ranges import parse_rows
from facegen.seeds import seed_or_draw

if TYPE_CHECKING:  # HDF5 costs 0.2 s, which most sheets don't need
    from facegen.api.nearest import TrainingFaces
    from facegen.io.latent_store import Latents
    from facegen.io.parts import Part
    from facegen.latent.directions import Move

COUNT = 28
WARNED = 1000  # faces whose radius is looked at


def generate(
    count: int = COUNT,
    *,
    seed: int | None = None,
    sampler: SamplerChoice | PointSampler = SamplerChoice(),
    move: MoveChoice | None = None,
    sharpening: Sharpening = Sharpening(),
    decoder: str | None = None,
    weights: AnyPath | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """Makes new faces, as an array; `generate_files` writes them.

    Args:
        count: how many, at least 1; all are in memory.
        seed: 0..2^63-1; by default a fresh one. Face i is a function of (seed, i) alone.
        sampler: where their points come from: a choice, such as SamplerChoice(r_limit=2.5), or a
            sampler, such as the FittedSampler that `fit` returns.
        move: move them along labels' directions.
        sharpening: of each face.
        decoder: "plain" or "crisp"; by default crisp where the weights have one.
        weights: a folder of weights; by default the model that comes with facegen.
        threads: threads that compute; by default one per processor.

    Returns:
        uint8 (count, image_size, image_size, 3).

    Raises:
        MissingFileError, InputError: the weights, the sampler or the directions are missing,
            damaged, or don't fit each other; a number is out of its range.
    """
    if count < 1:
        raise InputError(f"count must be at least 1, not {count}")
    codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
    found = None if move is None else move.find(codec.weights)
    points = _moved(choose_sampler(sampler, codec.weights), found)
    return Generation(codec, points, seed_or_draw(seed), sharpening).faces(range(count))


@dataclass(frozen=True)
class GeneratedFile:
    """An output of `generate_files`.

    Attributes:
        path: of the sheet, the face set or the folder.
        rows: row numbers of its faces, in order.
        seed: with a row number, all about a face; of stored points, that of their epsilon.
        sampler: where the points come from, as JSON.
        nearest: with `nearest`, row, name and distance of the training face below each face.
        held_out_distances: with `nearest`, quantiles of the distance from held-out photos to
            training faces, from "0" to "0.95"; None where the store has none.
    """

    path: Path
    rows: Sequence[int]
    seed: int
    sampler: dict[str, Any]
    nearest: list[dict[str, Any]] | None = None
    held_out_distances: dict[str, float] | None = None


@keep_inputs()
def generate_files(
    request: GenerateRequest,
    *,
    on_seed: Callable[[int], object] = lambda seed: None,
    on_warning: Callable[[str], object] = lambda message: None,
    started: Callable[[int], object] = lambda faces: None,
    progress: Callable[[int], object] = lambda done: None,
    on_written: Callable[[GeneratedFile], object] = lambda written: None,
) -> list[GeneratedFile]:
    """Makes new faces and writes them, a page at a time.

    Args:
        request: which faces, and where they go.
        on_seed: called with the seed that was drawn, where none was given.
        on_warning: called with a line about points that lie where no training face does.
        started: called when the work begins, with the number of faces to make.
        progress: called with the number of faces made since the last call.
        on_written: called with each output once it is there, with pages once all of them are.

    Returns:
        All outputs: the pages of a sheet, the sheets of a sweep, one face set, or one folder.

    Raises:
        MissingFileError, InputError: an input is missing, damaged, or doesn't fit the weights; a
            row is not there; a name has a field that these faces don't fill.
        OutputError: an output exists (without `force`) or can't be written.
        FacegenError: the Ray cluster doesn't answer, or is lost.
    """
    codec = Codec(Weights.load(request.weights), decoder=request.decoder, threads=request.threads)
    move = None if request.move is None else request.move.find(codec.weights)
    written = []
    with ExitStack() as stack:
        if request.latents is None:
            rows: Sequence[int] = range(COUNT if request.count is None else request.count)
            runs = _new_points(request, codec, move, len(rows), on_seed, on_warning)
        else:
            store = stack.enter_context(_open_store(request.latents))
            rows, runs = _stored_points(request, codec, move, store)
        training = _open_training(request, codec, stack)
        part = _part(request, len(rows))
        if part is not None:
            rows = rows[part.rows.start : part.rows.stop]
        started(len(rows) * len(runs))
        for path, generation in runs.items():
            for one in _write(request, generation, rows, path, part, training, progress):
                written.append(one)
                on_written(one)
    return written


def _open_store(path: AnyPath) -> Latents:
    from facegen.io.latent_store import Latents

    return Latents.open(path)


def _part(request: GenerateRequest, rows: int) -> Part | None:
    """Which part of so many faces is asked for."""
    if request.shard is None:
        return None
    from facegen.io.parts import Part

    return Part(request.shard, rows)


def _new_points(
    request: GenerateRequest,
    codec: Codec,
    move: Move | None,
    count: int,
    on_seed: Callable[[int], object],
    on_warning: Callable[[str], object],
) -> dict[Path, Generation]:
    """What is to be generated from new points, by the path of its output."""
    seed = seed_or_draw(request.seed, on_seed)
    runs = {}
    for choice in request.choices:
        unmoved, radii = choice.make(codec.weights)
        sampler = _moved(unmoved, move)
        generation = Generation(codec, sampler, seed, request.sharpening)
        path = fill_name(request.path, seed=seed, r_limit=choice.r_limit, n=count)
        runs[path] = generation
        if radii is not None:
            points = sampler.sample(range(min(count, WARNED)), codec.latent_dim, seed=seed)
            warning = radii.warning(points)
            if warning:
                on_warning(f"{path}: {warning}" if request.sweep else warning)
    return runs


def _stored_points(
    request: GenerateRequest, codec: Codec, move: Move | None, store: Latents
) -> tuple[Sequence[int], dict[Path, Generation]]:
    """The rows of a store, checked to be this model's, and what is to be generated of them."""
    store.check(codec.weights)
    if isinstance(request.rows, str):
        rows = parse_rows(request.rows, store.check_rows)
    else:
        rows = np.asarray(request.rows, np.int64)
        if not rows.size:
            raise InputError("no rows given: the list is empty")
        store.check_rows(rows)
    sampler = _moved(StoredPoints(store, request.points), move)
    generation = Generation(codec, sampler, store.origin.seed, request.sharpening)
    return cast(Sequence[int], rows), {fill_name(request.path, n=len(rows)): generation}


def _moved(sampler: PointSampler, move: Move | None) -> PointSampler:
    """The same points, moved along the directions of labels."""
    return sampler if move is None else MovedPoints(sampler, move)


def _open_training(
    request: GenerateRequest, codec: Codec, stack: ExitStack
) -> TrainingFaces | None:
    """The training faces to show below the generated ones, if any."""
    if request.nearest is None:
        return None
    from facegen.api.nearest import TrainingFaces
    from facegen.io.face_set import FaceSet

    store = stack.enter_context(_open_store(request.nearest))
    faces = None if request.faces is None else stack.enter_context(FaceSet.open(request.faces))
    return TrainingFaces(store, codec, faces)


def _write(
    request: GenerateRequest,
    generation: Generation,
    rows: Sequence[int],
    path: Path,
    part: Part | None,
    training: TrainingFaces | None,
    progress: Callable[[int], object],
) -> Iterator[GeneratedFile]:
    """Writes the faces as the request asks for; yields what is written."""
    about = generation.seed, generation.sampler.provenance
    columns, force = request.columns, request.force
    if training is not None:
        from facegen.api.nearest import generate_nearest

        sheets = generate_nearest(
            generation, rows, training, path, columns=columns, force=force, progress=progress
        )
        usual = training.usual_distances()
        start = 0
        for page, found in sheets.items():
            shown = rows[start : start + len(found)]
            start += len(found)
            yield GeneratedFile(page, shown, *about, found, usual)
    elif request.individual is not None:
        generate_individual(generation, rows, path, force=force, progress=progress)
        yield GeneratedFile(path, rows, *about)
    elif path.suffix.lower() == ".h5":
        where: Any = {"part": part, "ray": request.ray, "threads": request.threads}
        generate_face_set(generation, rows, path, force=force, progress=progress, **where)
        yield GeneratedFile(path, rows, *about)
    else:
        pages = generate_sheet(
            generation, rows, path, columns=columns, force=force, progress=progress
        )
        for page, shown in pages.items():
            yield GeneratedFile(page, shown, *about)
