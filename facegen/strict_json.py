"""JSON as its standard has it (RFC 8259): NaN and infinity don't exist in it.

Python writes them all the same, and other programs then refuse the whole text.
"""

from __future__ import annotations

import json
import math
from typing import Any

from facegen.errors import FacegenError


def to_json(value: Any, *, indent: int | None = None, ensure_ascii: bool = True) -> str:
    """A value as JSON text.

    Args:
        value, indent, ensure_ascii: as `json.dumps`.

    Raises:
        FacegenError: a number in it is not finite; the message says which.
    """
    try:
        return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)
    except ValueError as error:
        where = _not_finite(value)
        if where is None:
            raise
        raise FacegenError(
            f"{where}, which JSON can't hold. Are there NaNs in the input, or was the training "
            "broken?"
        ) from error


def to_json_line(value: Any) -> str:
    """JSON in ASCII, on one line; what is no text, of a name that isn't UTF-8, becomes U+FFFD.

    Raises:
        FacegenError: a number in it is not finite.
    """
    text = to_json(value)
    if "\\ud" in text:  # a surrogate: half of a letter, or such a byte, which not all parsers take
        text = to_json(value, ensure_ascii=False)
        text = text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
        text = json.dumps(json.loads(text))
    return text.replace("\x7f", "\\u007f")


def _not_finite(value: Any, where: str = "") -> str | None:
    """Tells of the first number that is not finite: 'labels.0.cosine is nan'."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{where or 'the result'} is {value}"
    if not isinstance(value, dict | list | tuple):
        return None
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = (_not_finite(item, f"{where}.{name}".lstrip(".")) for name, item in items)
    return next(filter(None, found), None)
