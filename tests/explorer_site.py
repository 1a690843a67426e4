"""A server of the explorer in this process, and how the tests ask it."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from facegen.api.explore import Explorer
from facegen.api.explore_files import ExplorerFiles
from facegen.web.server import Address, Service, listen


@dataclass
class Answer:
    """What the server has answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


@dataclass
class Site:
    """A server at work, and how to ask it."""

    address: Address
    explorer: Explorer
    bugs: list[Exception] = field(default_factory=list)
    may_break: bool = False

    @property
    def url(self) -> str:
        return self.address.url

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """One request; a body that isn't bytes is sent as JSON. `path` comes after the token."""
        sent = {"Host": f"127.0.0.1:{self.address.port}"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=20)
        try:
            whole = f"/{self.address.token if token is None else token}/{path}"
            chosen = method or ("GET" if body is None else "POST")
            connection.request(chosen, whole, body, sent | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


@contextmanager
def serving(files: ExplorerFiles) -> Iterator[Site]:
    """A server while the block lasts; no error that it didn't expect came up in it."""
    pytest.importorskip("starlette", reason="needs facegen[explore]")
    pytest.importorskip("uvicorn", reason="needs facegen[explore]")
    explorer = Explorer(files, threads=1)
    site = Site(listen(), explorer)
    with Service(explorer, site.address, site.bugs.append):
        yield site
    assert site.may_break or site.bugs == []


def command(page: Any) -> str:
    """The command that the page shows."""
    return str(page.locator("footer code").inner_text())


def shows(page: Any, words: str) -> None:
    """Waits until the command has these words in it."""
    page.locator("footer code", has_text=re.compile(re.escape(words))).wait_for()


def saved(page: Any, path: Path) -> Path:
    """The file that the button "Download" gives."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(path)
    return path
