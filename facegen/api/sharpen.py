"""sharpen: pictures and sheets in files; what they say about themselves is kept."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from PIL import Image, ImageCms

from facegen.errors import InputError, MissingFileError, OutputError
from facegen.images.metadata import encode_like
from facegen.images.photo_sources import Photo, find_photos
from facegen.images.sharpening import Sharpening, sharpen_image
from facegen.images.sheets import open_picture, read_grid
from facegen.io.files import atomic_output, output_folder
from facegen.io.inputs import keep_inputs
from facegen.io.picture_headers import is_deep
from facegen.io.pictures import decoding_errors
from facegen.io.provenance import read_provenance, with_version
from facegen.paths import Paths, path_list

WITH_CMYK = ("JPEG", "TIFF")


def _inks_to_rgb(image: Image.Image) -> Image.Image:
    """CMYK to sRGB, by the picture's profile where it has one."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    inks, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, inks, srgb, outputMode="RGB")
    assert converted is not None  # it is where the picture is changed in place
    return converted


def _open(data: bytes) -> Image.Image:
    """Opens and decodes a picture that can be sharpened; raises InputError, the reason alone."""
    image = open_picture(data)
    with decoding_errors():
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format == "TIFF":
            raise InputError(f"it has {frames} pages; only single pictures can be sharpened")
        if frames > 1 and image.format != "MPO":  # a phone's: its first is the photo
            raise InputError("it is animated; only single pictures can be sharpened")
        if is_deep(image, data):
            raise InputError("it has more than 8 bits a channel; convert it to 8 first")
        image.getexif()  # while the file is open
        image.load()
    return image


def sharpen_bytes(
    data: bytes,
    name: str,
    output: Path,
    sharpening: Sharpening,
    *,
    picture_format: str | None = None,
    force: bool = False,
) -> None:
    """Sharpens one encoded picture into a file.

    Args:
        picture_format: Pillow's name of the format to write; by default the picture's own,
            whatever its name ends in.

    Raises:
        InputError: the picture can't be used, or not be written in that format; the message is
            the reason alone.
        OutputError: the file exists (without `force`) or can't be written.
    """
    image = _open(data)
    provenance = read_provenance(image)
    grid = read_grid(provenance, image.size)
    provenance = provenance or with_version({"command": "sharpen", "source": name})
    before = provenance.get("sharpened", [])
    provenance["sharpened"] = [*(before if isinstance(before, list) else []), sharpening.provenance]
    if picture_format is None:
        picture_format = "JPEG" if image.format == "MPO" else str(image.format)
    with decoding_errors():
        to_rgb = image.mode == "CMYK" and picture_format not in WITH_CMYK
        sharpened = sharpen_image(_inks_to_rgb(image) if to_rgb else image, sharpening, grid)
    encoded = encode_like(sharpened, image, provenance, picture_format)
    with atomic_output(output, force=force) as temporary:
        temporary.write_bytes(encoded)


def _format_of(output: Path) -> str:
    """The format that a name asks for."""
    suffix = output.suffix.lower()
    picture_format = Image.registered_extensions().get(suffix)
    if picture_format not in Image.SAVE:
        raise OutputError(f"{output}: no picture format has the suffix {suffix!r}; try .png")
    return "JPEG" if picture_format == "MPO" else str(picture_format)


def _path_in(folder: Path, photo: Photo, sources: Sequence[str | os.PathLike]) -> Path:
    """Where a picture goes: named as in its folder or archive, never outside of the output."""
    is_given = any(str(source) == photo.name for source in sources)
    name = Path(photo.name).name if is_given else photo.name
    return folder / Path(*[part for part in Path(name).parts if part not in ("..", "/")])


def _check_outputs(
    sources: Sequence[str | os.PathLike], path_of: Callable[[Photo], Path], force: bool
) -> None:
    """Says before the work begins whether two pictures, or one and a file, have one name."""
    taken: dict[Path, str] = {}
    for photo in find_photos(sources):
        path = path_of(photo)
        if path in taken:
            raise OutputError(
                f"{taken[path]} and {photo.name} would both become {path}; sharpen them into two "
                "folders"
            )
        if not force and "\0" not in photo.name and os.path.exists(path):
            raise OutputError(f"{path} exists already; choose another name or add --force")
        taken[path] = photo.name
    if not taken:
        raise InputError(f"no pictures found in {', '.join(map(str, sources))}")


@keep_inputs()
def sharpen(
    sources: Paths,
    output: str | os.PathLike,
    sharpening: Sharpening,
    *,
    force: bool = False,
    on_written: Callable[[Path], object] = lambda path: None,
    on_skip: Callable[[str, str], object] = lambda name, reason: None,
) -> int:
    """Sharpens a picture into a file, or pictures and whole folders into a folder.

    A sheet made by facegen is sharpened tile by tile. Metadata, alpha and provenance are kept
    (`facegen.images.metadata`); the provenance records the sharpening.

    Args:
        sources: pictures, folders (with their subfolders) or archives; one or several.
        output: a file for a single picture, whose suffix names the format, unless it is a folder;
            else a folder, which is made, and where each picture keeps its name and its format.
        sharpening: how, and how much.
        force: overwrite what exists.
        on_written: called with each path written.
        on_skip: called with the name and the reason of each picture that can't be used.

    Returns:
        How many were written.

    Raises:
        MissingFileError: a source does not exist.
        InputError: not one picture could be sharpened.
        OutputError: an output exists (without `force`), two pictures would have one name, or an
            output can't be written.
    """
    output, sources = Path(output), path_list(sources)
    for source in sources:
        if not os.path.exists(source):
            raise MissingFileError(f"{source} does not exist")
    single = len(sources) == 1 and os.path.isfile(sources[0])
    into_folder = os.path.isdir(output) or not single or not output.suffix
    picture_format = None if into_folder else _format_of(output)

    def path_of(photo: Photo) -> Path:
        return _path_in(output, photo, sources) if into_folder else output

    _check_outputs(sources, path_of, force)
    count = skipped = 0
    for photo in find_photos(sources):
        path = path_of(photo)
        try:
            data = photo.read()
            with output_folder(path.parent) if into_folder else nullcontext():
                sharpen_bytes(
                    data, photo.name, path, sharpening, picture_format=picture_format, force=force
                )
        except InputError as error:
            skipped += 1
            on_skip(photo.name, str(error))
            continue
        count += 1
        on_written(path)
    if not count:
        raise InputError(f"no picture could be sharpened: {skipped} skipped")
    return count
