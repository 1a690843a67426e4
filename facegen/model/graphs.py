"""A trained Keras model as a pair of LiteRT graphs (float16 weights, any batch size).

The graphs are not Keras' own: batch normalisation is folded into the convolutions, and a
transposed convolution is written as ordinary ones followed by depth-to-space, which is exactly
equal and which LiteRT runs several times as fast (benchmarks/decode.py).
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from facegen.errors import FacegenError
from facegen.model.autoencoder import HEADS, Autoencoder
from facegen.model.crisp_decoder import CrispDecoder
from facegen.model.layers import BatchNormalization, UpsamplingConvolution
from facegen.notices import silence

# XNNPACK's matrix products are this many channels wide. With fewer, one convolution with zeros in
# its kernel beats one for each phase; with more it is the other way round (1.5 times in all).
GEMM_WIDTH = 16
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, UpsamplingConvolution)


def _taps(size: int, stride: int, phase: int) -> tuple[list[int], tuple[int, int]]:
    """The kernel rows that output row stride * p + phase sees of input rows p - j.

    Row p - j comes through kernel row phase + pad + stride * j.

    Returns:
        The kernel rows in the order of the input's, and how many rows of zeros the input needs
        before the first and after the last.
    """
    pad = max(size - stride, 0) // 2  # rows that padding="same" cuts off at the top
    shifts = [j for j in range(size, -size, -1) if 0 <= phase + pad + stride * j < size]
    return [phase + pad + stride * j for j in shifts], (shifts[0], -shifts[-1])


def transposed_convolution(x, kernel: np.ndarray, bias: np.ndarray, stride: int):
    """Conv2DTranspose(padding="same") as ordinary convolutions and a depth-to-space.

    Each of the stride * stride phases of the output is a small convolution of its own; side by
    side as channels, depth-to-space puts them where they belong.
    Source: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?"

    Args:
        x: float32 (batch, height, width, in).
        kernel: of Conv2DTranspose, (size, size, out, in).
        bias: (out).

    Returns:
        float32 (batch, stride * height, stride * width, out).
    """
    size, _, out_channels, _ = kernel.shape
    one_convolution = out_channels < GEMM_WIDTH or size < stride
    x = (_together if one_convolution else _one_by_one)(x, kernel, bias, stride)
    return tf.nn.depth_to_space(x, stride) if stride > 1 else x


def _one_by_one(x, kernel: np.ndarray, bias: np.ndarray, stride: int):
    """A convolution for each phase, side by side as channels."""
    size = len(kernel)
    phases = []
    for row in range(stride):
        for column in range(stride):
            rows, row_edges = _taps(size, stride, row)
            columns, column_edges = _taps(size, stride, column)
            small = kernel[np.ix_(rows, columns)].transpose(0, 1, 3, 2)
            padding = [(0, 0), row_edges, column_edges, (0, 0)]
            phases.append(tf.nn.bias_add(tf.nn.conv2d(x, small, 1, padding), bias))
    return tf.concat(phases, axis=3)


def _together(x, kernel: np.ndarray, bias: np.ndarray, stride: int):
    """All phases as one convolution, their kernels filled up with zeros to one size."""
    size, _, out_channels, in_channels = kernel.shape
    pad = max(size - stride, 0) // 2
    last = (size - 1 - pad) // stride  # largest j with a kernel row in phase 0
    first = -((stride - 1 + pad) // stride)  # smallest j with one in the last phase
    taps = last - first + 1
    before = -(first * stride + pad)
    around = (before, taps * stride - size - before)
    padded = np.pad(kernel, (around, around, (0, 0), (0, 0)))
    phases = padded.reshape(taps, stride, taps, stride, out_channels, in_channels)
    phases = phases[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
    together = phases.reshape(taps, taps, in_channels, stride**2 * out_channels)
    edges = (last, -first)
    x = tf.nn.conv2d(x, together, 1, [(0, 0), edges, edges, (0, 0)])
    return tf.nn.bias_add(x, np.tile(bias, stride**2))


def _constants(values) -> list[np.ndarray]:
    """What `values()` returns, as arrays, also while a graph is being traced."""
    with tf.init_scope():
        return [np.asarray(value) for value in values()]


def _convolve(x, layer, batch_norm: BatchNormalization | None):
    """One convolution of either kind, with the batch normalisation after it folded in."""
    kernel, *biases = _constants(lambda: layer.weights)
    bias = biases[0] if biases else np.zeros(1, np.float32)
    transposed = not isinstance(layer, keras.layers.Conv2D)
    if isinstance(layer, UpsamplingConvolution):
        [kernel] = _constants(lambda: [layer.transposed_kernel()])
    stride = layer.strides[0]
    if batch_norm is not None:
        scale, shift = _constants(batch_norm.scale_and_shift)
        kernel = kernel * (scale[:, None] if transposed else scale)
        bias = bias * scale + shift
    if not transposed:
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, stride, "SAME"), bias)
    return transposed_convolution(x, kernel, bias, stride)


def inference(x, layers: list[keras.layers.Layer]):
    """Applies a chain of the model's layers as in prediction, with their weights as constants."""
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, CONVOLUTIONS):
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
    traced = tf.function(function, input_signature=[signature], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [traced.get_concrete_function()], tf.Module()
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    with silence():
        return converter.convert()


def export_encoder(model: Autoencoder) -> bytes:
    """The encoder as a LiteRT graph.

    Input: float32 (batch, height, width, channels) in [0, 1]. Output: float32 (batch, 2 *
    latent_dim), mu beside logvar; for an AE (batch, latent_dim), mu alone.
    """
    heads = [layer for layer in model.encoder.layers if layer.name in HEADS]
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


def export_crisp_decoder(decoder: CrispDecoder) -> bytes:
    """A crisp decoder as a LiteRT graph.

    Input: float32 (batch, latent_dim). Output: float32 (batch, height, width, channels) in
    [0, 1].
    """

    def decode(z):
        return tf.sigmoid(decoder(z, lambda layer, x: inference(x, [layer])))

    return _convert(decode, (decoder.latent_dim,))
