"""The explorer's server: in threads beside the main one, which waits for the signal to stop."""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from facegen.api.explore import Explorer
from facegen.errors import FacegenError, InputError

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")
OURS = ("127.0.0.1", "localhost", "::1")  # nobody else can listen in
BACKLOG = 64  # a browser that is faster than our imports waits here
TOKEN_BYTES = 16
WAIT_SECONDS = 0.5  # at a time: on Windows no signal ends a wait
STOP_SECONDS = 3.0  # for requests that are at work


@dataclass(frozen=True)
class Address:
    """A socket that listens, and the way to it.

    Attributes:
        host: as it was asked for.
        token: without which nobody is let in.
    """

    listener: socket.socket
    host: str
    token: str

    @property
    def port(self) -> int:
        """The number that was asked for, or that was free."""
        return int(self.listener.getsockname()[1])

    @property
    def name(self) -> str:
        """The host of the way there; this machine's name stands for all its addresses."""
        host = socket.gethostname() if self.host in EVERYWHERE else self.host
        return f"[{host}]" if ":" in host else host

    @property
    def url(self) -> str:
        """What the browser opens."""
        return f"http://{self.name}:{self.port}/{self.token}/"


def listen(host: str = LOOPBACK, port: int = 0) -> Address:
    """Listens before anything that takes time is imported; nobody is answered yet.

    Args:
        port: 0 for a free one.

    Raises:
        FacegenError: the port is taken.
        InputError: this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise InputError(f"--host {host}: {error.strerror}") from error
    except OSError as error:
        instead = "another --port, or none for a free one" if port else "another --host"
        raise FacegenError(
            f"can't listen at {host}:{port}: {os.strerror(error.errno or 0)}; choose {instead}"
        ) from error
    return Address(listener, host, secrets.token_urlsafe(TOKEN_BYTES))


class Service:
    """A server at work in a thread of its own; a context manager, which ends it.

    In a thread uvicorn leaves signals alone: the main one's handlers raise there
    (`facegen.signals`).
    """

    def __init__(self, explorer: Explorer, address: Address, on_bug: Callable[[Exception], object]):
        """Raises FacegenError if the extra is not installed."""
        check_installed()
        import uvicorn

        from facegen.web.app import Server
        from facegen.web.connections import MOST, TimedProtocol
        from facegen.web.guard import Door, Guard

        names = {"127.0.0.1", "localhost", address.name}
        door = Door(address.token, address.port, frozenset(names), address.host in OURS)
        config = uvicorn.Config(
            Guard(Server(explorer).app(), door, on_bug),
            http=TimedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([address.listener],), daemon=True
        )

    def wait(self) -> None:
        """Waits for the server's end, which a signal's exception brings."""
        while self._thread.is_alive():
            self._thread.join(WAIT_SECONDS)

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)


def check_installed() -> None:
    """Raises FacegenError if the extra is not installed."""
    for name in ("starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise FacegenError(f"the explorer needs {name}: pip install 'facegen[explore]'")


def serve(
    explorer: Explorer,
    address: Address,
    *,
    on_bug: Callable[[Exception], object] = lambda error: None,
) -> None:
    """Answers until an exception, such as that of a signal, ends the waiting of this thread.

    Args:
        on_bug: called with an error that nobody expected; the page is told that there was one.

    Raises:
        FacegenError: the extra is not installed.
    """
    with Service(explorer, address, on_bug) as service:
        explorer.warm_up()
        service.wait()
