"""The model that comes with facegen: complete, small, and as good as its card says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facegen.analysis.quality import cross_entropy_floor, sharpness
from facegen.api.prepare import prepare
from facegen.images.pixels import to_float
from facegen.io.face_set import FaceSet
from facegen.io.weights import CRISP_FILES, FILES, Weights
from facegen.latent.components import find_components
from facegen.latent.directions import find_directions
from facegen.latent.random_points import normal
from facegen.model.codec import Codec
from running import python_environment

CELEBA = os.environ.get("FACEGEN_CELEBA", "")


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights.load()


def test_every_file_is_the_one_that_was_exported(weights: Weights):
    for name in (*FILES, *CRISP_FILES):
        assert weights.file(name).stat().st_size > 0


def test_it_is_small_enough_to_live_in_a_repository(weights: Weights):
    assert sum((weights.path / name).stat().st_size for name in FILES) <= 35e6
    assert sum((weights.path / name).stat().st_size for name in CRISP_FILES) <= 21e6


def test_its_figures_are_those_of_a_healthy_vae(weights: Weights):
    train, test = (weights.config["metrics"][split] for split in ("train", "test"))
    assert test["excess"] <= 320
    assert 0.025 <= test["kl_share"] <= 0.04
    assert abs(test["total_loss"] / train["total_loss"] - 1) <= 0.02
    assert weights.config["data"]["test_images"] == 2500
    assert weights.config["metrics"]["last_epoch"]["epoch"] >= 24


def test_keras_gives_the_same_pictures_to_within_one_level(weights: Weights):
    tf = pytest.importorskip("tensorflow")
    from facegen.model.arrays import load_arrays
    from facegen.model.autoencoder import build_decoder

    decoder = build_decoder(weights.model)
    load_arrays(decoder, weights.file("decoder.h5"))
    z = normal(range(64), weights.model.latent_dim, seed=1)
    keras_pictures = np.asarray(tf.sigmoid(decoder(z, training=False))) * 255
    assert np.abs(Codec(weights, decoder="plain").decode(z) - keras_pictures).max() <= 1


def test_the_crisp_decoder_is_the_default_and_sharper(weights: Weights):
    codec = Codec(weights)
    assert codec.decoder == "crisp_decoder"
    z = normal(range(64), weights.model.latent_dim, seed=1)
    crisp, plain = sharpness(codec.decode(z)), sharpness(Codec(weights, decoder="plain").decode(z))
    assert 0.008 <= crisp <= 0.02  # of real faces 0.0155
    assert plain < 0.002


def test_its_directions_are_of_its_own_encoder(weights: Weights):
    directions = find_directions(weights)
    assert len(directions.names) == 40
    assert directions["Smiling"] @ directions["High_Cheekbones"] > 0


def test_its_components_are_of_its_own_latent_space(weights: Weights):
    components = find_components(weights)
    assert components.names == [f"{kind}-{i}" for kind in ("pc", "layer") for i in range(1, 31)]
    deviations = [row["deviation"] for row in components.summary()]
    assert all(0.5 < deviation < 1.3 for deviation in deviations)  # unit normal: at most 1 or so
    along = dict(zip(components.names, components.labels, strict=True))
    assert (along["pc-1"], along["pc-4"], along["layer-8"]) == ("Blond_Hair", "Bangs", "Smiling")


def test_the_face_at_the_origin_is_symmetric_and_skin_coloured(weights: Weights):
    """The mean face: mirrored training images make it its own mirror image, nearly."""
    origin = np.zeros((1, weights.model.latent_dim), np.float32)
    face = Codec(weights, decoder="plain").decode(origin)[0]
    red, _, blue = face[32:64, 32:64].mean(axis=(0, 1))
    assert red > blue + 20
    difference = np.abs(face.astype(int) - face[:, ::-1]).mean()
    assert difference < 6


def test_a_sheet_takes_at_most_150_mebibytes(tmp_path: Path):
    code = (
        "import resource, subprocess, sys; "
        "subprocess.run([sys.executable, '-m', 'facegen', 'generate', '-q'], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=python_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert 20 * 1024 < int(done.stdout.split()[-1]) <= 150 * 1024  # KiB on Linux


@pytest.mark.celeba
@pytest.mark.skipif(not CELEBA, reason="FACEGEN_CELEBA names no folder with CelebA's files")
def test_held_out_people_are_reconstructed_as_well_as_the_card_says(
    weights: Weights, tmp_path: Path
):
    celeba = Path(CELEBA)
    prepare(
        [celeba / "img_align_celeba.zip"],
        tmp_path / "faces.h5",
        identities=celeba / "identity_CelebA.txt",
        test_count=2500,
    )
    codec = Codec(weights, decoder="plain")
    total, floor, count = 0.0, 0.0, 0
    with FaceSet.open(tmp_path / "faces.h5") as faces:
        assert faces.fingerprint == weights.config["data"]["fingerprint"]
        for _, pixels in faces.iterate("test"):
            x = to_float(pixels).astype(np.float64)
            p = codec.decode_values(codec.encode(pixels)[0]).astype(np.float64)
            p = p.clip(1e-7, 1 - 1e-7)
            entropy = -(x * np.log(p) + (1 - x) * np.log1p(-p))
            total += float(entropy.mean(axis=3).sum())
            floor += len(pixels) * cross_entropy_floor(pixels)
            count += len(pixels)
    expected = weights.config["metrics"]["test"]
    assert count == expected["images"]
    assert floor / count == pytest.approx(expected["floor"], rel=1e-6)
    assert (total - floor) / count == pytest.approx(expected["excess"], abs=1)
