"""What a picture says about itself, kept when it is written anew, and how facegen made it.

EXIF, XMP, colour profile and resolution go from any format to any that holds them; so do a PNG's
texts to PNG, a JPEG's comment, IPTC and extended XMP to JPEG. The provenance is a PNG's text
chunk, a JPEG's comment segments, and in WebP, AVIF and TIFF the EXIF tag ImageHistory
(`facegen.io.provenance.read_provenance` reads them); other formats have none. All of these and GIF
say in XMP what is synthetic (`facegen.io.digital_source`).
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from facegen.errors import InputError
from facegen.io.pictures import decoding_errors
from facegen.io.provenance import COMMENT, EXIF_HISTORY, make_stamp, png_texts
from facegen.io.xmp import add_to_gif

QUALITY = 95  # of the formats that lose some: JPEG, WebP and AVIF
WITH_EXIF = ("WEBP", "AVIF", "TIFF")  # as a directory that takes one more tag
EXIF = b"Exif\0\0"
XMP_TAG = 700
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
    if picture_format == "GIF":
        add_to_gif(encoded, make_stamp(provenance).xmp)
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
    text, said = make_stamp(provenance, xmp=xmp)
    if picture_format == "PNG":
        texts = png_texts(provenance, xmp=xmp, texts=getattr(original, "text", {}))
        options |= {"exif": _exif(original), "pnginfo": texts}
    elif picture_format == "JPEG":
        extra = _segments("APP1", EXIF, _exif(original)) + _segments("COM", COMMENT, text.encode())
        kept, comment = _jpeg_segments(original)
        options |= {"extra": extra + kept, "comment": comment, "xmp": said}
    elif picture_format in WITH_EXIF:
        exif = original.getexif()
        for tag in TIFF_STORAGE & set(exif) if original.format == "TIFF" else ():
            del exif[tag]
        exif[EXIF_HISTORY] = text
        if picture_format == "TIFF" and said:
            exif[XMP_TAG] = said
        options |= {"exif": EXIF + exif.tobytes().removeprefix(EXIF), "xmp": said}
    return options


def _exif(original: Image.Image) -> bytes:
    """The EXIF data as they are, with a camera's own and its thumbnail, without their prefix."""
    exif = original.info.get("exif")
    if not isinstance(exif, bytes):
        exif = original.getexif().tobytes() if original.getexif() else b""
    return exif.removeprefix(EXIF)


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
