"""Who may talk to the explorer, and what every answer says: around all else that serves.

Other programs' pages in the same browser can send requests to this machine, too, and a name of
theirs may lead here (DNS rebinding). So an address has a token that they don't know; a request
must name this server (Host) and come from its own page (Origin, Sec-Fetch-Site); and no answer
may be framed, or read by another origin. Source: OWASP's cheat sheets on CSRF and CSP.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from facegen.strict_json import to_json

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
        names: by which this server may be called.
        is_private: whether it is only for this machine.
    """

    token: str
    port: int
    names: frozenset[str]
    is_private: bool = True

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the reason why a request is not let in, or None."""
        if not self.is_for_us(scope):
            return 421, "this server has another name; open the address that it printed"
        if not self.is_from_us(scope):
            return 403, "another page may not use the explorer"
        if not self.has_token(scope):
            return 403, "open the address that facegen explore printed, with all that is in it"
        return None

    def is_for_us(self, scope: Scope) -> bool:
        """Whether Host is this server: a name that leads here by another's doing is not.

        Rebinding needs a name, so where the server was given to the network an address will do.
        """
        hosts = _values(scope, b"host")
        name, _, port = hosts[0].rpartition(":") if len(hosts) == 1 else ("", "", "")
        if port != str(self.port):
            return False
        return name in self.names or (not self.is_private and _is_address(name.strip("[]")))

    def is_from_us(self, scope: Scope) -> bool:
        """Whether no other origin's page has sent the request, or led here."""
        ours = f"http://{_values(scope, b'host')[0]}"
        return all(origin == ours for origin in _values(scope, b"origin")) and all(
            site in ("same-origin", "none") for site in _values(scope, b"sec-fetch-site")
        )

    def has_token(self, scope: Scope) -> bool:
        """Whether the first part of the path is the token."""
        given, _ = _split(scope)
        return secrets.compare_digest(given.encode(errors="replace"), self.token.encode())


def _values(scope: Scope, wanted: bytes) -> list[str]:
    """The values of a header."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]


def _split(scope: Scope) -> tuple[str, str]:
    """The first part of a path, and the rest of it, which begins with a slash."""
    first, slash, rest = str(scope["path"])[1:].partition("/")
    return first, slash + rest or "/"


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
        if scope["type"] != "http":
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        refusal = self.door.refusal(scope)
        if refusal is not None:
            await answer(guarded, *refusal)
            return
        _, inner = _split(scope)
        try:
            await self.app({**scope, "path": inner}, receive, guarded)
        except Exception as error:  # a bug: it is told here, and the page has its answer already
            self.on_bug(error)


async def answer(send: Send, status: int, reason: str) -> None:
    """Answers with an error, as JSON, and ends the connection: what comes after is not read."""
    body = to_json({"error": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
