"""Hostile requests: each kind has a defence, and gets through once that is taken away.

Five of a kind; every request is made twice, with its defence and without.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from explorer_site import Answer, Site
from facegen.api import explore
from facegen.io.records import Record
from facegen.web import wishes
from facegen.web.guard import Door

app = pytest.importorskip("facegen.web.app", reason="needs facegen[explore]", exc_type=ImportError)
bodies = pytest.importorskip("facegen.web.bodies", reason="needs facegen[explore]")

LOOK: dict[str, Any] = {"decoder": "plain", "sharpen": None, "sampler": {}}
FACE: dict[str, Any] = {"points": [{"source": {"seed": 5, "row": 0}}], "look": LOOK}
BYTES = {"Content-Type": "application/octet-stream"}
Send = Callable[[Site], Answer]


@dataclass(frozen=True)
class Kind:
    """A kind of attack.

    Attributes:
        defence: what holds it off, to read.
        requests: five of it.
        is_refused: whether an answer is the defence's.
        remove: takes the defence away.
    """

    defence: str
    requests: list[Send]
    is_refused: Callable[[Answer], bool]
    remove: Callable[[pytest.MonkeyPatch], None]


def status(number: int, words: str = "") -> Callable[[Answer], bool]:
    return lambda answer: answer.status == number and words in answer.error


def faces(value: Any, **headers: str) -> Send:
    """A request for faces; text is sent as it stands."""
    body = value.encode() if isinstance(value, str) else value
    return lambda site: site.ask("faces", body, headers=headers)


def photo(data: bytes) -> Send:
    return lambda site: site.ask("photo?name=a.png", data, headers=BYTES)


# Huge bodies: JSON that would be answered but for its size, sent in all ways there are.

SIZE = app.ASKED.size
LARGE = json.dumps(FACE) + " " * SIZE


def in_chunks(text: str) -> Send:
    """Without Content-Length: the size is known once it is there."""
    body = text.encode()
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in (body[start : start + 9000] for start in range(0, len(body), 9000))
    )
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    return lambda site: site.ask("faces", chunks + b"0\r\n\r\n", headers=headers)


HUGE = [
    faces(LARGE),
    faces(json.dumps({**FACE, "more": "x" * SIZE})),
    in_chunks(LARGE),
    lambda site: site.ask("original", b'{"stored": 17}' + b" " * SIZE),
    lambda site: site.ask("save", LARGE.encode()),
]


def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ASKED", bodies.Limit(app.ASKED.kind, 10**12, 10.0))


# Bombs: a few bytes that say of themselves that they become gigabytes.


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def saved(kind: str, size: tuple[int, int]) -> bytes:
    content = io.BytesIO()
    Image.new("1" if kind == "TIFF" else "L", size).save(content, format=kind)
    return content.getvalue()


WEBP = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x1f\x1c\0\x1f\x1c\0" + bytes(10)
BOMBS = [
    photo(png(60_000, 900)),
    photo(png(7200, 7200)),
    photo(WEBP),
    photo(saved("TIFF", (7200, 7200))),
    photo(saved("GIF", (7200, 7200))),
]


def any_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "MAX_PHOTO_PIXELS", 70_000_000)  # enough to show; not to suffer


# Traversal: a server of files would give its own source, or the machine's.


def path(text: str) -> Send:
    return lambda site: site.ask(text)


PATHS = ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "page/../../app.py", "./../guard.py"]


class Disk(dict):
    """What looks the names of requests up on the disk."""

    def __contains__(self, name: object) -> bool:
        return (app.PAGE / str(name)).resolve().is_file()

    def __missing__(self, name: str) -> Any:
        return app.Response((app.PAGE / name).read_bytes())


def from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "page_files", Disk)


# Wrong types, where numbers, texts, lists and objects are expected.

WRONG = [
    faces({**FACE, "look": {**LOOK, "decoder": 7}}),
    faces({**FACE, "points": [{"source": {"seed": "5", "row": 0}}]}),
    faces({**FACE, "points": [{"source": {"seed": 5, "row": True}}]}),
    faces({**FACE, "look": {**LOOK, "sharpen": [3]}}),
    faces({**FACE, "points": [{"source": {"seed": 5, "row": 0}, "attribute": {"Male": "1"}}]}),
]


def any_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def trust(self: Record, name: str, *_: Any, **__: Any) -> Any:
        return self.value(name)

    for name in ("whole", "number", "text", "items"):
        monkeypatch.setattr(Record, name, trust)
    monkeypatch.setattr(Record, "amounts", lambda self, name, *_: self.value(name))


# NaN and infinity, which Python's JSON reads, and which are in no range.


def edited(text: str) -> Send:
    """FACE with something else in it, as text: `json.dumps` would not write it."""
    point = '{"source": {"seed": 5, "row": 0}, ' + text + "}"
    return faces('{"points": [' + point + '], "look": ' + json.dumps(LOOK) + "}")


NANS = [
    edited('"radius": NaN'),
    edited('"radius": Infinity'),
    edited('"attribute": {"Smiling": NaN}'),
    edited('"attribute": {"Smiling": -Infinity}'),
    faces(
        '{"points": [{"corners": [{"seed": 5, "row": 0}, {"seed": 5, "row": 1}], "at": [NaN, 0]}]}'
    ),
]


def any_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "_refuse_constant", float)


# Another Host: a name of somebody else's that was made to lead here (DNS rebinding).


def host(name: str) -> Send:
    return lambda site: site.ask("about", headers={"Host": name.format(site.address.port)})


HOSTS = [
    host("evil.example:{}"),
    host("127.0.0.1.evil.example:{}"),
    host("localhost.evil.example:{}"),
    host("127.0.0.1"),
    host("192.168.1.7:{}"),
]


def any_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "is_for_us", lambda self, scope: True)


# Another Origin: a page of somebody else's that knows the address (CSRF).


def origin(**headers: str) -> Send:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda site: site.ask("faces", FACE, headers=named)


ORIGINS = [
    origin(Origin="http://evil.example"),
    origin(Origin="null"),
    origin(Origin="http://127.0.0.1:1"),
    origin(Origin="https://127.0.0.1"),
    origin(Sec_Fetch_Site="cross-site"),
]


def any_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "is_from_us", lambda self, scope: True)


# No token, or nearly the right one.


def token(change: Callable[[str], str]) -> Send:
    return lambda site: site.ask("about", token=change(site.address.token))


TOKENS = [
    token(lambda right: ""),
    token(lambda right: "x" * len(right)),
    token(lambda right: right[:-1]),
    token(lambda right: right + "x"),
    token(lambda right: right.swapcase()),
]


def any_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "has_token", lambda self, scope: True)


# What an HTML form of another page can send without asking: text, a form, a file.


def kind_of_body(kind: str) -> Send:
    return lambda site: site.ask("faces", FACE, headers={"Content-Type": kind})


FORMS = [
    kind_of_body("text/plain"),
    kind_of_body("application/x-www-form-urlencoded"),
    kind_of_body("multipart/form-data; boundary=x"),
    kind_of_body(""),
    kind_of_body("text/plain; application/json"),
]


def any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Anything(str):
        __slots__ = ()

        def __ne__(self, other: object) -> bool:
            return False

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    limit = bodies.Limit(Anything(app.ASKED.kind), app.ASKED.size, app.ASKED.seconds)
    monkeypatch.setattr(app, "ASKED", limit)


KINDS = {
    "huge bodies": Kind("the limit of bytes", HUGE, status(413), any_size),
    "bombs": Kind("the limit of pixels", BOMBS, status(400, "pixels"), any_pixels),
    "traversal": Kind("the table of names", list(map(path, PATHS)), status(404), from_disk),
    "wrong types": Kind("Record", WRONG, status(400, "can't be answered: its"), any_type),
    "NaN": Kind("parse_constant", NANS, status(400, "is no JSON"), any_constant),
    "other Hosts": Kind("Door.is_for_us", HOSTS, status(421), any_host),
    "other Origins": Kind("Door.is_from_us", ORIGINS, status(403, "another page"), any_origin),
    "no token": Kind("Door.has_token", TOKENS, status(403, "the address"), any_token),
    "forms": Kind("the kind of the body", FORMS, status(415), any_kind),
}
CASES = [(kind, i) for kind in KINDS for i in range(len(KINDS[kind].requests))]


def test_there_are_five_of_each_kind():
    assert {len(kind.requests) for kind in KINDS.values()} == {5}


@pytest.mark.parametrize(("name", "i"), CASES)
def test_a_hostile_request_is_refused_by_its_defence(name: str, i: int, shared_site: Site):
    kind, site = KINDS[name], shared_site
    answer = kind.requests[i](site)
    assert kind.is_refused(answer), (kind.defence, answer)
    assert b"Traceback" not in answer.body
    assert site.ask("faces", FACE).status == 200  # and others are served


@pytest.mark.parametrize(("name", "i"), CASES)
def test_without_its_defence_it_gets_through(
    name: str, i: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    kind = KINDS[name]
    kind.remove(monkeypatch)
    site: Site = request.getfixturevalue("site" if kind.remove is from_disk else "shared_site")
    site.may_break = True
    assert not kind.is_refused(kind.requests[i](site)), kind.defence
