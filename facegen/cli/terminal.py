"""Standard input, output and error, in whatever state a run is given them.

Each may be closed, on a full disk, or a pipe whose reader has left; and what is printed may hold
names from strangers, with control characters in them.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self, TextIO

from facegen.errors import FacegenError, InputError
from facegen.strict_json import to_json_line


class StandardOutputError(FacegenError):
    """Standard output takes no more.

    Attributes:
        closed: it was closed from the start.
        reader_left: it is a pipe or a socket whose reader has had enough.
    """

    def __init__(self, error: OSError):
        super().__init__(f"cannot write to standard output: {error.strerror}")
        self.closed = error.errno == errno.EBADF
        self.reader_left = isinstance(error, ConnectionError)


def printable(text: str, *, keep: str = "") -> str:
    """Text on one line of a terminal: control characters and other odd ones as escapes."""
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


class _Descriptor(io.RawIOBase):
    """A standard descriptor, to write to. It falls silent with its first error.

    Nothing that is lost on stderr is worth an error; of stdout, whoever writes decides.
    """

    def __init__(self, number: int, *, closed: bool = False):
        self._number = number
        self._error = OSError(errno.EBADF, "it is closed") if closed else None
        self._silent = False

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self._silent:
            try:
                if self._error:
                    raise self._error
                return self._write(data)
            except OSError as error:
                self._silent = True
                if self._number == 1:
                    raise StandardOutputError(error) from error
        return len(data)

    def _write(self, data: Any) -> int:
        while True:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # other programs on the terminal may have set O_NONBLOCK
                select.select([], [self._number], [])


class _Text(io.TextIOWrapper):
    """Text for people: of control characters, only tabs and line breaks get through.

    So a warning of a library, a traceback or a usage error can't draw on a terminal either.
    """

    def write(self, text: str) -> int:
        super().write(text if text.isprintable() else printable(text, keep="\t\n"))
        return len(text)


def _open_closed() -> None:
    """Puts the null device where a standard descriptor is closed.

    The next file that is opened would get that number, and what others print would end in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number


def _open(number: int, stream: TextIO | None) -> _Text:
    buffer = io.BufferedWriter(_Descriptor(number, closed=stream is None))
    encoding = stream.encoding if stream else "utf-8"
    return _Text(buffer, encoding, errors="backslashreplace", line_buffering=True)


def _error_number() -> int:
    """The descriptor of stderr, which is not 2 where `facegen.notices` keeps that for C++."""
    return sys.stderr.fileno() if sys.stderr else 2


@contextmanager
def standard_streams() -> Iterator[None]:
    """Makes stdout and stderr streams that are safe to write to, whatever they are.

    Writing to stdout raises StandardOutputError once, writing to stderr nothing.
    """
    before = sys.stdout, sys.stderr
    _open_closed()
    sys.stdout, sys.stderr = _open(1, sys.stdout), _open(_error_number(), sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def bars() -> TextIO:
    """Standard error for progress bars, which move the cursor by control characters."""
    buffer = io.BufferedWriter(_Descriptor(sys.stderr.fileno()))
    return io.TextIOWrapper(buffer, sys.stderr.encoding, line_buffering=True)


def _as_bytes(text: str) -> bytes:
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:  # a name in a file, with letters that this locale lacks
        return text.encode(sys.getfilesystemencoding(), errors="backslashreplace")


def write_records(lines: Iterable[str]) -> None:
    """Lines for programs on stdout: names as the bytes that they are, on a terminal as escapes."""
    if sys.stdout.isatty():
        text = "".join(f"{printable(line, keep=chr(9))}\n" for line in lines)
        data = text.encode(sys.stdout.encoding, errors="backslashreplace")
    else:
        data = _as_bytes("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_messages(lines: Iterable[str]) -> None:
    """Lines on stderr."""
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    sys.stderr.flush()


class Console:
    """Results to stdout, everything else to stderr; progress only on a terminal."""

    def __init__(self, quiet: bool, as_json: bool = False):
        self.quiet = quiet
        self.as_json = as_json
        self._bar: Any = None

    def say(self, *lines: str) -> None:
        """A message on stderr, unless --quiet."""
        if not self.quiet:
            self._write(lines)

    def seed(self, seed: int) -> None:
        """Tells the seed that was drawn."""
        self.say(f"seed {seed}")

    def advise(self, message: str) -> None:
        """Tells of what is likely not wanted, unless --quiet."""
        self.say(f"facegen: {message}")

    def warn(self, message: str) -> None:
        """A message of one line on stderr, --quiet or not."""
        self._write([f"facegen: {message}"])

    def skip(self, name: str, reason: str) -> None:
        """Warns of an input that is skipped."""
        self.warn(f"skipped {name}: {reason}")

    def _write(self, lines: Iterable[str]) -> None:
        with self._above_bar():
            write_messages(lines)

    def _above_bar(self) -> AbstractContextManager[None]:
        if self._bar is None:  # a bar without a total has no truth value
            return nullcontext()
        return self._bar.external_write_mode(self._bar.fp)

    def result(self, path: Path, **summary: Any) -> None:
        """The path written, or with --json one JSON object on one line.

        The work is done, so that nobody can be told is no error.
        """
        line = to_json_line({"path": str(path), **summary}) if self.as_json else str(path)
        try:
            with self._above_bar():
                write_records([line])
        except StandardOutputError as error:
            if not (error.closed or error.reader_left):
                self.warn(f"{error}; {path} is written")

    def answer(self, found: Any, text: Callable[[Any], Iterable[str]]) -> None:
        """What a command that writes no file found out: lines for people, or with --json JSON.

        Raises:
            StandardOutputError: it can't be written.
        """
        write_records([to_json_line(found)] if self.as_json else map(printable, text(found)))

    @contextmanager
    def progress(
        self, total: int | None, unit: str, *, initial: int = 0, layout: str | None = None
    ) -> Iterator[Callable[[int], Any]]:
        """Gives a function that counts items up, on a bar if stderr is a terminal.

        Args:
            initial: how many of the items an earlier run has done.
            layout: of the bar, as tqdm's `bar_format`, with whole numbers of items.
        """
        if self.quiet or not sys.stderr.isatty():
            yield lambda done: None
            return
        from tqdm import tqdm

        file = bars()
        with tqdm(
            total=total,
            initial=initial,
            unit=unit,
            unit_scale=layout is None,
            bar_format=layout,
            dynamic_ncols=True,
            file=file,
        ) as self._bar:
            yield self._bar.update
        self._bar = None

    def describe(self, before: str, behind: str) -> None:
        """Sets what stands before and behind the bar, if there is one."""
        if self._bar is not None:
            self._bar.set_description_str(before, refresh=False)
            self._bar.set_postfix_str(behind, refresh=False)


class Bars:
    """Progress bars one after the other, each begun when its total is known."""

    def __init__(self, console: Console):
        self._console = console
        self._stack = ExitStack()
        self._update: Callable[[int], object] = lambda done: None

    def start(
        self, total: int | None, unit: str, *, initial: int = 0, layout: str | None = None
    ) -> None:
        """Begins a bar, below the last one; see `Console.progress`."""
        bar = self._console.progress(total, unit, initial=initial, layout=layout)
        self._update = self._stack.enter_context(bar)

    def count(self, done: int) -> None:
        """Counts items up on the last bar."""
        self._update(done)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()


def read_stdin() -> bytes:
    """All of standard input.

    Raises:
        InputError: it is closed, or can't be read.
    """
    if sys.stdin is None:
        raise InputError("standard input is closed; '-' stands for what it holds")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(f"cannot read standard input: {error.strerror}") from error
