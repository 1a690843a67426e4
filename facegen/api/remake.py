"""Outputs made again, by the functions that made them the first time.

A remaker takes what an output needs (`facegen.recipes.materials`), whose provenance says the rest,
and writes the output to a path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen.api.attributes import attributes
from facegen.api.components import components
from facegen.api.edit import edit_sheet, edit_single
from facegen.api.encode import encode
from facegen.api.export import export
from facegen.api.export_onnx import export_half
from facegen.api.fit import fit
from facegen.api.generation import Generation, generate_face_set, generate_sheet
from facegen.api.morph import FPS, morph_to_file
from facegen.api.morph_mix import mix_to_file
from facegen.api.nearest import TrainingFaces, generate_nearest
from facegen.api.originals import Originals
from facegen.api.reconstruct import reconstruct_sheet
from facegen.errors import InputError
from facegen.images.sheets import save_png
from facegen.io.face_set import FaceSet
from facegen.io.files import atomic_output
from facegen.io.latent_store import Latents
from facegen.model.named_points import Point
from facegen.recipes.edit_recipes import Edited, Mixed, Morphed
from facegen.recipes.export_recipes import ExportRecipe, OnnxRecipe
from facegen.recipes.ingredients import Nearest
from facegen.recipes.materials import Materials
from facegen.recipes.recipe import AnyRecipe, Generated, GeneratedFaces, Reconstructed
from facegen.recipes.store_recipes import (
    AttributesRecipe,
    ComponentsRecipe,
    EncodeRecipe,
    FitRecipe,
)


def _generation(made: Generated, materials: Materials) -> Generation:
    sampler = materials.sampler(made.sampler)
    return Generation(materials.codec, sampler, made.seed, made.sharpening)


def _remake_generated(made: Generated, materials: Materials, output: Path) -> None:
    generation = _generation(made, materials)
    if made.columns is None:
        save_png(Image.fromarray(generation.faces(made.rows)[0]), output, {})
    elif made.nearest is None:
        generate_sheet(generation, made.rows, output, columns=made.columns)
    else:
        _remake_nearest(generation, made.rows, made.nearest, made.columns, materials, output)


def _remake_nearest(
    generation: Generation,
    rows: Sequence[int],
    nearest: Nearest,
    columns: int,
    materials: Materials,
    output: Path,
) -> None:
    with ExitStack() as files:
        path = materials.places.find_stored(nearest.store, {"fingerprint": nearest.fingerprint})
        store = files.enter_context(Latents.open(path))
        face_set = None
        if nearest.shown != "reconstructions":
            shown = materials.places.find_faces(nearest.shown, nearest.fingerprint)
            face_set = files.enter_context(FaceSet.open(shown))
        training = TrainingFaces(store, materials.codec, face_set)
        generate_nearest(generation, rows, training, output, columns=columns)


def _remake_face_set(made: GeneratedFaces, materials: Materials, output: Path) -> None:
    generate_face_set(_generation(made, materials), made.rows, output, part=made.part, force=True)


def _original(point: Point) -> np.ndarray:
    if point.original is None:  # a source that is a photo or of a face set always has one
        raise InputError("a point has no original")
    return point.original


def _remake_reconstructed(made: Reconstructed, materials: Materials, output: Path) -> None:
    points = materials.points(made.sources)
    originals = Originals(
        np.stack([_original(point) for point in points]),
        made.names,
        made.rows,
        [point.source for point in points],
    )
    reconstruct_sheet(
        [materials.codec, *map(materials.codec_of, made.others)],
        originals,
        output,
        seeds=made.seeds,
        points=made.points,
        columns=made.columns,
        sharpening=made.sharpening,
    )


def _remake_edited(made: Edited, materials: Materials, output: Path) -> None:
    points, edit = materials.points(made.sources), materials.edit(made.edit)
    if made.steps is None:
        edit_single(materials.codec, points, edit, output, sharpening=made.sharpening)
    else:
        edit_sheet(
            materials.codec, points, edit, output, steps=made.steps, sharpening=made.sharpening
        )


def _remake_morph(made: Morphed, materials: Materials, output: Path) -> None:
    morph_to_file(
        materials.codec,
        materials.points(made.sources),
        output,
        steps=made.steps,
        path=made.path,
        fps=made.fps or FPS,  # a strip has none
        scale=made.scale,
        one_way=bool(made.one_way),
        edit=materials.edit(made.edit),
        sharpening=made.sharpening,
        force=True,
    )


def _remake_mix(made: Mixed, materials: Materials, output: Path) -> None:
    mix_to_file(
        materials.codec,
        materials.points(made.sources),
        output,
        place=made.place,
        side=made.side,
        path=made.path,
        scale=made.scale,
        edit=materials.edit(made.edit),
        sharpening=made.sharpening,
    )


def _remake_latents(made: EncodeRecipe, materials: Materials, output: Path) -> None:
    part = made.part
    fingerprint = made.fingerprint if part is None else part.unmark(made.fingerprint)
    encode(
        [materials.places.find_faces(made.source, fingerprint)],
        output,
        weights=materials.codec.weights.path,
        seed=made.seed,
        epsilon_scale=made.epsilon_scale,
        shard=None if part is None else part.shard,
        threads=materials.threads,
        force=True,
    )


def _remake_sampler(made: FitRecipe, materials: Materials, output: Path) -> None:
    fit(
        materials.places.find_store(made.store),
        output,
        kind=made.kind,
        components=made.components,
        points=made.points,
        split=made.split,
        seed=made.seed,
        force=True,
    )


def _remake_attributes(made: AttributesRecipe, materials: Materials, output: Path) -> None:
    store = materials.places.find_store(made.store)
    attributes(store, output, without=made.without, min_count=made.min_count, force=True)


def _remake_components(made: ComponentsRecipe, materials: Materials, output: Path) -> None:
    components(
        None if made.store is None else materials.places.find_store(made.store),
        output,
        count=made.count,
        min_count=made.min_count,
        weights=materials.codec.weights.path,
        force=True,
    )


def _remake_export(made: ExportRecipe, materials: Materials, output: Path) -> None:
    store = materials.places.find_store(made.store)
    export(store, output, kind=made.kind, points=made.points, force=True)


def _remake_onnx(made: OnnxRecipe, materials: Materials, output: Path) -> None:
    with atomic_output(output) as temporary:
        export_half(temporary, materials.codec.weights, made.half)


REMAKERS: dict[type, Callable[[Any, Materials, Path], None]] = {
    Generated: _remake_generated,
    GeneratedFaces: _remake_face_set,
    Reconstructed: _remake_reconstructed,
    Edited: _remake_edited,
    Morphed: _remake_morph,
    Mixed: _remake_mix,
    EncodeRecipe: _remake_latents,
    FitRecipe: _remake_sampler,
    AttributesRecipe: _remake_attributes,
    ComponentsRecipe: _remake_components,
    ExportRecipe: _remake_export,
    OnnxRecipe: _remake_onnx,
}


def remake(recipe: AnyRecipe, materials: Materials, output: Path) -> None:
    """Makes an output again.

    Raises:
        MissingFileError, InputError: something that it was made from is missing, or another.
        OutputError: it can't be written.
    """
    REMAKERS[type(recipe)](recipe, materials, output)
