"""The JSON that `facegen evaluate` writes: what it is about, and which results can be compared."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facegen.errors import InputError, MissingFileError
from facegen.version import __version__

if TYPE_CHECKING:
    from facegen.io.face_set import FaceSet

FORMAT = "facegen-evaluation"
DEFINITIONS = 2  # the version of the numbers' definitions: raise it whenever one changes


def stamp(faces: FaceSet, count: int, *, seed: int, networks: dict[str, str]) -> dict[str, Any]:
    """All that must be equal before two results may be compared.

    Args:
        faces: the measure.
        count: faces of each kind.
        seed: of their choice.
        networks: SHA-256 of those that judge, by what they know.
    """
    return {
        "faces": faces.fingerprint,
        "crop": faces.crop,
        "size": faces.size,
        "count": count,
        "seed": seed,
        "networks": networks,
        "versions": {"facegen": __version__, "definitions": DEFINITIONS},
    }


def provenance(result: dict[str, Any]) -> dict[str, Any]:
    """What a picture of a result records: the command, the measure and what is judged."""
    return {"command": "evaluate", "stamp": result["stamp"], "subject": result["subject"]}


def read_result(path: str | os.PathLike) -> dict[str, Any]:
    """A result of `evaluate` that was saved as JSON.

    Raises:
        MissingFileError, InputError: it does not exist, or is something else.
    """
    try:
        result = json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON of 'facegen evaluate'") from error
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise InputError(f"{path} is not a result of 'facegen evaluate'")
    return result


def check_comparable(results: dict[str, dict[str, Any]]) -> None:
    """Refuses results that were not measured alike.

    Args:
        results: at least one, by name.

    Raises:
        InputError: two stamps differ; the message says in what.
    """
    (first, one), *others = results.items()
    for name, other in others:
        names = sorted({*one["stamp"], *other["stamp"]})
        different = [n for n in names if one["stamp"].get(n) != other["stamp"].get(n)]
        if different:
            pairs = [(n, one["stamp"].get(n), other["stamp"].get(n)) for n in different]
            reasons = "; ".join(f"{n} {a} and {b}" for n, a, b in pairs)
            raise InputError(f"{first} and {name} can't be compared: {reasons}")
