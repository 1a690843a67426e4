"""The crisp decoder's opponent, which tells real faces from generated ones.

Import this module late: it costs seconds.

Sources: Miyato, Kataoka, Koyama and Yoshida 2018 (spectral normalisation); Karras et al. 2018
(standard deviation over the batch); Larsen et al. 2016 (a discriminator's features as the
measure of a reconstruction).
"""

from __future__ import annotations

import zlib

import keras
import numpy as np
import tensorflow as tf

from facegen.crisp import SLOPE, he_initializer
from facegen.crisp_options import CrispOptions
from facegen.options import ModelOptions


class SpectralConvolution(keras.layers.Layer):
    """A convolution with kernel 4 and stride 2 whose largest singular value is held near 1.

    One power iteration a training step. Source: Miyato et al. 2018; the singular value is that
    of the kernel as a matrix (rows: inputs of a pixel, columns: filters), as theirs.

    Input shape: (batch, height, width, channels). Output shape: (batch, height / 2, width / 2,
    filters), linear.
    """

    def __init__(self, filters: int, *, initializer, kernel_size: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.initializer = initializer

    def build(self, input_shape):
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.direction = self.add_weight(
            shape=(self.filters, 1), initializer="ones", trainable=False, name="direction"
        )

    def normalised_kernel(self, *, update: bool):
        """The kernel over its largest singular value; `update` improves the estimate of that."""
        matrix = tf.reshape(tf.convert_to_tensor(self.kernel), (-1, self.filters))
        fixed = tf.stop_gradient(matrix)
        u = tf.math.l2_normalize(tf.matmul(fixed, tf.convert_to_tensor(self.direction)))
        v = tf.math.l2_normalize(tf.matmul(fixed, u, transpose_a=True))
        if update:
            self.direction.assign(v)
        sigma = tf.reduce_sum(u * tf.matmul(matrix, v))
        return tf.convert_to_tensor(self.kernel) / sigma

    def convolve(self, inputs, kernel):
        """Convolves with a kernel that `normalised_kernel` gave."""
        x = tf.nn.conv2d(inputs, kernel, 2, "SAME")
        return tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))


class Discriminator:
    """Tells real faces from generated ones: strided convolutions, and a linear layer at the end.

    The faces are aligned, so each place of the last feature map has a linear layer of its own;
    its scores are not averaged before the hinge: every region has to look real.
    """

    def __init__(self, model: ModelOptions, options: CrispOptions):
        self.dtype = tf.bfloat16 if options.precision == "bfloat16" else tf.float32
        self.convolutions = []
        channels, size = model.channels, model.image_size
        for i, filters in enumerate(options.discriminator_filters):
            if size < 8:  # toy sizes
                break
            layer = SpectralConvolution(
                filters,
                initializer=he_initializer(options.seed, f"discriminator_{i}"),
                name=f"strided_{i}",
            )
            layer.build((None, size, size, channels))
            self.convolutions.append(layer)
            channels, size = filters, (size + 1) // 2
        # One more channel: the standard deviation over the batch (Karras et al. 2018).
        random = np.random.default_rng([options.seed, zlib.crc32(b"scores")])
        initial = random.normal(0, channels**-0.5, (size, size, channels + 1))
        self.scores = keras.Variable(initial.astype(np.float32), name="scores")
        self.score_bias = keras.Variable(np.zeros((size, size), np.float32), name="score_bias")

    @property
    def trainable_variables(self) -> list:
        layers = [v for layer in self.convolutions for v in layer.trainable_variables]
        return [*layers, self.scores, self.score_bias]

    @property
    def variables(self) -> list:
        layers = [v for layer in self.convolutions for v in layer.variables]
        return [*layers, self.scores, self.score_bias]

    def kernels(self, *, update: bool) -> list:
        """The normalised kernels, for any number of `judge`."""
        kernels = [layer.normalised_kernel(update=update) for layer in self.convolutions]
        return [tf.cast(kernel, self.dtype) for kernel in kernels]

    def judge(self, images, kernels: list) -> tuple:
        """Scores and features of images.

        Args:
            images: float32 (batch, size, size, channels) in [0, 1].

        Returns:
            Scores (batch, rows, columns), high for real; and each convolution's output after
            its activation.
        """
        x = tf.cast(2 * images - 1, kernels[0].dtype)
        features = []
        for layer, kernel in zip(self.convolutions, kernels, strict=True):
            x = tf.nn.leaky_relu(layer.convolve(x, kernel), SLOPE)
            features.append(x)
        x = tf.cast(x, tf.float32)
        deviation = tf.sqrt(tf.math.reduce_variance(x, axis=0) + 1e-8)
        deviation = tf.reduce_mean(deviation, axis=-1, keepdims=True)
        x = tf.concat([x, tf.broadcast_to(deviation, (*tf.unstack(tf.shape(x))[:3], 1))], -1)
        scores = tf.reduce_sum(x * tf.convert_to_tensor(self.scores), -1)
        return scores + tf.convert_to_tensor(self.score_bias), features


def _mean(values):
    return tf.reduce_mean(tf.cast(values, tf.float32))


def feature_difference(real: list, generated: list):
    """Mean over the layers of the mean absolute difference, relative to the layer's size."""
    parts = [
        _mean(tf.abs(a - b)) / (_mean(tf.abs(a)) + 1e-6)
        for a, b in zip(map(tf.stop_gradient, real), generated, strict=True)
    ]
    return tf.add_n(parts) / len(parts)
