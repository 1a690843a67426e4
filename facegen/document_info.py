"""What pictures, videos and documents say of how they were made."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from PIL import Image

from facegen import evaluating, stamping
from facegen.animation import is_mp4, read_mp4_provenance
from facegen.errors import InputError
from facegen.images import decoding_errors
from facegen.photos import read_file
from facegen.sheets import open_picture, read_provenance

PICTURE, ANIMATION, VIDEO = "facegen-picture", "facegen-animation", "facegen-video"
REPORT = "facegen-report"  # the HTML page; its numbers are of the kind facegen-analysis
PAGE_PICTURE = re.compile(rb'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
NO_PROVENANCE = "carries no provenance: facegen did not make it, or it was edited"


def describe_document(path: Path) -> dict[str, Any]:
    """Describes a picture, an animation, a video, a page or JSON that facegen made.

    Returns:
        JSON values, with "kind" and "provenance".

    Raises:
        InputError: it is something else, damaged, or carries no provenance.
    """
    try:
        data = read_file(path)
        if is_mp4(data):
            return {"kind": VIDEO, "provenance": read_mp4_provenance(data)}
        start = data[:100].lstrip()
        if start.startswith(b"{"):
            return _describe_json(data)
        if start.lower().startswith(b"<!doctype html"):
            found: dict[str, Any] = {"kind": REPORT, "provenance": _read_page(data)}
        else:
            found = _describe_picture(open_picture(data))
    except InputError as error:
        raise InputError(
            f"{path}: {error}; expected latents.h5, faces.h5, attributes.h5, a folder of weights, "
            "a picture or a report"
        ) from error
    if found["provenance"] is None:
        raise InputError(f"{path} {NO_PROVENANCE}")
    return found


def _describe_picture(image: Image.Image) -> dict[str, Any]:
    with decoding_errors():
        frames = getattr(image, "n_frames", 1)
    animated = {"frames": frames} if frames > 1 else {}
    return {
        "kind": ANIMATION if animated else PICTURE,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        **animated,
        "provenance": read_provenance(image),
    }


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
        result = json.loads(data)
        kind = result.get("format")
        if kind == evaluating.FORMAT:
            return {"kind": kind, "provenance": evaluating.provenance(result)}
        if kind == stamping.FORMAT:
            rules = {k: result[k] for k in ("non_finite_rows", "broken_rules") if k in result}
            return {"kind": kind, "provenance": stamping.provenance(result), **rules}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise InputError("damaged JSON, or none of facegen's") from error
    raise InputError("JSON, but none of facegen's")
