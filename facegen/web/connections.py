"""Connections with an end: uvicorn alone waits for a slow client for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 64  # connections, and requests at work; a browser opens six
SECONDS = 10.0  # in which a request's head must be there
WORK_SECONDS = 90.0  # in which a request must be answered, and its answer taken
LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class TimedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, that ends connections which don't get on, or are too many."""

    seconds, work_seconds, most = SECONDS, WORK_SECONDS, MOST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        if len(self.connections) > 2 * self.most:  # uvicorn answers those above `most` with 503
            transport.abort()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """A client has gone."""
        self._forget_deadline()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Something has come."""
        before: Any = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._forget_deadline()
            self._deadline = self.loop.call_later(self.work_seconds, self.transport.abort)

    def on_response_complete(self) -> None:
        """A request is answered: another may follow."""
        self._wait_for_head()
        super().on_response_complete()

    def _wait_for_head(self) -> None:
        self._forget_deadline()
        self._deadline = self.loop.call_later(self.seconds, self._end)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _end(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(LATE)
            self.transport.close()
            self._deadline = self.loop.call_later(1, self.transport.abort)  # if it doesn't read
