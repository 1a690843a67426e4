"""export --onnx, run by ONNX Runtime against LiteRT.

.ci/run runs it where of all extras only [onnx] is installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facegen.io.weights import Weights, default_weights_path
from facegen.model.codec import Codec
from running import TESTS, facegen

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("weights", "decoders", "sigma"),
    [  # the toy's faces are gray near the origin
        (TESTS / "toy-weights", ["plain"], 100),
        (default_weights_path(), ["plain", "crisp"], 1),
    ],
    ids=["toy", "default"],
)
def test_a_model_gives_litert_s_points_and_pictures_to_1_of_255(
    weights: Path, decoders: list[str], sigma: float, tmp_path: Path
):
    done = facegen("export", weights, "--onnx", "-o", tmp_path / "model", "--json")
    assert done.exit_code == 0, done.exception
    files = json.loads(done.stdout)["files"]
    assert files == ["encoder.onnx", "decoder.onnx", "crisp_decoder.onnx"][: 1 + len(decoders)]
    loaded = Weights.load(weights)
    random, size = np.random.default_rng(0), loaded.model.image_size
    pixels = random.integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    z = random.normal(0, sigma, (5, loaded.model.latent_dim)).astype(np.float32)
    points = run(tmp_path / "model" / "encoder.onnx", pixels / np.float32(255))
    for found, expected in zip(points, Codec(loaded).encode(pixels), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1 / 255)
    for name, file in zip(decoders, files[1:], strict=True):
        (pictures,) = run(tmp_path / "model" / file, z)
        expected = Codec(loaded, decoder=name).decode_values(z)
        np.testing.assert_allclose(pictures, expected, rtol=0, atol=1 / 255)
        assert pictures.std() > 0.1


def run(model: Path, inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return session.run(None, {given.name: inputs})
