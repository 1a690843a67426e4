"""XMP that says of a picture that it is synthetic, and where it lies in GIF and MP4.

Pillow writes it into the other formats. Source: Adobe's XMP Specification, part 3.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Template
from typing import IO

from facegen.io.budgets import read_behind
from facegen.version import __version__

PNG_KEYWORD = "XML:com.adobe.xmp"
GIF_EXTENSION = b"!\xff\x0bXMP DataXMP"
# Whoever takes the XMP for blocks, each with its length before it, gets to the last of these bytes.
GIF_END = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
MP4_UUID = b"uuid" + bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
MOST_BYTES = 1 << 20  # that are looked through
PROPERTY = re.compile(
    rb"DigitalSourceType(?:\s{0,9}=\s{0,9}[\"']|[^<>]{0,400}>)\s{0,99}([^\"'<>\s]{1,200})"
)
END = b"</rdf:RDF>"

DESCRIPTION = Template("""<rdf:Description rdf:about=""
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   Iptc4xmpExt:DigitalSourceType="$source_type"
   xmp:CreatorTool="facegen $version"/>
 """)
PACKET = Template("""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  $description</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""")


def with_source_type(xmp: bytes, source_type: str | None) -> bytes:
    """A picture's XMP with its digital source type, if it has one; what it says already stays.

    Args:
        xmp: UTF-8; empty where there is none.
        source_type: the URI of a term, as `facegen.io.digital_source` gives it.

    Returns:
        The XMP as it was where it is none of a kind that something can be added to.
    """
    if source_type is None or PROPERTY.search(xmp):
        return xmp
    said = DESCRIPTION.substitute(source_type=source_type, version=__version__)
    if not xmp:
        return PACKET.substitute(description=said).encode()
    before, end, after = xmp.rpartition(END)
    return before + said.encode() + end + after if end else xmp


def read_source_type(xmp: bytes | str) -> str | None:
    """The digital source type that XMP tells, by whoever wrote it."""
    found = PROPERTY.search(xmp.encode(errors="replace") if isinstance(xmp, str) else xmp)
    return found[1].decode(errors="replace") if found else None


def add_to_gif(file: IO[bytes], xmp: bytes) -> None:
    """Adds XMP to a whole GIF, before its last byte."""
    if xmp:
        file.seek(-1, os.SEEK_END)
        file.write(GIF_EXTENSION + xmp + GIF_END + b";")


def add_to_mp4(file: IO[bytes], xmp: bytes) -> None:
    """Adds XMP to a whole MP4, behind all its boxes: what they point to stays where it is."""
    if xmp:
        file.seek(0, os.SEEK_END)
        file.write((4 + len(MP4_UUID) + len(xmp)).to_bytes(4, "big") + MP4_UUID + xmp)


def read_gif_xmp(path: Path) -> bytes:
    """A GIF's XMP with what is behind it; empty where there is none."""
    return read_behind(path, GIF_EXTENSION, MOST_BYTES)


def read_mp4_xmp(path: Path) -> bytes:
    """An MP4's XMP with what is behind it; empty where there is none."""
    return read_behind(path, MP4_UUID, MOST_BYTES)
