"""Files that facegen made before its modules moved into rooms: the same commands make them still,
but for the mark that they are synthetic, which pictures carry since.

tests/made_before/ has them, of the default model's plain decoder and of toys. They were made on one
machine; other versions of the libraries, or other processors, may pack or round otherwise, and then
`reproduce` must say that they are the same but for that.
"""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from facegen import write_latents
from facegen.io.face_set_writer import FaceSetWriter
from running import TESTS, facegen
from toys import TOY_ATTRIBUTES, toy_images

MADE_BEFORE = TESTS / "made_before"
MADE_WITH = {
    "pillow": "13.0.0",
    "h5py": "3.14.0",
    "numpy": "2.4.6",
    "scikit-learn": "1.9.1",
    "ai-edge-litert": "2.3.0",
}
MADE_BY, MADE_ON = "0.1.0", "AMD EPYC"
MADE_BY_KERNELS = {"Haswell", "Zen"}  # of OpenBLAS; those for AVX-512 add up in another order

COMMANDS = {
    "normal.png": "generate --n 2 --seed 5 --decoder plain -o normal.png",
    "cube.png": "generate --n 1 --seed 5 --r-limit 2.5 --decoder plain -o cube.png",
    "face-0.png": "generate --n 1 --seed 5 --sharpen 3 --radius-percentile 5-95 --decoder plain "
    "--individual .",
    "edit.png": "edit seed:5:3 --attribute Smiling=1.5 --steps 1 --decoder plain -o edit.png",
    "morph.png": "morph seed:5 seed:6 --steps 2 --decoder plain -o morph.png",
    "latents.h5": "encode faces.h5 --seed 5 -o latents.h5",
    "attributes.h5": "attributes latents.h5 --min-count 2 -o attributes.h5",
    "sampler.h5": "fit points.h5 -o sampler.h5",
    "mixture.h5": "fit points.h5 --kind mixture --components 2 -o mixture.h5",
}


def is_where_they_were_made() -> bool:
    """Whether the bits may be expected, and not only the numbers."""
    processors = Path("/proc/cpuinfo")
    here = processors.is_file() and f": {MADE_ON}\n" in processors.read_text()
    kernels = {library.get("architecture") for library in threadpool_info()} - {None}
    return (
        here
        and kernels <= MADE_BY_KERNELS
        and all(version(name) == number for name, number in MADE_WITH.items())
    )


def without_mark(path: Path) -> bytes:
    """A file's bytes, a PNG's without the chunk that has its XMP."""
    data = path.read_bytes()
    place = data.find(b"iTXtXML:com.adobe.xmp\0") - 4
    if place < 0:
        return data
    end = place + 12 + int.from_bytes(data[place : place + 4], "big")
    return data[:place] + data[end:]


@pytest.fixture
def version_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """facegen's version stands in its files, and is another in another version."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "facegen" and hasattr(module, "__version__"):
            monkeypatch.setattr(module, "__version__", MADE_BY)


@pytest.fixture
def materials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with what the files were made from: 7 toy faces, and a store of points."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACEGEN_WEIGHTS", raising=False)
    images, people, attributes = (values[:7] for values in toy_images())
    with FaceSetWriter("faces.h5", size=96, source="toy faces", crop="none") as writer:
        writer.append(images.repeat(3, axis=1).repeat(3, axis=2), [f"{i}.png" for i in range(7)])
        writer.set_split(np.arange(7) == 6)
        writer.set_labels(people, attributes, TOY_ATTRIBUTES)
    points = np.random.default_rng(3).standard_normal((3, 300, 8), np.float32)
    write_latents("points.h5", [tuple(points)], [str(i) for i in range(300)], latent_dim=8)
    shutil.copy(MADE_BEFORE / "latents.h5", tmp_path)
    return tmp_path


def test_every_file_has_its_command():
    assert {path.name for path in MADE_BEFORE.iterdir()} == set(COMMANDS)
    assert sum(path.stat().st_size for path in MADE_BEFORE.iterdir()) < 200_000


@pytest.mark.parametrize("name", COMMANDS)
def test_reproduce_makes_it_again(name: str, materials: Path, version_of_then: None):
    again = materials / f"again-{name}"
    done = facegen("reproduce", MADE_BEFORE / name, "-o", again)
    assert done.exit_code == 0, (done.stderr, done.exception)
    if is_where_they_were_made():
        assert done.stderr == "identical\n"
        assert without_mark(again) == (MADE_BEFORE / name).read_bytes()


@pytest.mark.skipif(not is_where_they_were_made(), reason="other versions, or another processor")
@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_makes_the_same_bytes(name: str, materials: Path, version_of_then: None):
    (materials / name).unlink(missing_ok=True)
    done = facegen(*COMMANDS[name].split(), "--quiet")
    assert done.exit_code == 0, done.exception
    assert without_mark(materials / name) == (MADE_BEFORE / name).read_bytes()
