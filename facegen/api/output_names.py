"""Names of outputs with fields, for jobs that run again and again: faces-{date}-{seed}.png."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from facegen.errors import InputError

FIELDS = ("date", "time", "seed", "r_limit", "n")


def fill_name(path: Path, **values: object) -> Path:
    """Replaces the fields {date}, {time}, {seed}, {r_limit} and {n} of a name.

    Folders that are there are named as they are, with braces or not; in others, braces that are no
    field's stay.

    Args:
        path: date becomes 2026-11-22, time 174501, both local.
        values: of the other fields; None where the job has none.

    Raises:
        InputError: there is no such field, or the job has no value for it.
    """
    if os.path.isdir(path):
        return path
    now = datetime.now()
    known = {"date": f"{now:%Y-%m-%d}", "time": f"{now:%H%M%S}", **values}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in FIELDS:
            fields = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise InputError(f"{path}: there is no field {match[0]}; there are {fields}")
        if known.get(name) is None:
            raise InputError(f"{path}: these faces have no {name}; leave out {match[0]}")
        return f"{known[name]:g}" if isinstance(known[name], float) else str(known[name])

    folder = path.parent
    if not os.path.isdir(folder):
        folder = Path(re.sub(rf"\{{({'|'.join(FIELDS)})\}}", value, str(folder)))
    return folder / re.sub(r"\{(\w+)\}", value, path.name)
