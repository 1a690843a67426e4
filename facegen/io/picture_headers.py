"""What the header of an encoded photo says, before a pixel of it is decoded.

A limit on pixels alone does not limit memory: what decoding one pixel takes depends on the format
and the mode, from 4 bytes to 32.
"""

from __future__ import annotations

import re
import struct

from PIL import Image

# Bytes a pixel that a decoder takes besides the picture, measured with 25 megapixels of each:
# WebP's two canvases and a copy; AV1's planes, of up to 12 bits, and RGB. HEIF is AV1's kind.
SCRATCH = {"WEBP": 12, "AVIF": 12, "HEIF": 12}
JPEG2000_SCRATCH = 6  # a channel: OpenJPEG holds int32
PROGRESSIVE_SCRATCH = 2  # a channel: libjpeg holds all coefficients
WIDE_MODES = {"I": 4, "F": 4, "I;16": 2, "I;16L": 2, "I;16B": 2}  # of one channel; others have 1


def decoding_bytes(image: Image.Image) -> int:
    """Bytes of memory that it takes at most to decode an opened picture and make it RGB."""
    bands = len(image.getbands())
    held = 4 if bands > 1 else WIDE_MODES.get(image.mode, 1)
    as_rgb = 0 if image.mode == "RGB" else 4
    scratch = SCRATCH.get(image.format or "", 0)
    if image.format == "JPEG2000":
        scratch = JPEG2000_SCRATCH * bands
    if image.format in ("JPEG", "MPO") and image.info.get("progressive"):
        scratch = PROGRESSIVE_SCRATCH * bands
    return image.width * image.height * (held + as_rgb + scratch)


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP, whose decoder takes the memory when it is opened; else None.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[start : start + 3], "little") for start in (24, 27))
        return width + 1, height + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether an opened picture has more than 8 bits a channel; Pillow may keep only 8 of them.

    Args:
        data: the bytes it was opened from.
    """
    if image.mode in WIDE_MODES:
        return True
    if image.format == "PNG":
        return data[24] > 8
    if image.format == "TIFF":
        return max(getattr(image, "tag_v2", {}).get(258, (1,))) > 8  # BitsPerSample
    if image.format == "PPM":  # P5 or P6 width height largest value; comments may be between
        numbers = re.sub(rb"#[^\n]*\n", b" ", data[:1000]).split()[1:4]
        return data[:2] in (b"P2", b"P3", b"P5", b"P6") and int(numbers[-1]) > 255
    if image.format == "JPEG2000":  # the bits of the first channel, less 1, in the marker SIZ
        start = data.find(b"\xff\x4f\xff\x51")
        return data[start + 42] & 0x7F > 7
    if image.format == "AVIF":  # the bit high_bitdepth of the box av1C
        start = data.find(b"av1C")
        return start > 0 and bool(data[start + 6] & 0x40)
    return False
