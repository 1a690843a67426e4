"""encode: right points, broken off and gone on with, refused where it must be."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.encode import encode, encode_rows
from facegen.api.prepare import prepare
from facegen.errors import FacegenError, InputError, OutputError
from facegen.io import latent_store
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.latent_store import Origin
from facegen.io.latent_writer import LatentsWriter
from facegen.io.locks import exclusive
from facegen.io.weights import Weights
from facegen.model.codec import Codec
from running import REPOSITORY, python_environment, run_python
from toys import toy_images

ARRAYS = ("mu", "logvar", "z")
LABELS = ("names", "split", "identities", "attributes", "attribute_names")


def read_datasets(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: data[()] for name, data in file.items()}


def assert_same_datasets(path: Path, expected: Path) -> None:
    found, wanted = read_datasets(path), read_datasets(expected)
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def write_faces(path: Path, images: np.ndarray) -> Path:
    with FaceSetWriter(path, size=images.shape[1], source="test", crop="none") as writer:
        writer.append(images, [f"{row}.png" for row in range(len(images))])
    return path


def stop_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the writer fail as a kill would: without a last flush."""
    append = LatentsWriter.append
    left = iter(range(batches))

    def append_or_stop(self: LatentsWriter, *points: np.ndarray) -> None:
        if next(left, None) is None:
            raise OSError("stopped by the test")
        append(self, *points)

    monkeypatch.setattr(LatentsWriter, "append", append_or_stop)


@pytest.fixture(scope="module")
def many_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face set of 6,000 toy faces."""
    images, _, _ = toy_images()
    return write_faces(tmp_path_factory.mktemp("many") / "faces.h5", np.tile(images, (20, 1, 1, 1)))


def test_points_are_the_encoders_and_z_has_the_rows_own_noise(
    toy_store: Path, toy_faces: Path, toy_weights: Path
):
    found = read_datasets(toy_store)
    with h5py.File(toy_faces) as file:
        mu, logvar = Codec(Weights.load(toy_weights)).encode(file["images"][:])
    np.testing.assert_array_equal(found["mu"], mu)
    np.testing.assert_array_equal(found["logvar"], logvar)
    for row in (0, 1, 127, 128, 299):  # by the words of sampling.py: Philox, key (seed, 1)
        bits = np.random.Philox(key=np.array([5, 1], "u8"), counter=np.array([0, row, 0, 0], "u8"))
        noise = np.random.Generator(bits).standard_normal(8, np.float32)
        expected = mu[row] + np.exp(logvar[row].astype(float) / 2) * np.clip(noise, -5, 5)
        np.testing.assert_allclose(found["z"][row], expected, rtol=1e-5, atol=1e-6)
    assert (found["z"] != found["mu"]).mean() > 0.99


def test_labels_are_those_of_the_face_set(toy_store: Path, toy_faces: Path):
    found, faces = read_datasets(toy_store), read_datasets(toy_faces)
    for name in LABELS:
        np.testing.assert_array_equal(found[name], faces[name])
    assert found["complete"] == 1
    assert found["rows_done"] == 300


def test_points_do_not_depend_on_the_batch_size(
    toy_store: Path,
    toy_faces: Path,
    toy_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("facegen.api.encode.BATCH", 7)
    encode([toy_faces], tmp_path / "latents.h5", weights=toy_weights, seed=5, threads=1)
    assert_same_datasets(tmp_path / "latents.h5", toy_store)


def test_an_epsilon_scale_of_0_gives_mu(toy_faces: Path, toy_weights: Path, tmp_path: Path):
    encode([toy_faces], tmp_path / "latents.h5", weights=toy_weights, epsilon_scale=0)
    found = read_datasets(tmp_path / "latents.h5")
    np.testing.assert_array_equal(found["z"], found["mu"])


def test_an_autoencoder_without_variance_gives_mu(toy_faces: Path):
    class Plain:
        latent_dim = 2

        def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mu = images.mean((1, 2))[:, :2].astype(np.float32)
            return mu, np.full_like(mu, -np.inf)

    with FaceSet.open(toy_faces) as faces:
        batches = list(encode_rows(Plain(), faces, Origin(seed=1), 0))  # type: ignore[arg-type]
    for mu, _, z in batches:
        np.testing.assert_array_equal(z, mu)


def test_a_broken_off_run_goes_on_to_the_same_store(
    toy_store: Path,
    toy_faces: Path,
    toy_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    path = tmp_path / "latents.h5"
    monkeypatch.setattr("facegen.api.encode.BATCH", 20)
    with monkeypatch.context() as broken:
        stop_after(4, broken)
        with pytest.raises(OSError, match="stopped by the test"):
            encode([toy_faces], path, weights=toy_weights, seed=5, flush_seconds=0)
    assert read_datasets(path)["rows_done"] == 80
    assert read_datasets(path)["complete"] == 0
    result = encode([toy_faces], path, weights=toy_weights)  # the seed is the store's
    assert (result.resumed_at, result.rows, result.seed) == (80, 300, 5)
    assert_same_datasets(path, toy_store)


def run_facegen(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_python("-m", "facegen", *arguments)


def test_a_complete_store_is_left_alone(
    toy_store: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    path = tmp_path / "latents.h5"
    shutil.copy(toy_store, path)
    before = path.stat().st_mtime_ns, path.read_bytes()
    done = run_facegen("encode", toy_faces, "-o", path, "--weights", toy_weights, "--json")
    assert done.returncode == 0
    assert "complete" in done.stderr
    assert json.loads(done.stdout)["encoded"] == 0
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    assert os.listdir(tmp_path) == ["latents.h5"]


def weights_with_another_encoder(toy_weights: Path, folder: Path) -> Path:
    shutil.copytree(toy_weights, folder)
    config = json.loads((folder / "config.json").read_text())
    config["files"]["encoder.tflite"] = "0" * 64
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_store_made_from_something_else_is_refused_and_not_touched(
    toy_store: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    other_faces = write_faces(tmp_path / "other.h5", toy_images()[0][:300, ::-1])
    other_weights = weights_with_another_encoder(toy_weights, tmp_path / "other")
    before = toy_store.read_bytes()
    for sources, weights, options, message in (
        ([other_faces], toy_weights, {}, r"another input \(faces.h5\), not from other.h5"),
        ([toy_faces], other_weights, {}, r"other weights \(toy\), not with other"),
        ([toy_faces], toy_weights, {"seed": 6}, "seed 5, not 6"),
        ([toy_faces], toy_weights, {"epsilon_scale": 0.5}, "epsilon_scale 1.0, not 0.5"),
    ):
        with pytest.raises(OutputError, match=f"was made (with|from) {message}"):
            encode(sources, toy_store, weights=weights, **options)
    assert toy_store.read_bytes() == before


def test_force_begins_anew(toy_store: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path):
    path = tmp_path / "latents.h5"
    path.write_text("something else")
    with pytest.raises(InputError, match="is not an HDF5 file"):
        encode([toy_faces], path, weights=toy_weights, seed=5)
    encode([toy_faces], path, weights=toy_weights, seed=5, force=True)
    assert_same_datasets(path, toy_store)


def bad_input(what: str, folder: Path, toy_faces: Path) -> Path:
    path = folder / "bad.h5"
    if what == "missing":
        return path
    if what == "text":
        path.write_text("no face set")
    elif what == "size":
        write_faces(path, np.zeros((3, 16, 16, 3), np.uint8))
    elif what == "empty":
        write_faces(path, np.zeros((0, 32, 32, 3), np.uint8))
    elif what == "store":
        with h5py.File(path, "w") as file:
            file.attrs.update({"format": latent_store.FORMAT, "format_version": 1})
    else:
        shutil.copy(toy_faces, path)
        if what == "truncated":
            os.truncate(path, 1000)
        else:
            with h5py.File(path, "r+") as file:
                file.attrs["format_version"] = 99
    return path


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "does not exist"),
        ("text", "is not an HDF5 file; expected facegen-faces"),
        ("store", "is facegen-latents; expected facegen-faces"),
        ("truncated", "can't be opened: truncated"),
        ("newer", "version 99, this facegen reads up to 2"),
        ("size", "has faces of 16x16 pixels, the weights toy need 32x32"),
        ("empty", "has no faces"),
    ],
)
def test_a_bad_input_is_refused_with_the_reason(
    toy_faces: Path, toy_weights: Path, tmp_path: Path, what: str, message: str
):
    path = bad_input(what, tmp_path, toy_faces)
    with pytest.raises(FacegenError, match=message) as caught:
        encode([path], tmp_path / "latents.h5", weights=toy_weights)
    assert "bad.h5" in str(caught.value)
    assert not (tmp_path / "latents.h5").exists()
    assert not list(tmp_path.glob(".*"))


def test_an_error_is_one_line_and_exit_code_1(toy_weights: Path, tmp_path: Path):
    path = write_faces(tmp_path / "small.h5", np.zeros((3, 16, 16, 3), np.uint8))
    done = run_facegen("encode", path, "-o", tmp_path / "latents.h5", "--weights", toy_weights)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "small.h5 has faces of 16x16 pixels" in done.stderr


def test_the_input_is_not_overwritten(toy_faces: Path, toy_weights: Path, tmp_path: Path):
    path = tmp_path / "faces.h5"
    shutil.copy(toy_faces, path)
    with pytest.raises(OutputError, match="is the input; choose another output"):
        encode([path], path, weights=toy_weights, force=True)
    assert path.read_bytes() == toy_faces.read_bytes()


def test_a_face_set_goes_alone(toy_faces: Path, toy_weights: Path, tmp_path: Path):
    with pytest.raises(InputError, match="is a face set; encode it alone"):
        encode([toy_faces, "photo.jpg"], tmp_path / "latents.h5", weights=toy_weights)


def test_photos_give_what_preparing_and_encoding_them_gives(toy_weights: Path, tmp_path: Path):
    photos, path = tmp_path / "photos", tmp_path / "latents.h5"
    photos.mkdir()
    for row, image in enumerate(toy_images()[0][:12]):
        Image.fromarray(image).resize((50, 40)).save(photos / f"{row:02}.png")
    (photos / "broken.jpg").write_bytes(b"no photo")
    prepare([photos], tmp_path / "faces.h5", size=32, workers=1)
    encode([tmp_path / "faces.h5"], tmp_path / "expected.h5", weights=toy_weights, seed=5)

    options = ("-o", path, "--weights", toy_weights, "--workers", "1", "--seed", "5")
    done = run_facegen("encode", photos, *options)
    assert done.returncode == 3
    assert "skipped broken.jpg: not an image" in done.stderr
    assert_same_datasets(path, tmp_path / "expected.h5")
    assert not list(tmp_path.glob(".*"))

    again = run_facegen("encode", photos, *options, "--strict")
    assert again.returncode == 1
    assert "latents.h5: complete" in again.stderr

    (photos / "03.png").unlink()
    changed = run_facegen("encode", photos, *options)
    assert changed.returncode == 1
    assert "another input" in changed.stderr


HOLD = """
import sys, time
from facegen.io.locks import exclusive
with exclusive(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_told_who_the_first_is_and_a_kill_frees_the_lock(
    toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    path = tmp_path / "latents.h5"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], env=python_environment(), stdout=subprocess.PIPE
    )
    assert first.stdout is not None
    assert first.stdout.readline() == b"locked\n"
    with pytest.raises(
        OutputError, match=rf"another facegen \(process {first.pid}\) is writing .*latents.h5"
    ):
        encode([toy_faces], path, weights=toy_weights)
    assert not path.exists()
    first.kill()
    first.wait()
    first.stdout.close()
    encode([toy_faces], path, weights=toy_weights)
    assert os.listdir(tmp_path) == ["latents.h5"]


def test_a_symbolic_link_is_no_way_around_the_lock(tmp_path: Path):
    (tmp_path / "real.h5").touch()
    (tmp_path / "link.h5").symlink_to("real.h5")
    second = exclusive(tmp_path / "link.h5")
    with exclusive(tmp_path / "real.h5"), pytest.raises(OutputError, match="another facegen"):
        second.__enter__()


def test_a_store_can_be_read_while_it_is_written(
    toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    path, seen = tmp_path / "latents.h5", []

    def look(done: int) -> None:
        code = "import h5py, sys; print(h5py.File(sys.argv[1])['rows_done'][()])"
        seen.append(run_python("-c", code, path).stdout)

    encode([toy_faces], path, weights=toy_weights, flush_seconds=0, progress=look)
    assert seen == ["128\n", "256\n", "300\n"]


INTERRUPT = """
import os, signal, sys
from facegen.__main__ import main
from facegen.io.latent_writer import LatentsWriter

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background shell ignores it
append, number = LatentsWriter.append, int(sys.argv.pop())

def append_and_interrupt(self, *points):
    append(self, *points)
    if self.rows_written == 256:
        os.kill(os.getpid(), number)

LatentsWriter.append = append_and_interrupt
main()
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_a_store_that_the_same_command_completes(
    toy_store: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path, number: int, code: int
):
    path = tmp_path / "latents.h5"
    command = ["encode", str(toy_faces), "-o", str(path), "--weights", str(toy_weights)]
    command += ["--seed", "5"]
    stopped = run_python("-c", INTERRUPT, *command, str(int(number)))
    assert (stopped.returncode, stopped.stderr.strip()) == (code, "")
    assert read_datasets(path)["rows_done"] == 256
    assert os.listdir(tmp_path) == ["latents.h5"]
    done = run_facegen(*command)
    assert done.returncode == 0
    assert "256 of 300 faces are there; going on" in done.stderr
    assert_same_datasets(path, toy_store)


def test_a_full_disk_is_an_error_and_the_same_command_completes_later(
    toy_store: Path, toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    path = tmp_path / "latents.h5"
    command = [sys.executable, "-m", "facegen", "encode", str(toy_faces), "-o", str(path)]
    command += ["--weights", str(toy_weights), "--seed", "5"]
    for limit in (90, 3_000, 1_000_000):
        done = subprocess.run(
            command,
            env=python_environment(),
            capture_output=True,
            text=True,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
        )
        assert done.returncode == 1
        assert done.stderr == f"facegen: cannot write {path}: File too large\n"
        assert os.listdir(tmp_path) == []
    assert subprocess.run(command, env=python_environment()).returncode == 0
    assert_same_datasets(path, toy_store)


def test_kills_at_random_moments_lose_no_row(many_faces: Path, toy_weights: Path, tmp_path: Path):
    script = REPOSITORY / "examples" / "kill_encode.py"
    done = run_python(
        script, many_faces, "--weights", toy_weights, "--kills", "6", "--folder", tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "6 kills" in done.stdout
