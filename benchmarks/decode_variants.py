"""The decoders that decode.py compares; run by it, one variant in each process.

All have the same weights, those of the folder given, and take the same normal points, seed 0.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import measure
import numpy as np

from facegen.images.pixels import to_pixels
from facegen.io.weights import Weights
from facegen.latent import random_points

Decode = Callable[[np.ndarray], np.ndarray]  # points to pixels, uint8

LITERT_BATCH = 32
KERAS_BATCH = 128  # the fastest of 32, 64 and 128; PyTorch's too


def facegen(weights: Weights, threads: int, *, decoder: str) -> Decode:
    from facegen.model.codec import Codec

    return Codec(weights, decoder=decoder, threads=threads).decode


def _keras_decoder(weights: Weights, threads: int):
    """Keras' own layers with the weights of the folder, and a sigmoid at the end."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    import keras

    from facegen.model.arrays import load_arrays
    from facegen.model.autoencoder import build_decoder

    trained = build_decoder(weights.model)
    load_arrays(trained, weights.path / "decoder.h5")
    z = keras.Input((weights.model.latent_dim,))
    x = z
    for layer in trained.layers[1:]:
        if type(layer).__name__ == "BatchNormalization":
            stock = keras.layers.BatchNormalization()
        else:
            stock = type(layer).from_config(layer.get_config())
        x = stock(x)
        stock.set_weights(layer.get_weights())
    return keras.Model(z, keras.layers.Activation("sigmoid")(x))


def litert_stock(weights: Weights, threads: int) -> Decode:
    """LiteRT with the graph that the converter makes of the Keras model as it stands."""
    decoder = _keras_decoder(weights, threads)
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from facegen.model.codec import Graph

    signature = [tf.TensorSpec([None, *decoder.input_shape[1:]], tf.float32)]
    function = tf.function(lambda z: decoder(z, training=False), input_signature=signature)
    # Frozen, because the converter may lose the values of Keras 3 variables.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], None)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    graph = Graph(converter.convert(), threads=threads)

    def decode(z):
        starts = range(0, len(z), LITERT_BATCH)
        return np.concatenate([to_pixels(graph.run(z[i : i + LITERT_BATCH])) for i in starts])

    return decode


def keras_predict(weights: Weights, threads: int) -> Decode:
    decoder = _keras_decoder(weights, threads)
    return lambda z: to_pixels(decoder.predict(z, batch_size=KERAS_BATCH, verbose=0))


def pytorch(weights: Weights, threads: int, *, channels_last: bool) -> Decode:
    """PyTorch, not compiled, with the weights of the folder.

    Its ConvTranspose2d pads at the other end than TensorFlow's, so this network is the mirror
    image, both ways, of the Keras one: the same work, and the same picture once it is turned.
    """
    decoder = _keras_decoder(weights, threads)
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    size, filters = weights.model.smallest_size, weights.model.filters[-1]
    layers: list[nn.Module] = []
    for layer in decoder.layers[1:]:
        arrays = [torch.tensor(array) for array in layer.get_weights()]
        kind = type(layer).__name__
        if kind == "Dense":
            kernel = arrays[0].reshape(-1, size, size, filters).flip(1, 2)
            bias = arrays[1].reshape(size, size, filters).flip(0, 1)
            new = nn.Linear(len(kernel), size * size * filters)
            new.weight.data = kernel.permute(3, 1, 2, 0).reshape(-1, len(kernel)).contiguous()
            new.bias.data = bias.permute(2, 0, 1).reshape(-1)
        elif kind == "Reshape":
            new = nn.Unflatten(1, (filters, size, size))
        elif kind == "Conv2DTranspose":
            _, _, after, before = arrays[0].shape
            new = nn.ConvTranspose2d(
                before, after, 3, 2, padding=1, output_padding=1, bias=layer.use_bias
            )
            new.weight.data = arrays[0].flip(0, 1).permute(3, 2, 0, 1).contiguous()
            if layer.use_bias:
                new.bias.data = arrays[1]
        elif kind == "BatchNormalization":
            new = nn.BatchNorm2d(len(arrays[0]), eps=layer.epsilon)
            new.weight.data, new.bias.data, new.running_mean, new.running_var = arrays
        elif kind == "LeakyReLU":
            new = nn.LeakyReLU(layer.negative_slope)
        else:
            new = nn.Sigmoid()
        layers.append(new)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    model = nn.Sequential(*layers).eval().to(memory_format=memory_format)

    @torch.inference_mode()
    def decode(z):
        parts = []
        for start in range(0, len(z), KERAS_BATCH):
            images = model(torch.from_numpy(z[start : start + KERAS_BATCH]))
            pixels = (images * 255).round_().to(torch.uint8)
            parts.append(pixels.permute(0, 2, 3, 1).numpy()[:, ::-1, ::-1])
        return np.concatenate(parts)

    return decode


VARIANTS: dict[str, Callable[[Weights, int], Decode]] = {
    "facegen": lambda weights, threads: facegen(weights, threads, decoder="plain"),
    "facegen, crisp decoder": lambda weights, threads: facegen(weights, threads, decoder="crisp"),
    "LiteRT, stock transposed convolution": litert_stock,
    "Keras predict": keras_predict,
    "PyTorch": lambda weights, threads: pytorch(weights, threads, channels_last=False),
    "PyTorch channels_last": lambda weights, threads: pytorch(weights, threads, channels_last=True),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=list(VARIANTS))
    parser.add_argument("threads", type=int)
    parser.add_argument("images", type=int)
    parser.add_argument("weights", type=Path)
    parser.add_argument("output", type=Path, help="for 32 faces, to be compared (.npy)")
    chosen = parser.parse_args()
    weights = Weights.load(chosen.weights)
    decode = VARIANTS[chosen.variant](weights, chosen.threads)
    z = random_points.normal(range(chosen.images), weights.model.latent_dim, seed=0)
    np.save(chosen.output, decode(z[:32]))
    measure.serve(lambda times: [decode(z) for _ in range(times)])


if __name__ == "__main__":
    main()
