"""python stop_at_lines.py COUNT ARGUMENT...: stops a facegen command at COUNT of its lines.

Each run is a fork of this process in the working folder, which gets a signal at another line.
Prints what is wrong: an exit code or a message that should not be, a file that is left behind,
an output that is neither whole nor gone on with by the same command.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import random
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import ai_edge_litert.interpreter  # noqa: F401  so that a fork need not import them
import h5py
import PIL.PngImagePlugin  # noqa: F401

import facegen
from facegen.__main__ import main as facegen_main

HOME = Path(facegen.__file__).parent
UNTRACED = {str(HOME / name) for name in ("__main__.py", "signals.py")}
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Visit = Callable[[str], object]


def trace_lines(visit: Visit) -> None:
    """From now on calls `visit` with the place of each line of a function of facegen."""

    def in_function(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            visit(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return in_function

    def at_call(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        ours = code.co_filename.startswith(str(HOME)) or code.co_filename == contextlib.__file__
        is_function = code.co_flags & inspect.CO_OPTIMIZED
        return in_function if ours and is_function and code.co_filename not in UNTRACED else None

    sys.settrace(at_call)


def run(
    arguments: list[str], visit: Visit, at_end: Callable[[], object] = lambda: None
) -> tuple[int, str]:
    """Runs the command in a fork; returns its exit code and what it says on stderr."""
    with tempfile.TemporaryFile("w+") as errors:
        process = os.fork()
        if process == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(errors.fileno(), 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
            sys.argv = ["facegen", *arguments]
            try:
                trace_lines(visit)
                facegen_main()
            except SystemExit as end:
                sys.settrace(None)
                at_end()
                os._exit(int(end.code or 0))
            except BaseException:
                sys.settrace(None)
                traceback.print_exc()
            finally:
                os._exit(99)
        _, status = os.waitpid(process, 0)
        errors.seek(0)
        return os.waitstatus_to_exitcode(status), errors.read()


def content(path: Path) -> Any:
    """A file's bytes; of HDF5, which notes the time, the datasets."""
    if path.suffix != ".h5":
        return path.read_bytes()
    found = {}
    with h5py.File(path) as file:
        for name, data in file.items():
            found[name] = data[()].tolist() if data.dtype == object else data[()].tobytes()
    return found


def files() -> dict[str, Any]:
    """What lies in the working folder, and is no link, by name."""
    paths = (path for path in Path().rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path): content(path) for path in paths}


def run_whole(arguments: list[str]) -> dict[str, int]:
    """Runs the command to its end; returns how often each line is visited."""
    visits: Counter[str] = Counter()
    with tempfile.NamedTemporaryFile("w+") as file:

        def at_end() -> None:
            json.dump(visits, file)
            file.flush()

        ended = run(arguments, lambda place: visits.update([place]), at_end)
        assert ended[0] == 0, ended
        file.seek(0)
        return json.load(file)


def stop_at(place: str, visit: int, number: int) -> Visit:
    """Sends this process a signal at a visit of a place."""
    visits = 0

    def count(found: str) -> None:
        nonlocal visits
        visits += found == place
        if visits == visit and found == place:
            os.kill(os.getpid(), number)

    return count


def wrongs(arguments: list[str], number: int, ended: tuple[int, str], whole: dict) -> list[str]:
    """What is wrong after a run that was stopped; removes what it left."""
    code, said = ended
    wrong = []
    if code not in (0, 128 + number) or "Traceback" in said or "ignored" in said:
        wrong.append(f"exit code {code}, {said!r}")
    left = files()
    wrong += [f"{name} is left" for name in left.keys() - whole.keys()]
    if any(left[name] != whole[name] for name in left.keys() & whole.keys()):
        code, said = run(arguments, lambda place: None)
        if code or files() != whole:
            wrong.append(f"the output can't be gone on with: exit code {code}, {said!r}")
    for name in files():
        Path(name).unlink()
    return wrong


def main(count: int, arguments: list[str]) -> None:
    assert not files()
    visits = run_whole(arguments)
    whole = files()
    for name in whole:
        Path(name).unlink()
    chance = random.Random(0)
    for place in chance.sample(sorted(visits), count):
        number = chance.choice(SIGNALS)
        ended = run(arguments, stop_at(place, chance.randint(1, visits[place]), number))
        for wrong in wrongs(arguments, number, ended, whole):
            print(f"{place}: {wrong}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
