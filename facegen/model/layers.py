"""Layers that Keras has not, or is slow at. Import this module late: it costs seconds.

Sources: Ioffe and Szegedy 2015 (batch normalisation); Odena, Dumoulin and Olah 2016,
"Deconvolution and checkerboard artifacts" (upsampling before a convolution).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from facegen.model import replicas

BATCH_NORM_EPSILON = 1e-3  # Keras' default
BATCH_NORM_MOMENTUM = 0.99  # Keras' default


class BatchNormalization(keras.layers.Layer):
    """Batch normalisation of the last axis with TensorFlow's fused kernel.

    Keras 3 computes moments and normalisation from single operations instead, which is slower
    on a CPU (benchmarks/train_step.py). Statistics are float32, whatever the inputs are.

    Input shape: (batch, height, width, channels). Output shape: the same.

    Args:
        momentum: gives the share that the moving averages keep at a training step.
    """

    def __init__(self, *, momentum: Callable[[], Any] = lambda: BATCH_NORM_MOMENTUM, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        shape: dict[str, Any] = {"shape": (input_shape[-1],), "autocast": False}
        self.gamma = self.add_weight(initializer="ones", name="gamma", **shape)
        self.beta = self.add_weight(initializer="zeros", name="beta", **shape)
        # Replicas have the same statistics, so that the first one's are all's.
        moving = {**shape, "trainable": False, "aggregation": "only_first_replica"}
        self.moving_mean = self.add_weight(initializer="zeros", name="moving_mean", **moving)
        self.moving_variance = self.add_weight(initializer="ones", name="moving_variance", **moving)

    def call(self, inputs, training=False):
        if not training:
            scale, shift = self.scale_and_shift()
            return inputs * scale + shift
        outputs, mean, variance = self._normalize(inputs)
        momentum = self.momentum()
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * momentum + batch * (1 - momentum))
        return outputs

    def _normalize(self, inputs):
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if replicas.are_several():
            return replicas.batch_norm(inputs, gamma, beta, BATCH_NORM_EPSILON)
        return tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, beta, epsilon=BATCH_NORM_EPSILON, is_training=True
        )

    def scale_and_shift(self):
        """What inference multiplies by and then adds, per channel."""
        scale = self.gamma * tf.math.rsqrt(self.moving_variance + BATCH_NORM_EPSILON)
        return scale, self.beta - self.moving_mean * scale


# What input rows q - 1 and q give to output rows 2q - 1 and 2q when each row is doubled and then
# convolved with kernel rows 0, 1, 2: [input row, output row, kernel row].
_DOUBLED = np.array([[[1, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 1]]], np.float32)


class UpsamplingConvolution(keras.layers.Layer):
    """Nearest-neighbour upsampling and a convolution, without convolving the enlarged image.

    The two are one transposed convolution, whose kernel is made of sums of the convolution's rows
    and columns. With the usual 3x3 kernel and doubling, every output pixel sees 2x2 input pixels,
    so that the four phases of the output are four 2x2 convolutions: 2.25 times less work, for the
    same result. No output pixel gets more kernel taps than another, which is what makes a
    checkerboard. With a kernel of 1 2 1 both ways it is bilinear interpolation, which it can learn.

    Input shape: (batch, height, width, channels). Output shape: (batch, stride * height, stride *
    width, filters), zero-padded at the border as padding="same".
    """

    def __init__(
        self,
        filters: int,
        *,
        initializer,
        kernel_size: int = 3,
        stride: int = 2,
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.initializer = initializer
        self.kernel_size = kernel_size
        self.strides = (stride, stride)
        self.use_bias = use_bias

    def build(self, input_shape):
        size = (self.kernel_size, self.kernel_size)
        self.kernel = self.add_weight(
            shape=(*size, input_shape[-1], self.filters),
            initializer=self.initializer,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        if (self.kernel_size, *self.strides) == (3, 2, 2):
            return self._double(inputs)
        shape = (tf.shape(inputs)[0], *self.compute_output_shape(inputs.shape)[1:])
        x = tf.nn.conv2d_transpose(inputs, self.transposed_kernel(), shape, self.strides)
        return tf.nn.bias_add(x, tf.convert_to_tensor(self.bias)) if self.use_bias else x

    def _double(self, inputs):
        channels = inputs.shape[-1]
        kernel = tf.convert_to_tensor(self.kernel)
        doubled = tf.constant(_DOUBLED, kernel.dtype)
        kernel = tf.einsum("tsj,jkio->tskio", doubled, kernel)
        kernel = tf.einsum("uvk,tskio->tuisvo", doubled, kernel)
        kernel = tf.reshape(kernel, (2, 2, channels, 4 * self.filters))
        # Padded apart: TensorFlow's gradient of explicit padding is 50 times slower in bfloat16.
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
        x = tf.nn.conv2d(padded, kernel, 1, "VALID")
        if self.use_bias:
            x = tf.nn.bias_add(x, tf.tile(tf.convert_to_tensor(self.bias), [4]))
        x = tf.nn.depth_to_space(x, 2)
        _, height, width, _ = inputs.shape
        # tf.slice, because the gradient of x[:, 1:-1, 1:-1] is 20 times slower.
        return tf.slice(x, [0, 1, 1, 0], [-1, 2 * height, 2 * width, -1])

    def transposed_kernel(self):
        """Of the equal transposed convolution, (taps, taps, filters, channels).

        Input pixels are repeated `stride` times, so row t is the sum of the kernel's rows from
        kernel_size - 1 - t on, `stride` of them where there are. An even kernel gets a row of zeros
        more, so that padding="same" cuts off what the convolution leaves out.
        """
        kernel = tf.convert_to_tensor(self.kernel)
        size, stride = self.kernel_size, self.strides[0]
        first = size - 1 - np.arange(size - size % 2 + stride)[:, None]
        row = np.arange(size)
        rows = tf.cast((first <= row) & (row < first + stride), kernel.dtype)
        return tf.einsum("ri,cj,ijxo->rcox", rows, rows, kernel)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        stride = self.strides[0]
        return batch, stride * height, stride * width, self.filters
