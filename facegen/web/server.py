"""The explorer's server: in threads beside the main one, which waits for the signal to stop."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from facegen.api.explore import Explorer
from facegen.errors import FacegenError, InputError

LOOPBACK = "127.0.0.1"
BACKLOG = 64  # a browser that is faster than our imports waits here
TOKEN_BYTES = 16
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
    def url(self) -> str:
        """What the browser opens."""
        every = {"0.0.0.0": socket.gethostname, "::": socket.gethostname}
        host = every.get(self.host, lambda: self.host)()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/{self.token}/"


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


def serve(
    explorer: Explorer,
    address: Address,
    *,
    on_bug: Callable[[Exception], object] = lambda error: None,
) -> None:
    """Answers until a signal or an exception ends the waiting of this thread.

    Raises:
        FacegenError: the extra is not installed.
    """
    try:
        import uvicorn

        from facegen.web.app import Server
        from facegen.web.connections import MOST, TimedProtocol
    except ImportError as error:
        raise FacegenError(
            f"the explorer needs {error.name}: pip install 'facegen[explore]'"
        ) from error
    from facegen.web.guard import Door, Guard

    door = Door(address.token, address.port, address.host)
    config = uvicorn.Config(
        Guard(Server(explorer).app(), door, on_bug),
        http=TimedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    # In a thread uvicorn leaves signals alone: the main one's handlers raise there (facegen.signals).
    thread = threading.Thread(target=server.run, args=([address.listener],), daemon=True)
    thread.start()
    try:
        explorer.warm_up()
        thread.join()
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
