"""The crisp decoder: a second decoder for a trained model's latent space.

It is trained in crisp_model.py, against the opponent in discriminator.py. Import this module
late: it costs seconds.

Source: Odena, Dumoulin and Olah 2016, "Deconvolution and checkerboard artifacts".
"""

from __future__ import annotations

import zlib

import keras
import numpy as np
import tensorflow as tf

from facegen.crisp_options import CrispOptions
from facegen.errors import InputError
from facegen.options import ModelOptions

SLOPE = 0.2  # of leaky ReLU, here and in the discriminator


def he_initializer(seed: int, name: str, gain: float = 1.0) -> keras.initializers.Initializer:
    """He's initializer for leaky ReLU, with a seed of its own for each layer."""
    state = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)
    scale = 2 * gain**2 / (1 + SLOPE**2)
    return keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal", int(state[0]))


class SmoothInitializer(keras.initializers.Initializer):
    """Kernels that begin as bilinear interpolation, with some noise.

    Doubled pixels convolved with 1 2 1 (both ways) are bilinear interpolation, so a decoder that
    begins so has no blocks to unlearn.
    """

    NOISE = 0.3  # share of He's random kernels

    def __init__(self, seed: int, name: str):
        self.mixing = he_initializer(seed, f"{name}/mixing")
        self.noise = he_initializer(seed, f"{name}/noise")

    def __call__(self, shape, dtype=None):
        row = np.array([1, 2, 1], np.float32) / 4
        profile = tf.constant(row[:, None] * row)[:, :, None, None]
        smooth = profile * tf.convert_to_tensor(self.mixing((1, 1, *shape[2:])))
        return smooth + self.NOISE * tf.convert_to_tensor(self.noise(shape))


# What input rows q - 1 and q give to output rows 2q - 1 and 2q when each row is doubled and then
# convolved with kernel rows 0, 1, 2: [input row, output row, kernel row].
_DOUBLED = np.array([[[1, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 1]]], np.float32)


class UpsamplingConvolution(keras.layers.Layer):
    """Nearest-neighbour upsampling by 2 and a 3x3 convolution, as one 2x2 convolution.

    Every output pixel sees 2x2 input pixels, so the four phases of the output are four 2x2
    convolutions, with kernels that are sums of the 3x3 kernel's rows and columns. That is 2.25
    times less work than convolving the doubled image, for the same result. No output pixel gets
    more kernel taps than another, which is what makes a checkerboard.

    Input shape: (batch, height, width, channels). Output shape: (batch, 2 height, 2 width,
    filters), zero-padded at the border as padding="same".
    """

    def __init__(self, filters: int, *, initializer, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.initializer = initializer

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(3, 3, input_shape[-1], self.filters), initializer=self.initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        channels = inputs.shape[-1]
        kernel = tf.convert_to_tensor(self.kernel)
        doubled = tf.constant(_DOUBLED, kernel.dtype)
        kernel = tf.einsum("tsj,jkio->tskio", doubled, kernel)
        kernel = tf.einsum("uvk,tskio->tuisvo", doubled, kernel)
        kernel = tf.reshape(kernel, (2, 2, channels, 4 * self.filters))
        # Padded apart: TensorFlow's gradient of explicit padding is 50 times slower in bfloat16.
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
        x = tf.nn.conv2d(padded, kernel, 1, "VALID")
        x = tf.nn.bias_add(x, tf.tile(tf.convert_to_tensor(self.bias), [4]))
        x = tf.nn.depth_to_space(x, 2)
        _, height, width, _ = inputs.shape
        # tf.slice, because the gradient of x[:, 1:-1, 1:-1] is 20 times slower.
        return tf.slice(x, [0, 1, 1, 0], [-1, 2 * height, 2 * width, -1])

    def transposed_weights(self):
        """Kernel (4, 4, filters, channels) and bias of the equal transposed convolution."""
        # Doubled rows overlap, so kernel rows add up: these are rows 2; 1, 2; 0, 1; and 0.
        rows = tf.constant([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], tf.float32)
        kernel = tf.einsum("ri,cj,ijxo->rcox", rows, rows, self.kernel)
        return kernel, tf.convert_to_tensor(self.bias)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return batch, 2 * height, 2 * width, self.filters


def build_crisp_decoder(
    model: ModelOptions, options: CrispOptions, *, precision: str = "float32"
) -> keras.Model:
    """Builds the crisp decoder.

    With the precision "mixed_bfloat16" it computes in bfloat16; its weights stay float32.

    Input shape: (batch, latent_dim), float32.
    Output shape: (batch, image_size, image_size, channels), float32 logits, as the plain one's.

    Raises:
        InputError: the model's strides are not all 2, or it has too many of them.
    """
    depth = len(model.strides)
    if set(model.strides) != {2} or depth > len(options.filters):
        raise InputError(
            f"a crisp decoder needs at most {len(options.filters)} strides, all of them 2; the "
            f"model has {model.strides}"
        )
    z = keras.Input((model.latent_dim,), name="z")
    size, channels = model.smallest_size, model.filters[-1]
    x = keras.layers.Dense(
        size * size * channels,
        kernel_initializer=he_initializer(options.seed, "to_pixels"),
        dtype=precision,
        name="to_pixels",
    )(z)
    x = keras.layers.Reshape((size, size, channels), name="reshape")(x)
    for i, filters in enumerate(options.filters[-depth:]):
        name = f"upsampling_convolution_{i}"
        initializer = SmoothInitializer(options.seed, name)
        x = UpsamplingConvolution(filters, initializer=initializer, dtype=precision, name=name)(x)
        x = keras.layers.LeakyReLU(negative_slope=SLOPE, dtype=precision, name=f"activation_{i}")(x)
    initializer = he_initializer(options.seed, "to_rgb", gain=0.5)
    x = keras.layers.Conv2D(
        model.channels,
        3,
        padding="same",
        kernel_initializer=initializer,
        dtype=precision,
        name="to_rgb",
    )(x)
    x = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(z, x, name="crisp_decoder")
