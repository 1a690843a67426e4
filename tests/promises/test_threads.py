"""Threads may share a codec, and nothing that they write to standard error is lost."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.api.generate import generate
from facegen.images.alignment import load_photo
from facegen.images.face_detector import is_installed
from facegen.io.face_set import FaceSet
from facegen.io.weights import Weights
from facegen.model.codec import Codec
from running import run_python
from toys import draw_photo

THREADS = 8
ROUNDS = 25
NOTICE = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"  # LiteRT's, once a process

USE_CODEC = """
import os, sys, threading
import numpy as np
from facegen.model.codec import Codec
from facegen.notices import hidden_notices
from facegen.io.weights import Weights

def use_codec():
    codec = Codec(Weights.load(sys.argv[1]))
    codec.encode(np.zeros((2, 32, 32, 3), np.uint8))
    codec.decode(np.zeros((2, 8), np.float32))
    os.write(2, b"after\\n")
"""

SILENCES = """
import os, sys, threading
from facegen.notices import hidden_notices, silence

def work(thread):
    for i in range(50):
        with silence():
            os.write(2, b"notice\\n")
            sys.stderr.write(f"inside {thread} {i}\\n")
            with silence():
                os.write(2, b"notice\\n")
            os.write(2, b"notice\\n")
        early.write(f"outside {thread} {i}\\n")

with hidden_notices():
    early = sys.stderr
    threads = [threading.Thread(target=work, args=[i]) for i in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    os.write(2, b"C is heard\\n")
print("the end", file=sys.stderr)
os.write(2, b"C is heard again\\n")
"""


@pytest.fixture(scope="module")
def faces(toy_faces: Path) -> np.ndarray:
    with FaceSet.open(toy_faces) as face_set:
        return face_set.images[:80]


def test_threads_that_share_a_codec_get_what_each_would_get_alone(
    toy_weights: Path, faces: np.ndarray
):
    """The codec is a fresh one, so that the threads load its graphs at the same time, too."""
    jobs = [
        (thread, 1 + (7 * thread + 3 * i) % 40) for i in range(ROUNDS) for thread in range(THREADS)
    ]

    def run(codec: Codec, start: int, count: int) -> list[np.ndarray]:
        mu, logvar = codec.encode(faces[start : start + count])
        return [mu, logvar, codec.decode_values(mu), codec.decode(mu)]

    alone = Codec(Weights.load(toy_weights))
    expected = [run(alone, *job) for job in jobs]
    shared = Codec(Weights.load(toy_weights))
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda job: run(shared, *job), jobs))
    for one, other in zip(expected, found, strict=True):
        for serial, threaded in zip(one, other, strict=True):
            assert serial.tobytes() == threaded.tobytes()


def test_results_are_not_overwritten_by_the_next_call(toy_weights: Path, faces: np.ndarray):
    codec = Codec(Weights.load(toy_weights))
    mu, logvar = codec.encode(faces[:5])
    values = codec.decode_values(mu)
    copies = [array.copy() for array in (mu, logvar, values)]
    codec.encode(faces[5:10])
    codec.decode_values(np.zeros((5, 8), np.float32))
    for array, copy in zip((mu, logvar, values), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.skipif(not is_installed(), reason="needs facegen[photos]")
def test_threads_find_the_faces_that_each_would_find_alone():
    faces = generate(6, seed=3)
    photos = []
    for i, face in enumerate(faces):
        photo = draw_photo(400, 300)
        photo.paste(Image.fromarray(face).resize((150 + 10 * i, 150 + 10 * i)), (40 + 20 * i, 60))
        data = io.BytesIO()
        photo.save(data, "PNG")
        photos.append(data.getvalue())

    def crop(data: bytes) -> bytes:
        return load_photo(data, size=32, align="yes")[0].tobytes()

    expected = [crop(data) for data in photos]
    assert len(set(expected)) == 6
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(crop, 5 * photos)) == 5 * expected


def test_a_library_call_leaves_descriptors_alone(toy_weights: Path):
    """LiteRT's one notice goes through then."""
    script = USE_CODEC + (
        "def refuse(*arguments): raise AssertionError('a descriptor was redirected')\n"
        "os.dup = os.dup2 = refuse\n"
        "use_codec()\n"
    )
    done = run_python("-c", script, toy_weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", NOTICE + "after\n")


def test_a_command_hides_notices_and_nothing_else(toy_weights: Path):
    script = USE_CODEC + "with hidden_notices(): use_codec()\n"
    done = run_python("-c", script, toy_weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "after\n")


def test_the_commands_say_nothing_of_litert(toy_weights: Path, tmp_path: Path):
    generate = ["-m", "facegen", "generate", "--n", "1", "--seed", "1", "-o", "face.png"]
    done = run_python(*generate, "--weights", toy_weights, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "face.png\n", "")


def test_standard_error_is_never_lost_among_threads():
    done = run_python("-c", SILENCES)
    lines = done.stderr.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[-3:] == ["C is heard", "the end", "C is heard again"]
    for place in ("inside", "outside"):
        expected = {f"{place} {thread} {i}" for thread in range(4) for i in range(50)}
        assert expected <= set(lines)
    assert len(lines) == 2 * 4 * 50 + 3  # and no notice


def test_without_standard_error_no_file_takes_its_place(tmp_path: Path):
    """Descriptor 2 is then the next file that the program opens, and must not be redirected."""
    script = (
        "import os, sys\n"
        "os.close(2); sys.stderr = None\n"
        "from facegen.notices import hidden_notices, silence\n"
        "with open('data', 'wb', 0) as file, hidden_notices(), silence():\n"
        "    assert file.fileno() == 2\n"
        "    file.write(b'data')\n"
    )
    assert run_python("-c", script, cwd=tmp_path).returncode == 0
    assert (tmp_path / "data").read_bytes() == b"data"
