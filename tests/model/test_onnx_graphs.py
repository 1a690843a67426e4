"""ONNX models against the LiteRT graphs of the same weights, and against Keras."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from facegen.errors import InputError
from facegen.io.files import atomic_output, sha256_of
from facegen.io.weights import DECODERS, FORMAT, FORMAT_VERSION, Weights, default_weights_path
from facegen.model.codec import Codec
from facegen.model.onnx_graphs import build
from facegen.options import ACTIVATIONS, CrispOptions, ModelOptions
from running import TESTS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

with_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs facegen[train]"
)
TOY = TESTS / "toy-weights"
LAST_DIGITS = 1e-4  # float32 arithmetic in another order


def run(model: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime makes of the only input."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return session.run(None, {given.name: inputs})


@pytest.mark.parametrize(
    ("weights", "name", "sigma"),
    [  # the toy's faces are gray near the origin
        (TOY, "plain", 100),
        (default_weights_path(), "plain", 1),
        (default_weights_path(), "crisp", 1),
    ],
    ids=["toy", "default", "default-crisp"],
)
def test_a_decoder_gives_litert_s_pictures_to_1_of_255(weights: Path, name: str, sigma: float):
    loaded = Weights.load(weights)
    z = np.random.default_rng(0).normal(0, sigma, (5, loaded.model.latent_dim)).astype(np.float32)
    (pictures,) = run(build(loaded, DECODERS[name], "{}"), z)
    assert pictures.std() > 0.1
    expected = Codec(loaded, decoder=name).decode_values(z)
    np.testing.assert_allclose(pictures, expected, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("weights", [TOY, default_weights_path()], ids=["toy", "default"])
def test_an_encoder_gives_litert_s_points_of_any_number_of_faces(weights: Path):
    loaded = Weights.load(weights)
    size = loaded.model.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    model = build(loaded, "encoder", "{}")
    for some in (pixels, pixels[:1]):
        found = run(model, some / np.float32(255))
        for values, expected in zip(found, Codec(loaded).encode(some), strict=True):
            np.testing.assert_allclose(values, expected, rtol=0, atol=1 / 255)
    assert found[0].std() > 0.05


def save_weights(folder: Path, options: ModelOptions, **halves) -> Weights:
    """A folder of weights of some arrays, without graphs."""
    from facegen.model.arrays import write_arrays

    for half, variables in halves.items():
        with atomic_output(folder / f"{half}.h5") as temporary:
            write_arrays(variables, temporary)
    files = {path.name: sha256_of(path) for path in folder.glob("*.h5")}
    config = {"format": FORMAT, "format_version": FORMAT_VERSION, "model": asdict(options)}
    (folder / "config.json").write_text(json.dumps({**config, "files": files}))
    return Weights.load(folder)


SMALL = ModelOptions(image_size=8, latent_dim=3, filters=(4,), kernels=(3,), strides=(2,))
NETWORKS = [
    *(replace(SMALL, activation=name) for name in ACTIVATIONS),
    ModelOptions(
        kind="ae", image_size=16, latent_dim=6, filters=(6, 8), kernels=(5, 3), strides=(2, 2)
    ),
    ModelOptions(
        image_size=24,
        latent_dim=4,
        filters=(4, 6, 8, 5),
        kernels=(5, 4, 1, 2),
        strides=(3, 1, 2, 4),
        dense=10,
        decoder_dense=7,
        dropout=0.3,
    ),
    ModelOptions(
        image_size=12,
        latent_dim=3,
        filters=(4, 5, 6),
        kernels=(3, 5, 2),
        strides=(2, 1, 3),
        upsampling=True,
    ),
]


def random_values(variables) -> None:
    """Numbers that no layer begins with: biases, batch norms and last layers of zeros too."""
    random = np.random.default_rng(0)
    for variable in variables:
        low, high = (0.5, 1.5) if len(variable.shape) == 1 else (-0.3, 0.3)
        variable.assign(random.uniform(low, high, variable.shape).astype(np.float16))


@with_tensorflow
@pytest.mark.parametrize("options", NETWORKS, ids=lambda o: f"{o.activation}-{len(o.filters)}")
def test_every_option_of_the_network_gives_what_keras_gives(options: ModelOptions, tmp_path: Path):
    from facegen.model.autoencoder import Autoencoder

    model = Autoencoder(options)
    random_values([*model.encoder.weights, *model.decoder.weights])
    halves = {"encoder": model.encoder.weights, "decoder": model.decoder.weights}
    weights = save_weights(tmp_path, options, **halves)
    random = np.random.default_rng(1)
    images = random.random((4, options.image_size, options.image_size, 3), np.float32)
    found = run(build(weights, "encoder", "{}"), images)
    expected = model.encoder(images, training=False)
    for values, keras in zip(found, expected if len(found) > 1 else [expected], strict=True):
        np.testing.assert_allclose(values, keras, rtol=LAST_DIGITS, atol=LAST_DIGITS)
    z = random.normal(size=(4, options.latent_dim)).astype(np.float32)
    (pictures,) = run(build(weights, "decoder", "{}"), z)
    np.testing.assert_allclose(pictures, model.pictures(z), atol=LAST_DIGITS)
    assert pictures.std() > 0.01


@with_tensorflow
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (2, 2), (5, 3), (4, 1), (1, 2)])
def test_a_decoder_that_repeats_pixels_and_convolves_gives_what_keras_gives(
    size: int, stride: int, tmp_path: Path
):
    import keras

    layers = [
        keras.layers.Dense(4 * 4 * 5, name="to_pixels"),
        keras.layers.Reshape((4, 4, 5)),
        keras.layers.UpSampling2D(stride),
        keras.layers.Conv2D(3, size, padding="same", name="upsampling_convolution_0"),
        keras.layers.Activation("sigmoid"),
    ]
    x = z = keras.Input((3,))
    for layer in layers:
        x = layer(x)
    decoder = keras.Model(z, x)
    random_values(decoder.weights)
    options = ModelOptions(
        image_size=4 * stride, latent_dim=3, filters=(5,), kernels=(size,), strides=(stride,)
    )
    weights = save_weights(tmp_path, options, decoder=decoder.weights)
    points = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    (pictures,) = run(build(weights, "decoder", "{}"), points)
    np.testing.assert_allclose(pictures, decoder(points), atol=LAST_DIGITS)


@with_tensorflow
def test_a_crisp_decoder_of_the_second_generation_gives_what_tensorflow_gives(tmp_path: Path):
    import tensorflow as tf

    from facegen.model.crisp_decoder import CrispDecoder

    options = ModelOptions(
        image_size=16, latent_dim=6, filters=(6, 8), kernels=(3, 3), strides=(2, 2)
    )
    crisp = CrispOptions(filters=(8, 4), mapping=(10,), residual_blocks=(2, 1))
    decoder = CrispDecoder(options, crisp)
    random_values(decoder.weights)
    weights = save_weights(tmp_path, options, crisp_decoder=decoder.weights)
    z = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    z *= np.array([[0], [0.3], [4]], np.float32)
    (pictures,) = run(build(weights, "crisp_decoder", "{}"), z)
    np.testing.assert_allclose(pictures, tf.sigmoid(decoder(z)), atol=LAST_DIGITS)
    assert pictures.std() > 0.01


def change_config(folder: Path, **changes) -> Weights:
    config = json.loads((TOY / "config.json").read_text())
    config["model"] |= changes
    for path in TOY.glob("*.h5"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    return Weights.load(folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch_norm": False}, "no dataset 'convolution_0/bias'"),
        ({"latent_dim": 9}, "belongs to another network: its arrays don't fit"),
        ({"kind": "ae"}, "belongs to another network: logvar/bias is of none"),
    ],
)
def test_arrays_of_another_network_are_refused(tmp_path: Path, changes: dict, reason: str):
    weights = change_config(tmp_path, **changes)
    with pytest.raises(InputError, match=rf"encoder\.h5.* {reason}"):
        build(weights, "encoder", "{}")


def test_common_runtimes_take_the_version_and_the_metadata_say_what_made_it():
    model = onnx.load_from_string(build(Weights.load(TOY), "decoder", '{"a": 1}'))
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    assert {prop.key: prop.value for prop in model.metadata_props} == {"facegen": '{"a": 1}'}
    assert {array.data_type for array in model.graph.initializer} <= {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT64,
    }
