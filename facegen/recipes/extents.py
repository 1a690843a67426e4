"""How much there is to make: what a recipe asks for is no more than what its output is.

Who has only the provenance of an output to change can't make facegen work longer, or take more
memory, than an output of that size takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from facegen.errors import InputError
from facegen.images.sheets import Grid
from facegen.io import face_set, sampler_file
from facegen.io.pictures import MAX_PIXELS
from facegen.recipes.document_info import ANIMATION, PICTURE, VIDEO, document_durations
from facegen.recipes.edit_recipes import Morphed
from facegen.recipes.picture_recipe import Recipe
from facegen.recipes.recipe import AnyRecipe, Generated, read_recipe

FRAME_BYTES = 16  # of a video: less than x264 needs for one in which nothing moves
PIXELS_PER_BYTE = 20_000  # of a video, at most


def read_picture_recipe(provenance: dict[str, Any], grid: Grid | None, face: int) -> Recipe:
    """The recipe of a picture, or of the sheet that it was cut from.

    Args:
        grid: of the sheet; None where a single face was made.
        face: height and width of a face that the model makes.

    Raises:
        InputError: it is damaged, or asks for another sheet.
    """
    command = str(provenance["command"])
    if grid is not None and (grid.width != grid.height or grid.width % face):
        raise InputError(
            f"its faces have {grid.width}x{grid.height} pixels, those of the weights {face}x{face}"
        )
    most, columns = (grid.count, grid.columns) if grid else (1, None)
    recipe = cast(Recipe, read_recipe(PICTURE, provenance, most=most, columns=columns))
    if recipe.grid(face) != grid:
        raise InputError(f"the provenance is damaged: it asks for another sheet of {command}")
    return recipe


def read_file_recipe(path: Path, found: dict[str, Any], face: int) -> AnyRecipe:
    """The recipe of an animation, a video or an HDF5 file.

    Args:
        found: of `facegen.api.info.info`.
        face: height and width of a face that the model makes.

    Raises:
        InputError: it is damaged, or asks for more than the file has.
    """
    kind, provenance = found["kind"], found["provenance"]
    if kind == ANIMATION:
        return _animation_recipe(path, found, face)
    if kind == VIDEO:
        size = path.stat().st_size
        recipe = cast(Morphed, read_recipe(kind, provenance, most=size // FRAME_BYTES))
        pixels = recipe.frames * (face * recipe.scale) ** 2
        if recipe.frames * FRAME_BYTES > size or pixels > PIXELS_PER_BYTE * size:
            raise _too_much(recipe.frames)
        return recipe
    if kind != face_set.FORMAT:
        most = found["components"] if kind == sampler_file.FORMAT else 1
        return read_recipe(kind, provenance, most=most)
    if found["size"] != face:
        raise InputError(f"its faces have {found['size']} pixels, those of the weights {face}")
    generated = cast(Generated, read_recipe(kind, provenance, most=max(1, found["images"])))
    if len(generated.rows) != found["images"]:
        raise InputError(f"it has {found['images']} faces, its rows are {len(generated.rows)}")
    return generated


def _animation_recipe(path: Path, found: dict[str, Any], face: int) -> Morphed:
    """Of a GIF or a WebP, which show pictures that are the same as one, for longer."""
    if found["format"] not in ("GIF", "WEBP"):
        raise InputError(f"an animated {found['format']} is none of facegen's")
    durations = document_durations(path, found["format"])
    # Twice as many as fit into its time at the highest rate: a GIF counts in hundredths of a second
    most = len(durations) + sum(durations) // 10
    recipe = cast(Morphed, read_recipe(found["kind"], found["provenance"], most=most))
    side = face * recipe.scale
    if (found["width"], found["height"]) != (side, side):
        size = f"{found['width']}x{found['height']}"
        raise InputError(f"its pictures have {size} pixels, by its provenance {side}x{side}")
    if recipe.frames > len(durations):
        assert recipe.fps is not None
        duration = max(10, int(100 / recipe.fps) * 10)
        shown = sum(max(1, -(-one // duration)) for one in durations)
        if recipe.frames > shown or recipe.frames * side**2 > MAX_PIXELS:
            raise _too_much(recipe.frames)
    return recipe


def _too_much(frames: int) -> InputError:
    return InputError(f"the provenance is damaged: it asks for {frames} pictures, more than it has")
