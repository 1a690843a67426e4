"""Files whose readers can't be trusted to stop: whatever a stranger wrote, only so much is read."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType

from facegen.errors import InputError

BODY_READS = 2_000_000  # pieces of a file that is looked through: 2 s


class BudgetedFile(io.RawIOBase):
    """A file from which only so much can be read, before `spend_freely` is called.

    Pillow keeps in memory what stands before a picture, whatever its length, and takes its time for
    every piece of it, whatever their number.
    """

    def __init__(self, path: Path, *, size: int, reads: int):
        """size: in bytes. reads: calls of `read`."""
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise InputError(error.strerror or str(error)) from error
        self._length = os.fstat(self._file.fileno()).st_size
        self._size: float = size
        self._reads: float = reads

    def spend_freely(self) -> None:
        """Lifts the limits."""
        self._size = self._reads = float("inf")

    def read(self, size: int | None = -1) -> bytes:
        """Some bytes, or all that are left.

        Raises:
            InputError: it is more than the budget; the message is the reason alone.
        """
        left = max(0, self._length - self._file.tell())
        size = left if size is None or size < 0 else min(size, left)
        self._reads -= 1
        if size > self._size or self._reads < 0:
            raise InputError("too much, or too many parts, for a file of facegen's")
        data = self._file.read(size)
        self._size -= len(data)
        return data

    def readable(self) -> bool:
        """As of any file."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()

    def close(self) -> None:
        """As of any file."""
        self._file.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_behind(path: Path, name: bytes, most: int) -> bytes:
    """At most so many bytes behind the first place where a file has `name`; none without one."""
    step, start = 1 << 20, b""
    with BudgetedFile(path, size=path.stat().st_size, reads=BODY_READS) as file:
        while part := file.read(step):
            _, found, rest = (start + part).partition(name)
            if found:
                return (rest + file.read(most))[:most]
            start = (start + part)[1 - len(name) :]
    return b""
