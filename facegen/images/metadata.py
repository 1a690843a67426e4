"""What a picture says about itself, kept when it is written anew, and how facegen made it.

EXIF, XMP, colour profile and resolution go from any format to any that holds them; so do a PNG's
texts to PNG, a JPEG's comment, IPTC and extended XMP to JPEG. The provenance is a PNG's text
chunk, a JPEG's comment segments, and in WebP, AVIF and TIFF the EXIF tag ImageHistory
(`facegen.io.provenance.read_provenance` reads them); other formats have none.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, PngImagePlugin

from facegen.errors import InputError
from facegen.io.pictures import decoding_errors
from facegen.io.provenance import COMMENT, EXIF_HISTORY, PROVENANCE_KEY, add_provenance
from facegen.strict_json import to_json

QUALITY = 95  # of the formats that lose some: JPEG, WebP and AVIF
WITH_EXIF = ("WEBP", "AVIF", "TIFF")  # as a directory that takes one more tag
EXIF = b"Exif\0\0"
XMP_TAG = 700
XMP_TEXT = "XML:com.adobe.xmp"  # a PNG's keyword
JPEG_KEPT = (b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0")  # extended XMP, IPTC
JPEG_APP = {"APP1": 0xE1, "APP13": 0xED, "COM": 0xFE}
MAX_SEGMENT = 65533
# How a TIFF's pixels lie in it, which is not so where they are written anew; and its profile.
TIFF_STORAGE = frozenset(
    {*range(254, 260), 262, 266, 273, 277, 278, 279, 284, 317, 320, *range(322, 326), 330, 338}
    | {339, 347, 529, 530, 531, 532, 34675}
)


def encode_like(
    image: Image.Image, original: Image.Image, provenance: dict[str, Any], picture_format: str
) -> bytes:
    """Encodes a picture with the metadata of the one that it was made from.

    Args:
        image: the picture.
        original: as it was opened. Its profile is kept where both have as many channels.
        provenance: JSON values.
        picture_format: Pillow's name of one.

    Raises:
        InputError: the format can't hold it; the message is the reason alone.
    """
    if picture_format not in Image.SAVE:
        raise InputError(f"{picture_format} can be read, but not written; choose .png")
    if picture_format == "JPEG" and image.mode in ("LA", "RGBA"):
        raise InputError("it has transparency, which JPEG has not; choose .png")
    with decoding_errors():
        options = _options(original, provenance, picture_format)
        if (image.mode == "CMYK") != (original.mode == "CMYK"):
            del options["icc_profile"]
    encoded = io.BytesIO()
    try:
        image.save(encoded, format=picture_format, **options)
    except (OSError, ValueError, TypeError, OverflowError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{picture_format} can't hold it ({reason}); choose .png") from error
    return encoded.getvalue()


def _options(
    original: Image.Image, provenance: dict[str, Any], picture_format: str
) -> dict[str, Any]:
    """What `Image.save` needs to keep what the original says."""
    info = original.info
    xmp = info.get("xmp") or b""
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    # None where there is none: Pillow would take what the picture has got from others.
    options = {"icc_profile": info.get("icc_profile"), "quality": QUALITY}
    options |= {"dpi": info["dpi"]} if info.get("dpi") else {}
    text = to_json(provenance)
    if picture_format == "PNG":
        options |= {"exif": _exif(original), "pnginfo": _png_texts(original, provenance, xmp)}
    elif picture_format == "JPEG":
        extra = _segments("APP1", EXIF, _exif(original)) + _segments("COM", COMMENT, text.encode())
        kept, comment = _jpeg_segments(original)
        options |= {"extra": extra + kept, "comment": comment, "xmp": xmp}
    elif picture_format in WITH_EXIF:
        exif = original.getexif()
        for tag in TIFF_STORAGE & set(exif) if original.format == "TIFF" else ():
            del exif[tag]
        exif[EXIF_HISTORY] = text
        if picture_format == "TIFF" and xmp:
            exif[XMP_TAG] = xmp
        options |= {"exif": EXIF + exif.tobytes().removeprefix(EXIF), "xmp": xmp}
    return options


def _exif(original: Image.Image) -> bytes:
    """The EXIF data as they are, with a camera's own and its thumbnail, without their prefix."""
    exif = original.info.get("exif")
    if not isinstance(exif, bytes):
        exif = original.getexif().tobytes() if original.getexif() else b""
    return exif.removeprefix(EXIF)


def _png_texts(
    original: Image.Image, provenance: dict[str, Any], xmp: bytes
) -> PngImagePlugin.PngInfo:
    texts = {XMP_TEXT: xmp.decode(errors="replace")} if xmp else {}
    texts |= getattr(original, "text", {})
    found = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        if key != PROVENANCE_KEY:
            found.add_itxt(key, text)
    add_provenance(found, provenance)
    return found


def _segments(name: str, prefix: bytes, data: bytes) -> bytes:
    """Segments of a JPEG, as many as it takes: one has 64 KB."""
    room = MAX_SEGMENT - len(prefix)
    return b"".join(
        bytes((0xFF, JPEG_APP[name]))
        + (2 + len(prefix) + len(part)).to_bytes(2, "big")
        + prefix
        + part
        for part in (data[start : start + room] for start in range(0, len(data), room))
    )


def _jpeg_segments(original: Image.Image) -> tuple[bytes, bytes]:
    """Of a JPEG, the segments to keep as they are, and its last comment that is not facegen's."""
    kept, comment = b"", b""
    for name, data in getattr(original, "applist", ()):
        if name in JPEG_APP and data.startswith(JPEG_KEPT):
            kept += _segments(name, b"", data)
        elif name == "COM" and not data.startswith(COMMENT):
            comment = data
    return kept, comment
