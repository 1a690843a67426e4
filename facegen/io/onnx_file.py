"""What an ONNX model of facegen's says of itself, without a library for ONNX.

An ONNX file is a message of Protocol Buffers: fields one after another, each a number with its
kind, then a whole number or a length and as many bytes. Field 14 of a model, which may be there
several times, is a pair of key (1) and value (2); the key "facegen" has the provenance, as JSON.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facegen.errors import InputError
from facegen.io.budgets import BudgetedFile
from facegen.io.provenance import MAX_PROVENANCE_BYTES, parse_provenance

FORMAT = "facegen-onnx"
OPSET, IR_VERSION = 17, 8  # of 2022: ONNX Runtime 1.12 and what came with it read them
KEY = "facegen"  # of the provenance
BEGINNING = bytes([8, IR_VERSION, 18, 7]) + b"facegen"  # the version, and who wrote it
METADATA = 14
MOST_READS = 100_000


def _number(file: io.RawIOBase | io.BytesIO) -> int:
    """A whole number of seven bits a byte, the lowest first; the last byte is below 128."""
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise InputError("the ONNX model is damaged")


def _fields(file: io.RawIOBase | io.BytesIO, end: int) -> Iterator[tuple[int, int]]:
    """Yields the number of each field of bytes and its length; the file is at its content then."""
    while file.tell() < end:
        number, kind = divmod(_number(file), 8)
        length = _number(file)
        if kind == 2:
            after = file.tell() + length
            yield number, length
            file.seek(after)
        elif kind != 0:
            raise InputError("the ONNX model is damaged")


def read_onnx_info(path: Path) -> dict[str, Any]:
    """The provenance of a model that begins as `BEGINNING`.

    Raises:
        InputError: damaged; the message is the reason alone.
    """
    size = 2 * MAX_PROVENANCE_BYTES
    with BudgetedFile(path, size=size, reads=MOST_READS) as file:
        for number, length in _fields(file, path.stat().st_size):
            if number != METADATA:
                continue
            pair = io.BytesIO(file.read(length) or b"")
            texts = {of: pair.read(n).decode(errors="replace") for of, n in _fields(pair, length)}
            if texts.get(1) == KEY:
                return {"kind": FORMAT, "provenance": parse_provenance(texts.get(2, ""))}
    raise InputError("the ONNX model carries no provenance")
