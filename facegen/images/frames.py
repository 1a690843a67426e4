"""How long the frames of an animation are shown, read without decoding one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from facegen.errors import InputError

MAX_FRAMES = 100_000  # of an animation: fifty faces with a thousand steps, there and back
GIF_TICK = 10  # milliseconds


def frame_durations(file: IO[bytes], kind: str) -> list[int]:
    """The duration of every frame of an animation, in milliseconds.

    Args:
        file: open for reading.
        kind: "GIF" or "WEBP".

    Raises:
        InputError: it has more than 100,000 frames; the message is the reason alone.
    """
    durations = []
    file.seek(0)
    for duration in {"GIF": _gif_durations, "WEBP": _webp_durations}[kind](file):
        durations.append(duration)
        if len(durations) > MAX_FRAMES:
            raise InputError(f"it has more than {MAX_FRAMES} frames")
    return durations


def _skip_colours(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << (flags & 7) + 1, 1)


def _skip_blocks(file: IO[bytes]) -> None:
    while size := file.read(1):
        if size == b"\0":
            return
        file.seek(size[0], 1)


def _gif_durations(file: IO[bytes]) -> Iterator[int]:
    """Source: the GIF 89a specification; delays stand in a block before their frame."""
    header = file.read(13)
    _skip_colours(file, header[10] if len(header) == 13 else 0)
    delay = 0
    while kind := file.read(1):
        if kind == b"," and len(frame := file.read(9)) == 9:
            yield delay * GIF_TICK
            _skip_colours(file, frame[8])
            file.seek(1, 1)  # the size of the codes
            _skip_blocks(file)
        elif kind == b"!":
            if file.read(1) == b"\xf9" and len(control := file.read(5)) == 5:
                delay = int.from_bytes(control[2:4], "little")
            _skip_blocks(file)
        elif kind == b";":
            return


def _webp_durations(file: IO[bytes]) -> Iterator[int]:
    """Source: the WebP container specification; a frame is a chunk ANMF."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        end = file.tell() + size + size % 2
        if head[:4] == b"ANMF":
            yield int.from_bytes(file.read(16)[12:15], "little")
        file.seek(end)
