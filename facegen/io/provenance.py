"""What files say of how they were made: JSON, written and read in one way; and that they are
synthetic.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, PngImagePlugin

from facegen.errors import InputError
from facegen.io.budgets import read_behind
from facegen.io.digital_source import digital_source_type
from facegen.io.pictures import decoding_errors
from facegen.io.xmp import PNG_KEYWORD as XMP_KEYWORD
from facegen.io.xmp import with_source_type
from facegen.strict_json import to_json
from facegen.version import __version__

PROVENANCE_KEY = "facegen"  # the keyword of the PNG's text chunk
BEGINNING = '{"facegen_version"'  # of the JSON, by which other texts are told apart
EXIF_DESCRIPTION = 0x010E
EXIF_HISTORY = 0x9213  # ImageHistory, of a single picture: its description is the user's
COMMENT = b"facegen\0"  # before each part of the JSON in the comment segments of a JPEG
MP4_COMMENT = b"\xa9cmt"  # the name of the atom that holds an MP4's provenance
PICTURE_BRANDS = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"hevc", b"hevx")
# reconstruct --n 10000 records 1.4 MB in 10,000 objects, of photos with long names 3.5 MB. What is
# refused never fills the memory: lists and objects take up to 80 times their text, others 16 times.
MAX_PROVENANCE_BYTES = 4 << 20
MAX_PROVENANCE_PARTS = 100_000  # objects and lists
MAX_PROVENANCE_DEPTH = 32  # of objects and lists in each other; facegen's own have 6


def with_version(provenance: dict[str, Any]) -> dict[str, Any]:
    """Provenance that begins with facegen's version, as every one does (`BEGINNING`)."""
    return {"facegen_version": __version__, **provenance}


class Stamp(NamedTuple):
    """What a picture carries.

    Attributes:
        text: its provenance as JSON.
        xmp: that it is synthetic (`facegen.io.digital_source`); empty where it is not.
    """

    text: str
    xmp: bytes


def make_stamp(provenance: dict[str, Any], *, xmp: bytes = b"", ensure_ascii: bool = True) -> Stamp:
    """The stamp of a picture; nothing facegen makes is written without one.

    Args:
        provenance: JSON values.
        xmp: that the picture has already, and keeps.
        ensure_ascii: writes all other letters as escapes.
    """
    said = with_source_type(xmp, digital_source_type(provenance))
    return Stamp(to_json(provenance, ensure_ascii=ensure_ascii), said)


def png_texts(
    provenance: dict[str, Any], *, xmp: bytes = b"", texts: Mapping[str, str] | None = None
) -> PngImagePlugin.PngInfo:
    """A PNG's stamp as text chunks; names that are not UTF-8 lose the bytes that are not.

    Args:
        provenance: JSON values.
        xmp, texts: what the picture has already, and keeps.
    """
    stamp = make_stamp(provenance, xmp=xmp, ensure_ascii=False)
    found = PngImagePlugin.PngInfo()
    said = {XMP_KEYWORD: stamp.xmp.decode(errors="replace")} if stamp.xmp else {}
    kept = {key: text for key, text in (texts or {}).items() if key != PROVENANCE_KEY}
    for key, text in {**said, **kept, **said}.items():
        found.add_itxt(key, text)
    found.add_itxt(PROVENANCE_KEY, stamp.text.encode(errors="replace").decode())
    return found


def read_provenance(image: Image.Image) -> dict[str, Any] | None:
    """The provenance inside an opened picture, or None where there is none.

    It is a PNG's text chunk, a GIF's comment, comment segments of a JPEG, ImageHistory in the EXIF
    data of a WebP, AVIF or TIFF, or the description in those of an animated WebP.

    Raises:
        InputError: there is a text of facegen's, but not with JSON that facegen wrote, or the
            picture is damaged.
    """
    with decoding_errors():
        text = _provenance_text(image)
    return None if text is None else parse_provenance(text)


def is_mp4(data: bytes) -> bool:
    """Whether a file's bytes begin as an MP4's do; pictures in AVIF and HEIF begin alike."""
    return data[4:8] == b"ftyp" and data[8:12] not in PICTURE_BRANDS


def read_mp4_provenance(path: Path) -> dict[str, Any]:
    """The provenance in an MP4: the JSON in the comment of its metadata.

    The comment is an atom of iTunes' metadata: its size (4 bytes, big-endian) and the name (c)cmt,
    and in it the size of an atom "data", that name, 8 bytes of type and language, the text.

    Raises:
        InputError: there is none, or it is damaged; the message is the reason alone.
    """
    data = read_behind(path, MP4_COMMENT, 2 * MAX_PROVENANCE_BYTES)
    size = int.from_bytes(data[:4], "big")
    if data[4:8] != b"data" or size < 16:
        raise InputError("a video without a comment; facegen did not make it, or it was edited")
    return parse_provenance(data[16:size].decode(errors="replace"))


def parse_provenance(text: str) -> dict[str, Any]:
    """Reads the JSON of a provenance; raises InputError if it can't be facegen's."""
    parts = text.count("{") + text.count("[")
    if len(text) > MAX_PROVENANCE_BYTES or parts > MAX_PROVENANCE_PARTS:
        raise InputError("the provenance is too long to be facegen's")
    try:
        provenance = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InputError("the provenance is damaged: not JSON") from error
    if not isinstance(provenance, dict):
        raise InputError("the provenance is damaged: not a JSON object")
    _check_depth(provenance)
    return provenance


def _finite(text: str) -> float | None:
    """A number of JSON; None for NaN, which older versions wrote, and for what is infinite."""
    number = float(text)
    return number if math.isfinite(number) else None


def _check_depth(provenance: dict[str, Any]) -> None:
    level: list[Any] = [provenance]
    for _ in range(MAX_PROVENANCE_DEPTH):
        inside = (v.values() if isinstance(v, dict) else v for v in level)
        level = [v for values in inside for v in values if isinstance(v, dict | list)]
        if not level:
            return
    raise InputError("the provenance is too deep to be facegen's")


def _provenance_text(image: Image.Image) -> str | None:
    # Not `image.text`, which decodes the whole picture to see whether more texts follow it.
    if PROVENANCE_KEY in image.info:
        return str(image.info[PROVENANCE_KEY])
    comments = [data for name, data in getattr(image, "applist", ()) if name == "COM"]
    parts = [data.removeprefix(COMMENT) for data in comments if data.startswith(COMMENT)]
    if parts:
        return b"".join(parts).decode(errors="replace")
    found = [image.info.get("comment", b"")]
    if image.format in ("WEBP", "AVIF", "TIFF"):
        found += [image.getexif().get(tag, "") for tag in (EXIF_HISTORY, EXIF_DESCRIPTION)]
    readable = [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in found]
    return next((text for text in readable if text.startswith(BEGINNING)), None)
