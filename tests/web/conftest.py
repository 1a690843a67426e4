"""A server of the explorer in this process, as the tests of this folder need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from explorer_site import Site
from facegen.api.explore import Explorer
from facegen.api.explore_files import ExplorerFiles
from facegen.web.server import Service, listen


@pytest.fixture(scope="session")
def explorer_files(
    toy_weights: Path, toy_store: Path, toy_attributes: Path, toy_faces: Path
) -> ExplorerFiles:
    """The toy model, with all that an explorer can be given."""
    sampler = toy_store.with_name("sampler.h5")
    return ExplorerFiles(toy_weights, toy_attributes, sampler, toy_store, toy_faces)


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
