"""A server of the explorer in this process, as the tests of this folder need it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer_site import Site, serving
from facegen.api.explore_files import ExplorerFiles


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
