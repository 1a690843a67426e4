"""Outputs made again, by the functions that made them the first time.

A remaker takes what an output needs (`facegen.materials`), whose provenance says the rest, and
writes the output to a path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from facegen import directions, faces, fitted, latents
from facegen.attributing import attributes
from facegen.document_info import ANIMATION, PICTURE, VIDEO
from facegen.editing import edit_sheet
from facegen.encoding import encode
from facegen.faces import FaceSet
from facegen.fitting import fit
from facegen.generating import Generation, generate_face_set, generate_sheet
from facegen.latents import Latents
from facegen.materials import Materials
from facegen.morphing import morph_to_file
from facegen.nearest import TrainingFaces, generate_nearest
from facegen.reconstructing import Originals, reconstruct_sheet
from facegen.rows import parse_rows
from facegen.sharpening import Sharpening
from facegen.sheets import save_png

DEFAULT_COLUMNS = 7


def read_sharpening(recorded: dict[str, Any] | None) -> Sharpening:
    """A sharpening by its provenance."""
    recorded = recorded or {}
    unsharp = recorded.get("unsharp")
    return Sharpening(recorded.get("sharpness"), tuple(unsharp) if unsharp else None)


def _columns(provenance: dict[str, Any]) -> int:
    return int(provenance.get("grid", {}).get("columns", DEFAULT_COLUMNS))


def _generation(materials: Materials) -> tuple[Generation, Sequence[int]]:
    """What has generated some rows, and these."""
    made = materials.provenance
    sharpening = read_sharpening(made["sharpening"])
    generation = Generation(materials.codec, materials.sampler(), made["seed"], sharpening)
    return generation, cast(Sequence[int], parse_rows(made["rows"]))


def _remake_generated(materials: Materials, output: Path) -> None:
    made = materials.provenance
    generation, rows = _generation(materials)
    if "nearest" in made:
        _remake_nearest(generation, rows, materials, output)
    elif "grid" in made:
        generate_sheet(generation, rows, output, columns=_columns(made))
    else:
        save_png(Image.fromarray(generation.faces(rows)[0]), output, {})


def _remake_nearest(
    generation: Generation, rows: Sequence[int], materials: Materials, output: Path
) -> None:
    recorded = materials.provenance["nearest"]
    shown = recorded["shown"]
    with ExitStack() as files:
        store = files.enter_context(Latents.open(materials.find(recorded["latents"])))
        face_set = None
        if shown != "reconstructions":
            face_set = files.enter_context(FaceSet.open(materials.find(shown)))
        training = TrainingFaces(store, materials.codec, face_set)
        columns = _columns(materials.provenance)
        generate_nearest(generation, rows, training, output, columns=columns)


def _remake_reconstructed(materials: Materials, output: Path) -> None:
    made = materials.provenance
    points = materials.points(made["points"])
    originals = Originals(
        np.stack([cast(np.ndarray, point.original) for point in points]),
        made["names"],
        made["rows"],
        [point.source for point in points],
    )
    reconstruct_sheet(
        materials.codec,
        originals,
        output,
        seed=made["seed"],
        sample=made["sample"],
        columns=_columns(made),
        sharpening=read_sharpening(made["sharpening"]),
    )


def _remake_edited(materials: Materials, output: Path) -> None:
    made = materials.provenance
    edit_sheet(
        materials.codec,
        materials.points(made["points"]),
        materials.move(made["move"]),
        output,
        steps=made["steps"],
        sharpening=read_sharpening(made["sharpening"]),
    )


def _remake_morph(materials: Materials, output: Path) -> None:
    made = materials.provenance
    morph_to_file(
        materials.codec,
        materials.points(made["points"]),
        output,
        steps=made["steps"],
        path=made["path"],
        scale=made["scale"],
        sharpening=read_sharpening(made["sharpening"]),
        force=True,
        **{name: made[name] for name in ("fps", "one_way") if name in made},
    )


def _remake_face_set(materials: Materials, output: Path) -> None:
    generate_face_set(*_generation(materials), output, force=True)


def _remake_latents(materials: Materials, output: Path) -> None:
    made = materials.provenance
    encode(
        [materials.find_faces(made["source"], made["fingerprint"])],
        output,
        weights=materials.codec.weights.path,
        seed=made["seed"],
        epsilon_scale=made["epsilon_scale"],
        threads=materials.threads,
        force=True,
    )


def _remake_sampler(materials: Materials, output: Path) -> None:
    options = ("kind", "components", "points", "split", "seed")
    chosen = {name: materials.provenance[name] for name in options}
    fit(materials.find_store(materials.provenance), output, **chosen, force=True)


def _remake_attributes(materials: Materials, output: Path) -> None:
    made = materials.provenance
    store = materials.find_store(made)
    attributes(store, output, without=made["without"], min_count=made["min_count"], force=True)


REMAKERS: dict[tuple[str, str], Callable[[Materials, Path], None]] = {
    (PICTURE, "generate"): _remake_generated,
    (PICTURE, "reconstruct"): _remake_reconstructed,
    (PICTURE, "edit"): _remake_edited,
    (PICTURE, "morph"): _remake_morph,
    (ANIMATION, "morph"): _remake_morph,
    (VIDEO, "morph"): _remake_morph,
    (faces.FORMAT, "generate"): _remake_face_set,
    (latents.FORMAT, "encode"): _remake_latents,
    (fitted.FORMAT, "fit"): _remake_sampler,
    (directions.FORMAT, "attributes"): _remake_attributes,
}
