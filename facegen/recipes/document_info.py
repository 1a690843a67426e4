"""What pictures, videos and documents say of how they were made."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from PIL import GifImagePlugin, Image, PngImagePlugin

from facegen.analysis import evaluation, results
from facegen.errors import InputError
from facegen.images.frames import frame_durations
from facegen.images.photo_sources import read_file
from facegen.images.sheets import MAX_SHEET_PIXELS, open_picture
from facegen.io.budgets import BODY_READS, BudgetedFile
from facegen.io.pictures import MAX_PIXELS, decoding_errors, open_photo
from facegen.io.provenance import (
    MAX_PROVENANCE_BYTES,
    PROVENANCE_KEY,
    is_mp4,
    parse_provenance,
    read_mp4_provenance,
    read_provenance,
)
from facegen.io.xmp import read_gif_xmp, read_mp4_xmp, read_source_type

PICTURE, ANIMATION, VIDEO = "facegen-picture", "facegen-animation", "facegen-video"
REPORT = "facegen-report"  # the HTML page; its numbers are of the kind facegen-analysis
PAGE_PICTURE = re.compile(rb'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
NO_PROVENANCE = "carries no provenance: facegen did not make it, or it was edited"
MAX_DOCUMENT_BYTES = 48 << 20  # of what is read whole; sheets, GIFs and videos are not
HEADER_BYTES, HEADER_READS = 16 << 20, 300_000  # before a picture, of which Pillow keeps copies


def describe_document(path: Path) -> dict[str, Any]:
    """Describes a picture, an animation, a video, a page or JSON that facegen made.

    Returns:
        JSON values, with "kind" and "provenance".

    Raises:
        InputError: it is something else, damaged, or carries no provenance.
    """
    try:
        found = _describe(path)
    except InputError as error:
        raise InputError(
            f"{path}: {error}; expected latents.h5, faces.h5, attributes.h5, a folder of weights, "
            "a picture or a report"
        ) from error
    if found["provenance"] is None:
        raise InputError(f"{path} {NO_PROVENANCE}")
    return found


def _describe(path: Path) -> dict[str, Any]:
    with BudgetedFile(path, size=100, reads=1) as file:
        data = file.read(100)
    start = data.lstrip()
    if is_mp4(data):
        provenance = read_mp4_provenance(path)
        said = read_source_type(read_mp4_xmp(path))
        return {"kind": VIDEO, "digital_source_type": said, "provenance": provenance}
    if start.startswith(b"{"):
        return _describe_json(_read_whole(path))
    if start.lower().startswith(b"<!doctype html"):
        return {"kind": REPORT, "provenance": _read_page(_read_whole(path))}
    with open_document(path) as image:
        return _describe_picture(path, image)


def _read_whole(path: Path) -> bytes:
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise InputError(f"more than {MAX_DOCUMENT_BYTES} bytes, too many for such a file")
    return read_file(path)


@contextmanager
def open_document(path: Path) -> Iterator[Image.Image]:
    """Opens a picture that may be one of facegen's sheets or animations, not decoded yet.

    Unlike `open_photo` it takes large sheets, and files of any length, of which it reads only what
    stands before the pixels.

    Raises:
        InputError: no picture, damaged or too large; the message is the reason alone.
    """
    with BudgetedFile(path, size=HEADER_BYTES, reads=HEADER_READS) as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith((b"\x89PNG", b"GIF8")):
            lazy = PngImagePlugin.PngImageFile if start[0] == 0x89 else GifImagePlugin.GifImageFile
            try:
                with decoding_errors():
                    image: Image.Image = lazy(cast(io.BytesIO, file))
            except InputError as error:
                if error.__cause__ is None:  # of the budget
                    raise
                raise InputError("not an image that facegen reads") from error
            most = MAX_SHEET_PIXELS if image.format == "PNG" else MAX_PIXELS
        else:
            image, most = open_photo(_read_whole(path)), MAX_PIXELS
        with image:
            if image.width * image.height > most:
                raise InputError(f"{image.width}x{image.height} is more than {most} pixels")
            if image.format == "PNG" and PROVENANCE_KEY not in image.info:
                _read_late_text(path, image)
            file.spend_freely()
            yield image


def _read_late_text(path: Path, image: Image.Image) -> None:
    """Finds a PNG's provenance behind its pixels, where other programs write it."""
    with BudgetedFile(path, size=HEADER_BYTES, reads=BODY_READS) as file:
        file.seek(8)
        while (head := file.read(8))[4:] != b"IEND":
            if len(head) < 8:
                raise InputError("damaged: it is truncated")
            size, end = int.from_bytes(head[:4], "big"), file.tell() + 4
            if head[4:] in (b"iTXt", b"tEXt", b"zTXt") and size < 2 * MAX_PROVENANCE_BYTES:
                stream = PngImagePlugin.PngStream(cast(io.BytesIO, file))
                with decoding_errors():
                    stream.call(head[4:], file.tell(), size)
                image.info |= {k: v for k, v in stream.im_text.items() if k == PROVENANCE_KEY}
                image.info |= {k: v for k, v in stream.im_info.items() if k == "xmp"}
            file.seek(end + size)


def _describe_picture(path: Path, image: Image.Image) -> dict[str, Any]:
    provenance = read_provenance(image)
    said = read_gif_xmp(path) if image.format == "GIF" else image.info.get("xmp", b"")
    frames = 1
    if provenance is not None and image.format == "GIF":
        frames = len(document_durations(path, "GIF"))
    elif provenance is not None:
        with decoding_errors():
            frames = getattr(image, "n_frames", 1)
    animated = {"frames": frames} if frames > 1 else {}
    return {
        "kind": ANIMATION if animated else PICTURE,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        **animated,
        "digital_source_type": read_source_type(said),
        "provenance": provenance,
    }


def document_durations(path: Path, kind: str) -> list[int]:
    """The duration of every frame of a GIF or a WebP (`facegen.images.frames`)."""
    with BudgetedFile(path, size=MAX_DOCUMENT_BYTES, reads=BODY_READS) as file:
        return frame_durations(cast(io.BytesIO, file), kind)


def _read_page(data: bytes) -> dict[str, Any] | None:
    """The provenance of a report: its first picture's, which is that of all but for the part."""
    first = PAGE_PICTURE.search(data)
    if first is None:
        return None
    try:
        picture = open_picture(base64.b64decode(first[1]))
    except ValueError as error:
        raise InputError("its first picture is damaged") from error
    provenance = read_provenance(picture)
    return {k: v for k, v in provenance.items() if k != "part"} if provenance else None


def _describe_json(data: bytes) -> dict[str, Any]:
    """A result of `facegen evaluate` or `facegen analyze`."""
    try:
        result = parse_provenance(data.decode())  # bounded as such
        kind = result.get("format")
        if kind == evaluation.FORMAT:
            return {"kind": kind, "provenance": evaluation.provenance(result)}
        if kind == results.FORMAT:
            keys = ("non_finite_rows", "broken_rules")
            rules: dict[str, Any] = {key: result[key] for key in keys if key in result}
            return {"kind": kind, "provenance": results.provenance(result), **rules}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise InputError("damaged JSON, or none of facegen's") from error
    raise InputError("JSON, but none of facegen's")
