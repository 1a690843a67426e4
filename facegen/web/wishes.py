"""What the page asks for, as JSON of strangers: read, checked and bounded.

facegen/web/page/engine.js describes it. A number that the command line would refuse is refused.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from facegen.api.explore import Explorer, Look, Source, Wish
from facegen.errors import InputError
from facegen.images.sharpening import Sharpening
from facegen.io.records import Record
from facegen.latent.sampler_choice import SamplerChoice
from facegen.row_ranges import MAX_ROW
from facegen.seeds import MAX_SEED

MAX_FACES = 64  # of one request
MAX_LABELS = 1000
MAX_AMOUNT = 100.0
LARGEST = 1000.0  # radii and factors
LEAST = 1e-6  # of what must be above 0


def _refuse_constant(name: str) -> NoReturn:
    raise InputError(f"{name} is no JSON")


def read_json(body: bytes) -> Record:
    """A JSON object, without NaN and infinity.

    Raises:
        InputError: it is none.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError
        raise InputError("the request is no JSON") from error
    return Record(value, "body", complaint="the request can't be answered")


def read_wishes(request: Record, explorer: Explorer) -> tuple[list[Wish], Look]:
    """The faces that are asked for, at least one.

    Raises:
        InputError: something else, or too much, is asked for.
    """
    wishes = [_wish(point) for point in request.records("points", MAX_FACES)]
    if not wishes:
        raise InputError("the request asks for no face")
    return wishes, _look(request.record("look"), explorer)


def read_source(record: Record) -> Source:
    """Where a point comes from.

    Raises:
        InputError: it is another thing.
    """
    if "photo" in record:
        return Source(photo=record.text("photo", longest=64))
    if "stored" in record:
        return Source(row=record.whole("stored", 0, MAX_ROW))
    return Source(record.whole("seed", 0, MAX_SEED), record.whole("row", 0, MAX_ROW))


def _wish(record: Record) -> Wish:
    attribute = {}
    if record.value("attribute", {}):
        amounts = record.amounts("attribute", MAX_LABELS, MAX_AMOUNT)
        attribute = {name: float(amount) for name, amount in amounts.items()}
    place: tuple[float, ...] = ()
    if "corners" in record:
        sources = [read_source(corner) for corner in record.records("corners", 4)]
        if len(sources) not in (2, 4):
            raise record.fail("corners", "2 or 4 sources")
        place = _floats(record, "at", 1)[: len(sources) // 2]
    else:
        sources = [read_source(record.record("source"))]
    return Wish(
        tuple(sources),
        place,
        attribute,
        tuple(record.texts("without", MAX_LABELS) if "without" in record else ()),
        _optional(record, "radius", LEAST),
    )


def _optional(record: Record, name: str, least: float, most: float = LARGEST) -> float | None:
    """A number, or None where it is null or missing."""
    return None if record.value(name, None) is None else float(record.number(name, least, most))


def _floats(record: Record, name: str, most: float) -> tuple[float, ...]:
    """Two numbers in 0..most, recorded as those of the command line."""
    return tuple(float(number) for number in record.numbers(name, 2, 0, most))


def _look(record: Record, explorer: Explorer) -> Look:
    sharpness = _optional(record, "sharpen", 0)
    return Look(
        record.text("decoder", choices=tuple(explorer.codecs)),
        Sharpening(sharpness),
        _sampler(record.record("sampler"), explorer),
    )


def _sampler(record: Record, explorer: Explorer) -> SamplerChoice:
    values: dict[str, Any] = {
        name: _optional(record, name, LEAST) for name in ("sigma", "r_limit", "radius")
    }
    if "radius_percentile" in record:
        low, high = _floats(record, "radius_percentile", 100)
        if low > high:
            raise record.fail("radius_percentile", "two percentiles, the smaller first")
        values["radius_percentile"] = (low, high)
    if "fitted" in record and record.flag("fitted"):
        if explorer.files.sampler is None:
            raise InputError("there is no fitted sampler; give one with --sampler")
        values["sampler"] = explorer.files.sampler
    return SamplerChoice(truncation=_optional(record, "truncation", LEAST, 1), **values)
