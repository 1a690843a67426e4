"""How photos became the faces of a face set, as it records it: what an update has to do again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from facegen.errors import InputError
from facegen.io.records import Record
from facegen.io.split import SPLIT_RULE
from facegen.seeds import MAX_SEED
from facegen.strict_json import to_json

MOST = 10**9  # of pixels of a side, of test images


@dataclass(frozen=True)
class PrepareOptions:
    """What `facegen.api.prepare.prepare` was asked for, as far as faces and split depend on it.

    Attributes:
        size: height and width of the faces in pixels.
        box: (left, upper, right, lower) of the crop, or None for the default's.
        align: whether faces were found and turned.
        split_rule: who is held out (`facegen.io.split`).
        test_fraction, test_count, seed: of the split.
    """

    size: int = 96
    box: tuple[int, int, int, int] | None = None
    align: bool = False
    split_rule: str = SPLIT_RULE
    test_fraction: float = 0.1
    test_count: int | None = None
    seed: int = 0

    def to_json(self) -> str:
        """As it is recorded."""
        return to_json(asdict(self))

    @classmethod
    def parse(cls, text: str, path: str | os.PathLike) -> PrepareOptions | None:
        """From a face set's attribute; None of "".

        Raises:
            InputError: the text is no such JSON.
        """
        if not text:
            return None
        try:
            record = Record(json.loads(text), "options")
            box, count = record.value("box"), record.value("test_count")
            return cls(
                size=record.whole("size", 1, MOST),
                box=None if box is None else _box(record),
                align=record.flag("align"),
                split_rule=record.text("split_rule"),
                test_fraction=record.number("test_fraction", 0, 1),
                test_count=None if count is None else record.whole("test_count", 0, MOST),
                seed=record.whole("seed", 0, MAX_SEED),
            )
        except (InputError, ValueError, RecursionError) as error:
            reason = error if isinstance(error, InputError) else "they are no JSON"
            raise InputError(f"{path} is damaged: its options can't be read ({reason})") from error


def _box(record: Record) -> tuple[int, int, int, int]:
    left, upper, right, lower = (int(side) for side in record.numbers("box", 4, 0, MOST))
    return left, upper, right, lower
