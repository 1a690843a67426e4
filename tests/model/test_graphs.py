"""Exported graphs against the Keras models they come from."""

from __future__ import annotations

import numpy as np
import pytest

from facegen.errors import FacegenError
from facegen.io.files import atomic_output
from facegen.model.codec import Graph
from facegen.options import ACTIVATIONS, ModelOptions

tf = pytest.importorskip("tensorflow")


def trained_like(options: ModelOptions):
    """A model whose batch norms and biases are not the trivial ones of a fresh model."""
    from facegen.model.autoencoder import Autoencoder

    model = Autoencoder(options)
    random = np.random.default_rng(0)
    for variable in (*model.encoder.weights, *model.decoder.weights):
        if len(variable.shape) == 1:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


@pytest.mark.parametrize(
    ("size", "stride"), [(3, 2), (5, 2), (4, 2), (2, 2), (1, 2), (3, 1), (2, 3), (5, 3), (7, 4)]
)
@pytest.mark.parametrize("channels", [3, 16])
def test_a_transposed_convolution_equals_convolutions_and_depth_to_space(size, stride, channels):
    from facegen.model.graphs import transposed_convolution

    random = np.random.default_rng(size * 10 + stride)
    kernel = random.normal(size=(size, size, channels, 5)).astype(np.float32)
    bias = random.normal(size=channels).astype(np.float32)
    inputs = random.normal(size=(2, 6, 6, 5)).astype(np.float32)
    shape = [2, 6 * stride, 6 * stride, channels]
    expected = tf.nn.conv2d_transpose(inputs, kernel, shape, stride, "SAME") + bias
    outputs = transposed_convolution(inputs, kernel, bias, stride)
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


OPTIONS = [
    ModelOptions(image_size=16, latent_dim=4, filters=(20, 8), kernels=(3, 3), strides=(2, 2)),
    ModelOptions(
        kind="ae", image_size=16, latent_dim=6, filters=(6, 8), kernels=(5, 3), strides=(2, 2)
    ),
    ModelOptions(
        image_size=12,
        latent_dim=4,
        filters=(4, 6, 8),
        kernels=(5, 4, 3),
        strides=(3, 1, 2),
        dense=10,
        decoder_dense=9,
        dropout=0.3,
    ),
    ModelOptions(
        image_size=12,
        latent_dim=4,
        filters=(4, 20, 8),
        kernels=(3, 5, 4),
        strides=(2, 1, 3),
        upsampling=True,
    ),
    *(
        ModelOptions(
            image_size=8, latent_dim=3, filters=(4,), kernels=(3,), strides=(2,), activation=name
        )
        for name in ACTIVATIONS
    ),
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: f"{o.kind}-{o.filters}-{o.activation}")
def test_exported_graphs_give_the_pictures_of_keras(options):
    from facegen.model.export import check_graphs
    from facegen.model.graphs import export_decoder, export_encoder

    model = trained_like(options)
    size = options.image_size
    pixels = np.random.default_rng(1).integers(0, 256, (8, size, size, 3), dtype=np.uint8)
    encoder, decoder = export_encoder(model), export_decoder(model)
    differences = check_graphs(model, encoder, decoder, pixels)
    assert differences["picture"] <= 1 / 255
    if options.kind == "vae":
        logvar = Graph(encoder).run(pixels / np.float32(255))[:, options.latent_dim :]
        expected = model.encoder(pixels / np.float32(255), training=False)[1]
        np.testing.assert_allclose(logvar, expected, rtol=0.02, atol=0.02)


def test_a_graph_of_another_model_is_refused_with_the_difference():
    from facegen.model.export import check_graphs
    from facegen.model.graphs import export_decoder, export_encoder

    options = OPTIONS[0]
    model = trained_like(options)
    encoder, decoder = export_encoder(model), export_decoder(model)
    model.decoder.weights[-1].assign_add([1.0, 0.0, 0.0])  # a redder picture
    pixels = np.zeros((4, 16, 16, 3), np.uint8)
    with pytest.raises(FacegenError, match=r"differ from Keras by 0\.\d+, more than 1/255"):
        check_graphs(model, encoder, decoder, pixels)


def test_arrays_come_back_from_disk_as_float16_and_vectors_exactly(tmp_path):
    from facegen.model.arrays import load_arrays, round_to_float16, write_arrays
    from facegen.model.autoencoder import build_decoder

    model = trained_like(OPTIONS[0]).decoder
    with atomic_output(tmp_path / "decoder.h5") as temporary:
        write_arrays(model.weights, temporary)
    fresh = build_decoder(OPTIONS[0])
    load_arrays(fresh, tmp_path / "decoder.h5")
    for before, after in zip(model.weights, fresh.weights, strict=True):
        np.testing.assert_allclose(after, before, rtol=0 if len(before.shape) == 1 else 2**-11)
    round_to_float16(model.weights)
    for before, after in zip(model.weights, fresh.weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_arrays_of_another_network_are_refused(tmp_path):
    from dataclasses import replace

    from facegen.errors import InputError
    from facegen.model.arrays import load_arrays, write_arrays
    from facegen.model.autoencoder import build_decoder

    with atomic_output(tmp_path / "decoder.h5") as temporary:
        write_arrays(build_decoder(OPTIONS[0]).weights, temporary)
    for change in ({"batch_norm": False}, {"latent_dim": 5}):
        other = build_decoder(replace(OPTIONS[0], **change))
        with pytest.raises(InputError, match=r"decoder\.h5"):
            load_arrays(other, tmp_path / "decoder.h5")
