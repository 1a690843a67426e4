"""Shared fixtures: toy faces, toy weights, a folder of odd photos. Treat them as read-only."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from facegen.api.attributes import attributes
from facegen.api.components import components
from facegen.api.encode import encode
from facegen.api.fit import fit
from facegen.io.weights import Weights
from facegen.model.codec import Codec
from facegen.shards import Shard
from running import TESTS, facegen
from toys import draw_photo, write_photos, write_toy_faces

# The machine may be busy with a training run, and a slow example is no failure.
settings.register_profile("facegen", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("facegen")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n, a file's tests run in one worker, so that what they share is made once.

    The files come in their usual order: trainings, which take longest, are of few tests.
    """
    from xdist.scheduler import LoadFileScheduling

    if config.getoption("dist") != "load":  # something else is asked for
        return None
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session")
def with_tensorflow() -> None:
    """Skips what trains where TensorFlow is not installed; nothing is imported."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs facegen[train]")


@pytest.fixture(scope="session")
def toy_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A faces.h5 of 300 faces of 32x32 pixels: 60 people, three attributes, 30 test images."""
    path = tmp_path_factory.mktemp("toy") / "faces.h5"
    write_toy_faces(path)
    return path


@pytest.fixture(scope="session")
def toy_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights: a VAE for 32x32 pixels with latent_dim 8, trained for one epoch.

    make_toy_weights.py made it of the toy faces, and tests/model/test_toy_weights.py makes it
    again: so the tests need no TensorFlow to have a model.
    """
    folder = tmp_path_factory.mktemp("weights") / "toy"
    shutil.copytree(TESTS / "toy-weights", folder)
    return folder


@pytest.fixture(scope="session")
def photos_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 16 readable photos: formats, modes and orientations; nothing else in it."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder "photos" with two photos in it, beside which the work is done."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    folder.mkdir()
    for name in ("a.png", "b.png"):
        draw_photo(40, 40).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def toy_store(toy_faces: Path, toy_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """latents.h5 of the toy faces, of seed 5; its two parts, attributes.h5, components.h5 and
    sampler.h5 of it lie beside it.
    """
    folder = tmp_path_factory.mktemp("store")
    store = folder / "latents.h5"
    encode([toy_faces], store, weights=toy_weights, seed=5)
    for i in (1, 2):
        part = folder / f"part-{i}.h5"
        encode([toy_faces], part, weights=toy_weights, seed=5, shard=Shard(i, 2))
    attributes(store, folder / "attributes.h5")
    components(store, folder / "components.h5", weights=toy_weights)
    fit(store, folder / "sampler.h5")
    return store


@pytest.fixture(scope="session")
def toy_attributes(toy_store: Path) -> Path:
    """The directions of the toy faces' labels."""
    return toy_store.with_name("attributes.h5")


@pytest.fixture(scope="session")
def codec(toy_weights: Path) -> Codec:
    """The toy model, in memory."""
    return Codec(Weights.load(toy_weights))


@pytest.fixture(scope="module")
def files(toy_faces: Path, toy_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that outputs can be made from."""
    folder = tmp_path_factory.mktemp("files")
    for path in (toy_faces, *toy_store.parent.iterdir()):
        shutil.copy(path, folder)
    draw_photo(50, 60).save(folder / "photo.png")
    return folder


@pytest.fixture
def work(files: Path, toy_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder as the current one, with the toy weights as the default."""
    monkeypatch.chdir(files)
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    return files


@pytest.fixture
def sheet(work: Path) -> Path:
    """A picture to reproduce."""
    assert facegen("generate", "--n", 2, "--seed", 3, "-o", "sheet.png", "--force").exit_code == 0
    return work
