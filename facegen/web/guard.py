"""Who may talk to the explorer, and what every answer says: around all else that serves.

Other programs' pages in the same browser can send requests to this machine, too, and a name of
theirs may lead here (DNS rebinding). So an address has a token that they don't know; a request
must name this server (Host) and come from its own page (Origin, Sec-Fetch-Site); and no answer
may be framed, or read by another origin. Source: OWASP's cheat sheets on CSRF and CSP.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


@dataclass(frozen=True)
class Door:
    """What a request must have to be let in.

    Attributes:
        token: the first part of every path.
        port: of the server, which Host names.
        host: the address or name that the server was told to listen at.
    """

    token: str
    port: int
    host: str

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the reason why a request is not let in, or None."""
        headers = scope["headers"]
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 421, "this server has another name; open the address that it printed"
        for name, value in headers:
            if name == b"origin" and value.decode("latin-1") != f"http://{hosts[0]}":
                return 403, "another page may not use the explorer"
            if name == b"sec-fetch-site" and value not in (b"same-origin", b"none"):
                return 403, "another page may not use the explorer"
        if not secrets.compare_digest(self.path_token(scope).encode(), self.token.encode()):
            return 403, "open the address that facegen explore printed, with all that is in it"
        return None

    def path_token(self, scope: Scope) -> str:
        """The first part of a path."""
        return str(scope["path"]).lstrip("/").partition("/")[0]

    def _is_ours(self, host: str) -> bool:
        """Whether Host is this server: a name that leads here by another's doing is not.

        Rebinding needs a name, so where the server was given to the network an address will do.
        """
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        if name in ("127.0.0.1", "localhost", self.host, f"[{self.host}]"):
            return True
        return self.host not in ("127.0.0.1", "localhost") and _is_address(name.strip("[]"))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Guard:
    """An application that lets in what `door` lets in, and answers every error in one line.

    Attributes:
        on_bug: called with an error that nobody expected.
    """

    app: Application
    door: Door
    on_bug: Callable[[Exception], object]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, as an ASGI application does."""
        begun = False

        async def guarded(message: Any) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        if scope["type"] != "http":
            return
        refusal = self.door.refusal(scope)
        if refusal is not None:
            await answer(guarded, *refusal)
            return
        inner = str(scope["path"]).lstrip("/").removeprefix(self.door.token) or "/"
        try:
            await self.app({**scope, "path": inner}, receive, guarded)
        except Exception as error:  # a bug: told once, here, and not to the page
            self.on_bug(error)
            if not begun:
                await answer(guarded, 500, "an error of facegen's; the terminal says more")


async def answer(send: Send, status: int, reason: str) -> None:
    """Answers with an error, as JSON, and ends the connection: what comes after is not read."""
    body = json.dumps({"error": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
