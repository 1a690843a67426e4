"""Whether a picture is synthetic, in IPTC's words: its digital source type.

Source: IPTC's NewsCodes, http://cv.iptc.org/newscodes/digitalsourcetype/. A face whose point was
drawn is the model's alone. What a real picture went into is a composite, a reconstruction too: each
of its pixels is the model's, but the person in it is real, and may be recognised.
"""

from __future__ import annotations

from typing import Any

NEWSCODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = NEWSCODES + "trainedAlgorithmicMedia"
COMPOSITE = NEWSCODES + "compositeWithTrainedAlgorithmicMedia"


def digital_source_type(provenance: dict[str, Any]) -> str | None:
    """What a picture is by its provenance, which may be a stranger's.

    Returns:
        `GENERATED` or `COMPOSITE`; None of what is no face of a model's: a plot, a photo that was
        sharpened, an original that `reproduce` has cut out of its sheet.
    """
    command, cell = provenance.get("command"), _cell(provenance)
    if command in ("train", "refine"):  # samples.png, and the plot of the losses
        return None if provenance.get("part") == "losses" else GENERATED
    if command == "generate":
        return _of_generated(provenance, cell)
    if command == "reconstruct":
        return None if cell and (cell[0] - 1) % _layers(provenance) == 0 else COMPOSITE
    if command in ("edit", "morph"):
        return _of_points(provenance, cell)
    if provenance.get("part") == "faces":  # of `analyze`: stored ones are among them
        return COMPOSITE
    return None


def _layers(provenance: dict[str, Any]) -> int:
    """How many rows belong together on a sheet of `reconstruct`, the originals' row among them."""
    match provenance.get("more_weights"):
        case [*others]:
            models = 1 + len(others)
        case _:
            models = 1
    return 1 + models * (2 if provenance.get("with_mu") is True else 1)


def _of_generated(provenance: dict[str, Any], cell: tuple[int, int] | None) -> str | None:
    nearest, sampler = provenance.get("nearest"), provenance.get("sampler")
    if isinstance(nearest, dict) and (cell is None or cell[0] % 2 == 0):
        is_original = cell and nearest.get("shown") != "reconstructions"
        return None if is_original else COMPOSITE
    stored = isinstance(sampler, dict) and sampler.get("name") == "latents"
    return COMPOSITE if stored else GENERATED


def _of_points(provenance: dict[str, Any], cell: tuple[int, int] | None) -> str | None:
    match provenance.get("points"):
        case [*found]:
            points = [point for point in found if isinstance(point, dict)]
        case _:
            points = []
    if cell and provenance["command"] == "edit":
        if cell[1] == 1 and any("photo" in point or "faces" in point for point in points):
            return None
        points = points[cell[0] - 1 : cell[0]]  # a row each
    return GENERATED if all("seed" in point for point in points) else COMPOSITE


def _cell(provenance: dict[str, Any]) -> tuple[int, int] | None:
    """Row and column, from 1, that a picture was in its sheet (`facegen.recipes.cuts`)."""
    while isinstance(cut := provenance.get("reproduced"), dict):
        before = provenance.get("reproduced_from")
        if not isinstance(before, dict) or "grid" in before:
            match cut.get("cell"):
                case [int(row), int(column)]:
                    return row, column
            return None
        provenance = before
    return None
