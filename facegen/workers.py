"""Work shared out among processes, in order and in flat memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from PIL import Image

from facegen.errors import FacegenError
from facegen.notices import are_hidden, hide_notices
from facegen.signals import REASONS

Result = TypeVar("Result")

KILLED = (
    "a worker process was killed, perhaps for want of memory; try --workers 1 or a smaller "
    "--max-pixels"
)
UNGUARDED = (
    "no worker process could start: each imports the script that began all; put what the script "
    "does under if __name__ == '__main__':, or give workers=1"
)


def stop_half_started() -> None:
    """Ends a worker that would start workers itself, because it imports an unguarded script.

    Call it before work that needs workers, so that none of it is done; the parent says why.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)


def _start_worker(begun: Event, notices_are_hidden: bool) -> None:
    """A worker leaves what a terminal signals to its parent, and ends when that is gone."""
    for number in REASONS:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, REASONS)
    begun.set()
    if notices_are_hidden:
        hide_notices()
    Image.MAX_IMAGE_PIXELS = None  # this process is ours alone; what it decodes has limits
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Holds signals back: a process started here would take them as its parent does, and say so."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, REASONS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def map_in_workers(
    function: Callable[..., Result],
    items: Iterable,
    options: Iterable[Any] = (),
    *,
    workers: int,
) -> Iterator[Result]:
    """Yields function(item, *options) in the items' order, with only a few of them in memory.

    Raises:
        FacegenError: a worker was killed, or none could start.
    """
    if workers == 1:
        for item in items:
            yield function(item, *options)
        return
    context = multiprocessing.get_context()
    begun = context.Event()
    with ProcessPoolExecutor(
        workers, context, initializer=_start_worker, initargs=(begun, are_hidden())
    ) as pool:
        pending: deque[Future] = deque()
        try:
            for item in items:
                with _signals_wait():
                    pending.append(pool.submit(function, item, *options))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            unguarded = context.get_start_method() != "fork" and not begun.is_set()
            raise FacegenError(UNGUARDED if unguarded else KILLED) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
