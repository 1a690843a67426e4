"""sharpen: pictures and sheets in files; what they say about themselves is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

import facegen
from facegen.errors import InputError, MissingFileError, OutputError
from facegen.files import atomic_output, output_errors
from facegen.images import MAX_PIXELS, decoding_errors, open_photo
from facegen.inputs import keep_inputs
from facegen.photos import find_photos
from facegen.sharpening import Sharpening
from facegen.sheets import PROVENANCE_KEY, Grid, add_provenance, read_grid, read_provenance

MODES = ("L", "LA", "RGB", "RGBA", "CMYK")  # as they are; others become RGB or RGBA
JPEG_QUALITY = 95


def sharpen_image(image: Image.Image, sharpening: Sharpening, grid: Grid | None) -> Image.Image:
    """Sharpens a picture, or each tile of a sheet on its own, so that its gaps stay clean.

    Alpha stays as it is. Palettes and other modes that can't be sharpened become RGB or RGBA.

    Raises:
        InputError: it has 16 or more bits a channel, which Pillow can't sharpen.
    """
    if image.mode.startswith("I") or image.mode == "F":
        raise InputError(f"mode {image.mode} has more than 8 bits a channel; convert it first")
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode not in MODES:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if grid is None:
        return sharpening.apply(image)
    sheet = image.copy()
    for left, upper in grid.corners():
        box = (left, upper, left + grid.width, upper + grid.height)
        sheet.paste(sharpening.apply(image.crop(box)), box)
    return sheet


def _metadata(image: Image.Image, provenance: dict[str, Any], suffix: str) -> dict[str, Any]:
    """What `Image.save` needs to keep: EXIF, colour profile, resolution, a PNG's texts."""
    keep = {k: image.info[k] for k in ("icc_profile", "dpi") if image.info.get(k)}
    if exif := image.getexif().tobytes() if image.getexif() else b"":
        keep["exif"] = exif
    if suffix in (".jpg", ".jpeg"):
        keep["quality"] = JPEG_QUALITY
    if suffix == ".png":
        texts = {k: v for k, v in getattr(image, "text", {}).items() if k != PROVENANCE_KEY}
        keep["pnginfo"] = PngImagePlugin.PngInfo()
        for key, text in texts.items():
            keep["pnginfo"].add_itxt(key, text)
        add_provenance(keep["pnginfo"], provenance)
    return keep


def sharpen_bytes(
    data: bytes, name: str, output: Path, sharpening: Sharpening, *, force: bool = False
) -> None:
    """Sharpens one encoded picture into a file, in the format that its suffix names.

    Raises:
        InputError: the picture can't be used; the message is the reason alone.
        OutputError: the file exists (without `force`), has an unknown suffix, or can't be written.
    """
    image = open_photo(data, max_pixels=MAX_PIXELS)
    with decoding_errors():
        if getattr(image, "is_animated", False):
            raise InputError("it is animated; only single pictures can be sharpened")
        image.load()
    provenance = read_provenance(image)
    grid = read_grid(provenance, image.size)
    provenance = provenance or {
        "facegen_version": facegen.__version__,
        "command": "sharpen",
        "source": name,
    }
    before = provenance.get("sharpened", [])
    provenance["sharpened"] = [*(before if isinstance(before, list) else []), sharpening.provenance]
    sharpened = sharpen_image(image, sharpening, grid)
    suffix = output.suffix.lower()
    picture_format = Image.registered_extensions().get(suffix)
    if picture_format not in Image.SAVE:
        raise OutputError(f"{output}: no picture format has the suffix {suffix!r}; try .png")
    if picture_format == "JPEG" and sharpened.mode in ("LA", "RGBA"):
        raise OutputError(f"{output}: JPEG has no transparency, {name} has; choose .png")
    with decoding_errors():
        metadata = _metadata(image, provenance, suffix)
    with atomic_output(output, force=force) as temporary:
        sharpened.save(temporary.file, format=picture_format, **metadata)


@keep_inputs()
def sharpen(
    sources: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    sharpening: Sharpening,
    *,
    force: bool = False,
    on_written: Callable[[Path], object] = lambda path: None,
    on_skip: Callable[[str, str], object] = lambda name, reason: None,
) -> int:
    """Sharpens a picture into a file, or pictures and whole folders into a folder.

    A sheet made by facegen is sharpened tile by tile. Metadata, alpha and provenance are kept;
    the provenance of a PNG records the sharpening.

    Args:
        sources: pictures, folders (with their subfolders) or archives.
        output: a file for a single picture, unless it is a folder; else a folder, which is made.
        on_written: called with each path written.
        on_skip: called with the name and the reason of each picture that can't be used.

    Returns:
        How many were written.

    Raises:
        MissingFileError: a source does not exist.
        OutputError: an output exists (without `force`) or can't be written.
    """
    output = Path(output)
    for source in sources:
        if not os.path.exists(source):
            raise MissingFileError(f"{source} does not exist")
    single = len(sources) == 1 and os.path.isfile(sources[0])
    into_folder = os.path.isdir(output) or not single or not output.suffix
    count = 0
    for photo in find_photos(sources):
        path = output
        if into_folder:
            # Names are relative to their folder or archive, and never lead out of the output.
            is_given = any(str(source) == photo.name for source in sources)
            name = Path(photo.name).name if is_given else photo.name
            path = output / Path(*[part for part in Path(name).parts if part not in ("..", "/")])
            with output_errors(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
        try:
            sharpen_bytes(photo.read(), photo.name, path, sharpening, force=force)
        except InputError as error:
            on_skip(photo.name, str(error))
            continue
        count += 1
        on_written(path)
    return count
