"""Running a trained model on the CPU, without TensorFlow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegen.errors import InputError
from facegen.io.face_set import FaceSet
from facegen.io.weights import Weights
from facegen.model import codec as codec_module
from facegen.model.codec import Codec


@pytest.fixture(scope="module")
def faces(toy_faces: Path) -> np.ndarray:
    with FaceSet.open(toy_faces) as face_set:
        return face_set.images[:100]


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(6).standard_normal((100, 8), np.float32)


def test_faces_become_means_and_log_variances(codec, faces):
    mu, logvar = codec.encode(faces)
    for values in (mu, logvar):
        assert (values.shape, values.dtype) == ((100, 8), np.float32)
        assert np.isfinite(values).all()
    assert (mu.std(axis=0) > 0).all()
    assert (mu != logvar).all()


def test_points_become_faces(codec, points):
    pixels = codec.decode(points)
    assert (pixels.shape, pixels.dtype) == ((100, 32, 32, 3), np.uint8)
    assert (pixels.reshape(100, -1).std(axis=0) > 0).any()


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()].astype(float)

    with h5py.File(path) as file:
        file.visititems(add)
    return arrays


def activate(x: np.ndarray, arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Batch normalisation with the moving moments, then leaky ReLU."""
    deviation = np.sqrt(arrays[f"{name}/moving_variance"] + 1e-3)
    x = (x - arrays[f"{name}/moving_mean"]) / deviation
    x = x * arrays[f"{name}/gamma"] + arrays[f"{name}/beta"]
    return np.where(x > 0, x, 0.3 * x)


def test_encoding_is_that_of_the_stored_arrays(codec, toy_weights, faces):
    """An encoder in NumPy from encoder.h5: two convolutions of stride 2, then dense layers."""
    arrays = read_arrays(toy_weights / "encoder.h5")
    x = faces[:5] / 255
    for name, norm in (("convolution_0", "batch_norm_0"), ("convolution_1", "batch_norm_1")):
        # With padding "same", kernel 3 and stride 2, the one row of zeros comes last.
        padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        kernel = arrays[f"{name}/kernel"]
        x = np.einsum("nhwcij,ijco->nhwo", windows[:, ::2, ::2], kernel)
        x += arrays.get(f"{name}/bias", 0)
        x = activate(x, arrays, norm)
    x = x.reshape(5, -1)
    for found, name in zip(codec.encode(faces[:5]), ("mu", "logvar"), strict=True):
        expected = x @ arrays[f"{name}/kernel"] + arrays.get(f"{name}/bias", 0)
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_decoding_is_that_of_the_stored_arrays(codec, toy_weights, points):
    """A decoder in NumPy from decoder.h5: dense, then two transposed convolutions of stride 2."""
    arrays = read_arrays(toy_weights / "decoder.h5")

    def transposed(x: np.ndarray, name: str) -> np.ndarray:
        """out[2p + r] += in[p] kernel[r]; padding "same" cuts off the last row and column."""
        kernel, bias = arrays[f"{name}/kernel"], arrays.get(f"{name}/bias", 0)
        count, height, width, _ = x.shape
        out = np.zeros((count, 2 * height + 1, 2 * width + 1, kernel.shape[2]))
        for r in range(3):
            for c in range(3):
                out[:, r : r + 2 * height : 2, c : c + 2 * width : 2] += x @ kernel[r, c].T
        return out[:, :-1, :-1] + bias

    x = points[:5] @ arrays["to_pixels/kernel"] + arrays["to_pixels/bias"]
    x = transposed(x.reshape(5, 8, 8, 16), "transposed_convolution_0")
    logits = transposed(activate(x, arrays, "decoder_batch_norm_0"), "transposed_convolution_1")
    expected = np.rint(255 / (1 + np.exp(-logits)))
    assert abs(codec.decode(points[:5]) - expected).max() <= 1


@given(st.lists(st.integers(0, 99), min_size=1, max_size=70))
def test_a_point_gives_the_same_face_in_every_batch(codec, points, rows):
    together = codec.decode(points[rows])
    np.testing.assert_array_equal(together, codec.decode(points)[rows])


@given(st.lists(st.integers(0, 99), min_size=1, max_size=70))
def test_a_face_gives_the_same_bits_in_every_batch(codec, faces, rows):
    for together, alone in zip(codec.encode(faces[rows]), codec.encode(faces), strict=True):
        np.testing.assert_array_equal(together.view(np.uint32), alone[rows].view(np.uint32))


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_the_inner_batch_size_changes_nothing(codec, faces, points, batch_size, monkeypatch):
    mu, pixels = codec.encode(faces)[0], codec.decode(points)
    monkeypatch.setattr(codec_module, "BATCH_SIZE", batch_size)
    np.testing.assert_array_equal(codec.encode(faces)[0], mu)
    np.testing.assert_array_equal(codec.decode(points), pixels)


def test_the_number_of_threads_changes_nothing(codec, toy_weights, faces, points):
    single = Codec(Weights.load(toy_weights), threads=1)
    np.testing.assert_array_equal(single.encode(faces)[0], codec.encode(faces)[0])
    np.testing.assert_array_equal(single.decode(points), codec.decode(points))


def test_nothing_gives_nothing(codec):
    mu, logvar = codec.encode(np.zeros((0, 32, 32, 3), np.uint8))
    assert mu.shape == logvar.shape == (0, 8)
    assert codec.decode(np.zeros((0, 8), np.float32)).shape == (0, 32, 32, 3)


def test_the_input_is_not_changed(codec, faces, points):
    pixels, z = faces.copy(), points.copy()
    codec.encode(pixels)
    codec.decode(z)
    np.testing.assert_array_equal(pixels, faces)
    np.testing.assert_array_equal(z, points)


def test_points_of_another_dtype_or_order_in_memory_are_taken(codec, points):
    expected = codec.decode(points)
    np.testing.assert_array_equal(codec.decode(points.astype(np.float64)), expected)
    np.testing.assert_array_equal(codec.decode(np.asfortranarray(points)), expected)
    np.testing.assert_array_equal(codec.decode(points[::-1]), expected[::-1])


@pytest.mark.parametrize("shape", [(2, 16, 16, 3), (2, 32, 32, 1), (2, 32, 32), (32, 32, 3), (2,)])
def test_faces_of_another_shape_are_refused(codec, shape):
    with pytest.raises(InputError, match=r"the weights toy need faces of \(32, 32, 3\), not"):
        codec.encode(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(2, 7), (8,), (2, 8, 1), (0,)])
def test_points_of_another_shape_are_refused(codec, shape):
    with pytest.raises(InputError, match=r"the weights toy need points \(N, 8\), not"):
        codec.decode(np.zeros(shape, np.float32))


def test_an_autoencoder_has_no_variance(codec, toy_weights, faces, tmp_path):
    """Its logvar is -inf, so that exp(logvar / 2) is 0 and every sample is mu.

    The toy VAE stands for an AE with twice as many dimensions: all its outputs are mu then.
    """
    folder = Path(shutil.copytree(toy_weights, tmp_path / "ae"))
    config = json.loads((folder / "config.json").read_text())
    config["model"] |= {"kind": "ae", "latent_dim": 16}
    (folder / "config.json").write_text(json.dumps(config))
    mu, logvar = Codec(Weights.load(folder)).encode(faces[:3])
    np.testing.assert_array_equal(mu, np.hstack(codec.encode(faces[:3])))
    np.testing.assert_array_equal(logvar, np.full((3, 16), -np.inf, np.float32))


def test_each_half_is_loaded_only_when_it_is_used(toy_weights, points, tmp_path):
    folder = Path(shutil.copytree(toy_weights, tmp_path / "half"))
    (folder / "encoder.tflite").unlink()
    assert Codec(Weights.load(folder)).decode(points).shape == (100, 32, 32, 3)


def test_a_damaged_graph_is_refused(toy_weights, points, tmp_path):
    folder = Path(shutil.copytree(toy_weights, tmp_path / "damaged"))
    with open(folder / "decoder.tflite", "r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    with pytest.raises(InputError, match=r"decoder\.tflite is damaged"):
        Codec(Weights.load(folder)).decode(points)
