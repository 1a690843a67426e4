"""reconstruct: originals over what the model makes of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.io.face_set import FaceSet
from facegen.io.files import sha256_of
from facegen.io.weights import Weights
from facegen.latent.random_points import EPSILON, normal, select
from facegen.model.codec import Codec
from facegen.model.named_points import PointReader
from running import facegen


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_reconstruct_puts_originals_over_reconstructions(
    toy_weights: Path, toy_faces: Path, tmp_path: Path
):

    arguments = ["reconstruct", toy_faces, "--weights", toy_weights, "--seed", 4, "--n", 9]
    done = facegen(*arguments, "-o", "r.png")
    assert (done.exit_code, done.stdout) == (0, "r.png\n"), done.stderr
    sheet = np.asarray(Image.open(tmp_path / "r.png"))
    assert sheet.shape == (4 * 36 + 4, 7 * 36 + 4, 3)
    with FaceSet.open(toy_faces) as faces:
        originals = faces.read(select(faces.rows("test"), 9, seed=4))
    codec = Codec(Weights.load(toy_weights))
    pictures = codec.decode(codec.encode(originals)[0])
    np.testing.assert_array_equal(sheet[4:36, 4:36], originals[0])
    np.testing.assert_array_equal(sheet[40:72, 4:36], pictures[0])
    np.testing.assert_array_equal(sheet[76:108, 40:72], originals[8])
    np.testing.assert_array_equal(sheet[112:144, 40:72], pictures[8])
    assert (sheet[76:, 80:] == 255).all()


def test_reconstruct_takes_photos_and_sampled_noise(
    toy_weights: Path, photos_folder: Path, tmp_path: Path
):
    photos = [photos_folder / "colour.jpg", photos_folder / "rotated.jpg"]
    sheets = []
    for name, more in (("mu.png", []), ("a.png", ["--sample"]), ("b.png", ["--sample"])):
        arguments = ["--weights", toy_weights, "--seed", 1, "-q", *more, "-o", name]
        done = facegen("reconstruct", *photos, *arguments)
        assert done.exit_code == 0, done.stderr
        sheets.append(np.asarray(Image.open(tmp_path / name)))
    np.testing.assert_array_equal(sheets[1], sheets[2])
    assert (sheets[0] != sheets[1]).any()


@pytest.fixture
def other_weights(toy_weights: Path, tmp_path: Path) -> Path:
    """weights/other: the toy model with another decoder, whose first bias is larger."""
    folder = tmp_path / "weights" / "other"
    shutil.copytree(toy_weights, folder)
    with h5py.File(folder / "decoder.h5") as arrays:
        bias = arrays["to_pixels/bias"][()].astype(np.float16)
    graph = (folder / "decoder.tflite").read_bytes()
    assert graph.count(bias.tobytes()) == 1
    (folder / "decoder.tflite").write_bytes(graph.replace(bias.tobytes(), (bias + 1).tobytes()))
    config = json.loads((folder / "config.json").read_text())
    config["files"]["decoder.tflite"] = sha256_of(folder / "decoder.tflite")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def stacked(sheet: Path, layers: int, columns: int) -> np.ndarray:
    """The tiles of a sheet, (groups, layers, columns, 32, 32, 3)."""
    tiles = np.asarray(Image.open(sheet))[4:, 4:]
    height, width = tiles.shape[0] // 36, tiles.shape[1] // 36
    tiles = tiles[: height * 36, : width * 36].reshape(height, 36, width, 36, 3)[:, :32, :, :32]
    assert width == columns
    return tiles.transpose(0, 2, 1, 3, 4).reshape(-1, layers, columns, 32, 32, 3)


def test_models_and_points_stand_one_below_the_other(
    toy_weights: Path, other_weights: Path, toy_faces: Path, tmp_path: Path
):
    arguments = ["--weights", toy_weights, "--weights", other_weights, "--points", "mu,z"]
    arguments += ["--n", 5, "--columns", 3, "--seed", 4, "-o", "r.png"]
    done = facegen("reconstruct", toy_faces, *arguments)
    assert (done.exit_code, done.stdout) == (0, "r.png\n"), done.exception
    assert done.stderr == "below the originals: mu of toy, z of toy, mu of other, z of other\n"
    with FaceSet.open(toy_faces) as faces:
        rows = select(faces.rows("test"), 5, seed=4)
        originals = faces.read(rows)
    groups = stacked(tmp_path / "r.png", 5, 3)
    assert len(groups) == 2
    codecs = [Codec(Weights.load(path)) for path in (toy_weights, other_weights)]
    mu, logvar = codecs[0].encode(originals)
    z = mu + np.exp(logvar / 2) * normal(rows.tolist(), 8, seed=4, stream=EPSILON).clip(-5, 5)
    expected = [originals, *(codec.decode(point) for codec in codecs for point in (mu, z))]
    for layer, faces_of in enumerate(expected):
        found = np.concatenate([groups[0, layer], groups[1, layer]])
        assert np.abs(found[:5].astype(int) - faces_of).max() <= 1
        assert (found[5] == 255).all()
    assert (groups[0, 1] != groups[0, 3]).any()


def test_each_seed_chooses_a_row(toy_weights: Path, toy_faces: Path, tmp_path: Path):
    common = ["reconstruct", toy_faces, "--weights", toy_weights, "--columns", 4, "--points", "z"]
    done = facegen(*common, "--seed", 4, "--seed", 9, "-o", "both.png", "--json")
    found = json.loads(done.stdout)
    assert (found["seeds"], len(found["names"])) == ([4, 9], 8)
    groups = stacked(tmp_path / "both.png", 2, 4)
    for group, seed in zip(groups, (4, 9), strict=True):
        facegen(*common, "--seed", seed, "--n", 4, "-o", "one.png", "--force")
        np.testing.assert_array_equal(group, stacked(tmp_path / "one.png", 2, 4)[0])


def test_json_tells_radii(toy_weights: Path, photos_folder: Path, codec: Codec):
    photo = photos_folder / "aligned.jpg"
    done = facegen("reconstruct", photo, "--weights", toy_weights, "-o", "r.png", "--json")
    found = json.loads(done.stdout)
    mu = next(PointReader(codec).read(photo)).z
    assert found["seed"] == 0
    assert found["reconstructions"] == [
        {"weights": "toy", "points": "mu", "radii": [pytest.approx(np.linalg.norm(mu), abs=1e-4)]}
    ]


@pytest.mark.parametrize("cell", [None, "2,1", "8,2"])
def test_stacks_are_made_again_by_the_weights_of_their_names(
    cell: str | None,
    toy_weights: Path,
    other_weights: Path,
    toy_faces: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    common = ["--weights", toy_weights, "--weights", other_weights, "--points", "mu,z"]
    facegen(
        "reconstruct", toy_faces, *common, "--seed", 4, "--seed", 9, "--columns", 3, "-o", "r.png"
    )
    places = ["--from", toy_faces.parent, "--from", "weights"]
    options = [] if cell is None else ["--cell", cell]
    done = facegen("reproduce", "r.png", *places, *options, "-o", "again.png")
    assert (done.exit_code, done.stderr) == (0, "identical\n"), done.exception
    if cell is not None:
        done = facegen("reproduce", "again.png", *places, "-o", "third.png")
        assert (done.exit_code, done.stderr) == (0, "identical\n"), done.exception
    other_weights.rename("elsewhere")
    done = facegen("reproduce", "r.png", *places, *options, "-o", "none.png")
    assert "was made by the weights other (plain decoder_sha256" in str(done.exception)
    assert not Path("none.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("photo.jpg --seed 1 --seed 2 --points z", "several seeds choose a row of a face set's"),
        ("faces.h5 --seed 1 --seed 2 --n 3", "several seeds choose a row of a face set's"),
        ("faces.h5 --sample --points z", "Choose one of --sample and --points."),
        ("faces.h5 --points mu,mu", "'mu,mu' is not one of 'mu', 'z', 'mu,z'"),
        ("faces.h5 --weights large", "makes faces of 32 pixels, large of 64"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: str, message: str, toy_weights: Path, toy_faces: Path, photos_folder: Path
):
    shutil.copytree(toy_weights, "large")
    config = json.loads(Path("large/config.json").read_text())
    config["model"]["image_size"] = 64
    Path("large/config.json").write_text(json.dumps(config))
    shutil.copyfile(photos_folder / "aligned.jpg", "photo.jpg")
    shutil.copyfile(toy_faces, "faces.h5")
    done = facegen("reconstruct", "--weights", toy_weights, *options.split(), "-o", "r.png")
    assert message in f"{done.exception} {' '.join(done.output.split())}"
    assert done.exit_code
    assert not Path("r.png").exists()
