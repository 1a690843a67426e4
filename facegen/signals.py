"""SIGHUP, SIGINT and SIGTERM as one exception, which gets through."""

from __future__ import annotations

import _thread
import signal
import sys
import time
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeVar

RETRY = 0.2  # seconds
NAMES = ("SIGHUP", "SIGINT", "SIGTERM")
REASONS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
TIMERS = (signal.SIGALRM,) if hasattr(signal, "setitimer") else ()  # Windows has none
UNDISTURBED: set[CodeType] = set()

Function = TypeVar("Function", bound=Callable)


def undisturbed(function: Function) -> Function:
    """Decorates a short function that must run to its end, such as one that cleans up."""
    UNDISTURBED.add(function.__code__)
    return function


class Stopped(BaseException):
    """A signal arrived; raised so that open outputs clean up behind themselves."""


def _call_again(number: int) -> None:
    """Has the handler called again soon: by a timer, or by a thread where there is none.

    Not by `threading`: a handler must not wait for a lock that what it interrupts may hold.
    """
    if TIMERS:
        signal.setitimer(signal.ITIMER_REAL, RETRY)
    else:
        _thread.start_new_thread(_wait_and_call, (number,))


def _wait_and_call(number: int) -> None:
    time.sleep(RETRY)
    _thread.interrupt_main(signal.Signals(number))  # does nothing once it is ignored


class StopSignals:
    """Raises Stopped at SIGHUP, SIGINT and SIGTERM, until it has come out at the top.

    Once is not enough: Python drops an exception that comes up while C code calls back, such as
    in an import of an extension or in a destructor. So a timer raises another, unless the first
    is on its way: then an exception handler or a `finally` is at work. What is `undisturbed` is
    waited for.

    Attributes:
        number: of the signal that arrived first; 0 if none did.
    """

    def __init__(self) -> None:
        self.number = 0

    def install(self) -> None:
        """From now on signals raise; those that are ignored, as by nohup, stay so."""
        self._unraisable_hook, sys.unraisablehook = sys.unraisablehook, self._drop_quietly
        self._except_hook, sys.excepthook = sys.excepthook, self._print_others
        for number in TIMERS:
            signal.signal(number, self._raise)
        for number in REASONS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._raise)

    def finish(self) -> None:
        """From now on nothing raises: the program ends."""
        for number in (*REASONS, *TIMERS):
            signal.signal(number, signal.SIG_IGN)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.number = self.number or number
        _call_again(number)
        error = sys.exception()
        while error is not None:
            if isinstance(error, Stopped):
                return
            error = error.__context__
        while frame is not None:
            if frame.f_code in UNDISTURBED:
                return
            frame = frame.f_back
        raise Stopped

    def _drop_quietly(self, unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Stopped):
            self._unraisable_hook(unraisable)

    def _print_others(self, kind: type, error: BaseException, lines: TracebackType | None) -> None:
        """What C code prints of an exception before it drops it (PyErr_Print)."""
        if not isinstance(error, Stopped):
            self._except_hook(kind, error, lines)
