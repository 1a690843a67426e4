"""A server of the explorer in this process, as the tests of this folder need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chromium import launched
from explorer_site import Site, serving
from facegen.api.explore_files import ExplorerFiles
from running import REPOSITORY


@pytest.fixture(scope="session")
def explorer_files(
    toy_weights: Path, toy_store: Path, toy_attributes: Path, toy_faces: Path
) -> ExplorerFiles:
    """The toy model, with all that an explorer can be given."""
    sampler = toy_store.with_name("sampler.h5")
    return ExplorerFiles(toy_weights, toy_attributes, sampler, toy_store, toy_faces)


@pytest.fixture
def site(explorer_files: ExplorerFiles) -> Iterator[Site]:
    """A server that ends with the test."""
    with serving(explorer_files) as site:
        yield site


@pytest.fixture(scope="module")
def shared_site(explorer_files: ExplorerFiles) -> Iterator[Site]:
    """A server that ends with the tests of a file."""
    with serving(explorer_files) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def model_site() -> Iterator[Site]:
    """A server of the default model, whose faces can be told from each other."""
    with serving(ExplorerFiles(weights=REPOSITORY / "weights" / "celeba-vae")) as site:
        yield site


@pytest.fixture
def open_page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Opens the explorer at a state. Nothing may leave the machine, and no error may come up."""
    wrong: list[str] = []
    contexts = []

    def start(address: str = "", *, site: Site | None = None, **options: Any) -> Any:
        site = site or request.getfixturevalue("model_site")
        ours = (site.url, "blob:")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
        page.on(
            "request",
            lambda request: None if request.url.startswith(ours) else wrong.append(request.url),
        )
        page.goto(site.url + address)
        return page

    start.wrong = wrong  # type: ignore[attr-defined]
    yield start
    for context in contexts:
        context.close()
    assert wrong == []
