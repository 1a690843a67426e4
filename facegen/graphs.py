"""A trained Keras model as a pair of LiteRT graphs (float16 weights, any batch size).

The graphs are not Keras' own: batch normalisation is folded into the convolutions, and a
transposed convolution is written as an ordinary one followed by depth-to-space, which is exactly
equal and which LiteRT runs several times as fast (benchmarks/decode.py).
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from facegen.errors import FacegenError
from facegen.hardware import silence
from facegen.model import Autoencoder, BatchNormalization


def subpixel_kernel(kernel: np.ndarray, stride: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The ordinary convolution that is a transposed one, but for depth-to-space.

    Output row s * p + r of Conv2DTranspose(padding="same") receives input row p - j through
    kernel row r + pad + s * j. So each of the s * s phases (r, r') is a small convolution, and
    together they are one convolution with s * s times the channels.
    Source: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?"

    Args:
        kernel: of Conv2DTranspose, (size, size, out, in).
        stride: s, the same both ways.

    Returns:
        A kernel (taps, taps, in, s * s * out), and how many rows (and columns) of zeros the
        input needs before the first and after the last.
    """
    size, _, out_channels, in_channels = kernel.shape
    pad = max(size - stride, 0) // 2  # rows that padding="same" cuts off at the top
    last = (size - 1 - pad) // stride  # largest j with a kernel row in phase 0
    first = -((stride - 1 + pad) // stride)  # smallest j with one in the last phase
    taps = last - first + 1
    before = -(first * stride + pad)
    around = (before, taps * stride - size - before)
    padded = np.pad(kernel, (around, around, (0, 0), (0, 0)))
    phases = padded.reshape(taps, stride, taps, stride, out_channels, in_channels)
    phases = phases[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
    return phases.reshape(taps, taps, in_channels, stride**2 * out_channels), (last, -first)


def _constants(values) -> list[np.ndarray]:
    """What `values()` returns, as arrays, also while a graph is being traced."""
    with tf.init_scope():
        return [np.asarray(value) for value in values()]


def _convolve(x, layer, batch_norm: BatchNormalization | None):
    """One convolution of either kind, with the batch normalisation after it folded in."""
    kernel, *biases = _constants(lambda: layer.weights)
    bias = biases[0] if biases else np.float32(0)
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    if batch_norm is not None:
        scale, shift = _constants(batch_norm.scale_and_shift)
        kernel = kernel * (scale[:, None] if transposed else scale)
        bias = bias * scale + shift
    stride = layer.strides[0]
    if not transposed:
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, stride, "SAME"), bias)
    kernel, edges = subpixel_kernel(kernel, stride)
    x = tf.nn.conv2d(x, kernel, 1, [[0, 0], edges, edges, [0, 0]])
    x = tf.nn.bias_add(x, np.tile(bias, stride**2))
    return tf.nn.depth_to_space(x, stride) if stride > 1 else x


def inference(x, layers: list[keras.layers.Layer]):
    """Applies a chain of the model's layers as in prediction, with their weights as constants."""
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
            batch_norm = following if isinstance(following, BatchNormalization) else None
            x = _convolve(x, layer, batch_norm)
        elif isinstance(layer, keras.layers.Dense):
            kernel, bias = _constants(lambda layer=layer: layer.weights)
            x = tf.nn.bias_add(tf.matmul(x, kernel), bias)
        elif isinstance(layer, keras.layers.Flatten):
            x = tf.reshape(x, [-1, int(np.prod(x.shape[1:]))])
        elif isinstance(layer, keras.layers.Reshape):
            x = tf.reshape(x, [-1, *layer.target_shape])
        elif isinstance(layer, keras.layers.LeakyReLU):
            x = tf.nn.leaky_relu(x, layer.negative_slope)
        elif isinstance(layer, keras.layers.Activation):
            x = layer.activation(x)
        elif not isinstance(
            layer, keras.layers.InputLayer | keras.layers.Dropout | BatchNormalization
        ):
            raise FacegenError(f"cannot export the layer {layer.name}: {type(layer).__name__}")
    return x


def _convert(function, shape: tuple[int, ...]) -> bytes:
    signature = tf.TensorSpec([None, *shape], tf.float32)
    concrete = tf.function(function, input_signature=[signature]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    with silence():
        return converter.convert()


def export_encoder(model: Autoencoder) -> bytes:
    """The encoder as a LiteRT graph.

    Input: float32 (batch, height, width, channels) in [0, 1]. Output: float32 (batch, 2 *
    latent_dim), mu beside logvar; for an AE (batch, latent_dim), mu alone.
    """
    heads = [layer for layer in model.encoder.layers if layer.name in ("mu", "logvar")]
    trunk = [layer for layer in model.encoder.layers if layer not in heads]

    def encode(image):
        x = inference(image, trunk)
        return tf.concat([inference(x, [head]) for head in heads], axis=1)

    return _convert(encode, model.encoder.input_shape[1:])


def export_decoder(model: Autoencoder) -> bytes:
    """The decoder as a LiteRT graph.

    Input: float32 (batch, latent_dim). Output: float32 (batch, height, width, channels) in
    [0, 1].
    """
    return _convert(
        lambda z: tf.sigmoid(inference(z, model.decoder.layers)), model.decoder.input_shape[1:]
    )


def export_crisp_decoder(decoder: keras.Model) -> bytes:
    """A crisp decoder (facegen.crisp) as a LiteRT graph.

    Input: float32 (batch, latent_dim). Output: float32 (batch, height, width, channels) in
    [0, 1].
    """
    return _convert(lambda z: tf.sigmoid(decoder(z)), decoder.input_shape[1:])
