"""Slow clients, and many at once: each is ended or told so, and others are served meanwhile."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest

from explorer_site import Site

app = pytest.importorskip("facegen.web.app", reason="needs facegen[explore]", exc_type=ImportError)
connections = pytest.importorskip("facegen.web.connections", reason="needs facegen[explore]")

SHORT, LONG = 0.3, 30.0  # seconds that the server waits, with the defence and without
FACE = json.dumps(
    {
        "points": [{"source": {"seed": 5, "row": 0}}],
        "look": {"decoder": "plain", "sharpen": None, "sampler": {}},
    }
)
Client = Callable[[Site, socket.socket], None]


def head(site: Site, path: str, length: int, kind: str = "application/json") -> bytes:
    """What comes before a body, and an empty line."""
    return (
        f"POST /{site.address.token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{site.address.port}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def says_nothing(site: Site, client: socket.socket) -> None:
    pass


def never_ends_its_head(site: Site, client: socket.socket) -> None:
    client.sendall(head(site, "faces", len(FACE))[:-2])


def sends_half_a_body(site: Site, client: socket.socket) -> None:
    client.sendall(head(site, "faces", len(FACE)) + FACE[:10].encode())


def sends_half_a_photo(site: Site, client: socket.socket) -> None:
    kind = "application/octet-stream"
    client.sendall(head(site, "photo?name=a.png", 1000, kind) + b"x")


def stops_after_an_answer(site: Site, client: socket.socket) -> None:
    """And begins another request, a letter of it."""
    client.sendall(head(site, "faces", len(FACE)) + FACE.encode())
    time.sleep(0.1)
    client.sendall(b"P")


SLOW: list[Client] = [
    says_nothing,
    never_ends_its_head,
    sends_half_a_body,
    sends_half_a_photo,
    stops_after_an_answer,
]


def be_patient(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Sets what the server waits for: TimedProtocol's seconds for a head, Limit's for a body."""
    monkeypatch.setattr(connections.TimedProtocol, "seconds", seconds)
    monkeypatch.setattr(app, "ASKED", replace(app.ASKED, seconds=seconds))
    monkeypatch.setattr(app, "PHOTO", replace(app.PHOTO, seconds=seconds))


def connect(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.address.port), timeout=5)


def end_of(client: socket.socket, seconds: float) -> bytes | None:
    """All that is answered until the connection ends; None if it doesn't in that time."""
    end, found = time.monotonic() + seconds, b""
    while select.select([client], [], [], max(0, end - time.monotonic()))[0]:
        try:
            part = client.recv(1 << 16)
        except OSError:  # it was reset
            return found
        if not part:
            return found
        found += part
    return None


@pytest.mark.parametrize("client", SLOW)
def test_a_slow_client_is_ended_by_a_limit_of_time(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
):
    be_patient(monkeypatch, SHORT)
    with connect(site) as connection:
        client(site, connection)
        assert site.ask("faces", FACE.encode()).status == 200
        answered = end_of(connection, 30)
        assert answered is not None
        assert b" 408 " in answered


@pytest.mark.parametrize("client", SLOW)
def test_without_a_limit_of_time_it_stays(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
):
    be_patient(monkeypatch, LONG)
    with connect(site) as connection:
        client(site, connection)
        assert end_of(connection, 3 * SHORT) is None


@contextmanager
def who_reads_nothing(site: Site) -> Iterator[socket.socket]:
    """64 answers of 64 faces, 12 MB, fill all buffers: the server waits for the client."""
    many = json.dumps({**json.loads(FACE), "points": [{"source": {"seed": 5, "row": 0}}] * 64})
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", site.address.port))
        connection.sendall((head(site, "faces", len(many)) + many.encode()) * 64)
        time.sleep(6 * SHORT)
        yield connection


def test_who_doesn_t_read_an_answer_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections.TimedProtocol, "work_seconds", 3 * SHORT)
    with who_reads_nothing(site) as connection:
        found = end_of(connection, 30)
        assert found is not None
        assert found.count(b"200 OK") < 64


def test_without_a_limit_of_time_who_doesn_t_read_stays(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections.TimedProtocol, "work_seconds", LONG)
    with who_reads_nothing(site) as connection:
        assert end_of(connection, 3 * SHORT) is None


# Many at once: more connections than the server takes, of five kinds.


def asks_for_faces(site: Site, client: socket.socket) -> None:
    client.sendall(head(site, "faces", len(FACE)) + FACE.encode())


MANY: list[Client] = [
    says_nothing,
    never_ends_its_head,
    sends_half_a_body,
    sends_half_a_photo,
    asks_for_faces,
]
MOST = 8


@contextmanager
def crowd(site: Site, client: Client) -> Iterator[list[socket.socket]]:
    """Three times as many connections as the server takes, all open."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(site)) for _ in range(3 * MOST)]
        for one in clients:
            with suppress(OSError):  # it was ended at once
                client(site, one)
        time.sleep(0.3)
        yield clients


def still_open(clients: list[socket.socket]) -> int:
    return sum(end_of(client, 0.01) is None for client in clients)


@pytest.mark.parametrize("client", MANY)
def test_connections_are_bounded_by_their_number(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections.TimedProtocol, "most", MOST // 2)
    with crowd(site, client) as clients:
        assert still_open(clients) <= MOST
    time.sleep(0.1)
    assert site.ask("faces", FACE.encode()).status == 200


@pytest.mark.parametrize("client", MANY)
def test_without_the_bound_they_all_stay(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections.TimedProtocol, "most", 1000)
    with crowd(site, client) as clients:
        assert still_open(clients) == 3 * MOST


def answer_in_a_crowd(site: Site) -> int:
    """The status of an answer while there are as many other connections as are served."""
    with ExitStack() as stack:
        for _ in range(connections.TimedProtocol.most):
            stack.enter_context(connect(site))
        return site.ask("about").status


def test_requests_above_the_bound_are_told_so(site: Site):
    assert answer_in_a_crowd(site) == 503
    time.sleep(0.2)
    assert site.ask("about").status == 200


def test_without_that_bound_they_are_answered(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    monkeypatch.setattr(connections, "MOST", 1000)  # which the server asks for when it starts
    assert answer_in_a_crowd(request.getfixturevalue("site")) == 200
