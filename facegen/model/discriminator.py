"""The crisp decoder's opponents, which tell real faces from generated ones.

One sees faces through a frozen network that knows objects, at four scales: whole faces, eyes,
hair. The other sees the pixels, for what the frozen network's first, strided convolution does
not: dots and grids. Import this module late: it costs seconds.

Sources: Sauer, Chitta, Mueller and Geiger 2021, "Projected GANs converge faster"; Miyato,
Kataoka, Koyama and Yoshida 2018 (spectral normalisation); Karras et al. 2018 (standard deviation
over the batch); Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training";
Miyato and Koyama 2018 (an opponent that knows of which kind a picture is said to be).
"""

from __future__ import annotations

import zlib
from itertools import pairwise

import keras
import numpy as np
import tensorflow as tf

from facegen.model.crisp_decoder import he_initializer
from facegen.model.feature_network import FeatureNetwork
from facegen.model.layer_definitions import CRISP_SLOPE

KINDS = ("reconstruction", "normal", "wide")  # of generated faces, by where their points come from
MIXED_CHANNELS = (48, 64, 96, 128)  # of the frozen network's maps, the finest first
HEAD_CHANNELS = 96
PIXEL_CHANNELS = (32, 64)
BRIGHTNESS, SATURATION, CONTRAST = (-0.1, 0.1), (0.8, 1.2), (0.85, 1.15)
SHIFT = 1 / 8  # of the picture's size, at most
STREAM = np.array([0, 1 << 42])  # added to a step's seed: draws of their own


def draw_views(count: int, size: int, seed) -> list:
    """Shifts and colour changes of `count` images: five tensors, (count) first.

    Args:
        size: of the images, in pixels.
        seed: int64 (2).
    """
    colours = [
        tf.random.stateless_uniform((count, 1, 1, 1), seed + (i + 1) * STREAM, *limits)
        for i, limits in enumerate((BRIGHTNESS, SATURATION, CONTRAST))
    ]
    most = round(SHIFT * size)
    shifts = [
        tf.random.stateless_uniform((count, 1), seed + i * STREAM, -most, most + 1, tf.int64)
        for i in (4, 5)
    ]
    return colours + shifts


def view(images, draws: list):
    """Images shifted and their colours changed a little; what comes in from outside is black.

    Args:
        images: float32 (batch, size, size, channels) in [0, 1].
        draws: of `draw_views`, for this batch.

    Returns:
        float32 of the same shape, not clipped.
    """
    brightness, saturation, contrast, down, right = draws
    x = images + brightness
    gray = tf.reduce_mean(x, 3, keepdims=True)
    x = gray + (x - gray) * saturation
    mean = tf.reduce_mean(x, [1, 2, 3], keepdims=True)
    x = mean + (x - mean) * contrast
    x = _picked(_picked(x, down), right)
    return tf.ensure_shape(x, images.shape)


def _picked(x, shift):
    """Rows shifted, and then rows and columns exchanged; so twice shifts both ways.

    By matrices of ones and zeros: the gradient of gathered rows is many times slower.
    """
    count, size, _, channels = x.shape
    matrix = tf.one_hot(tf.range(size, dtype=tf.int64) + shift, size)
    x = tf.matmul(matrix, tf.reshape(x, (count, size, size * channels)))
    return tf.transpose(tf.reshape(x, (count, size, size, channels)), (0, 2, 1, 3))


class SpectralConvolution(keras.layers.Layer):
    """A convolution whose largest singular value is held near 1.

    One power iteration a training step. Source: Miyato et al. 2018; the singular value is that
    of the kernel as a matrix (rows: inputs of a pixel, columns: filters), as theirs.

    Input shape: (batch, height, width, channels). Output shape: (batch, height / stride,
    width / stride, filters), linear.
    """

    def __init__(self, filters: int, *, initializer, kernel_size: int, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride
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
        x = tf.nn.conv2d(inputs, tf.cast(kernel, inputs.dtype), self.stride, "SAME")
        return tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))


class Head:
    """From a map to scores: strided convolutions down to the coarsest map's size, then two more.

    The last is one for each of `KINDS`. With one for all, faces only had to be right as a mixture:
    those of normal points stayed too much alike, those of cubes too odd.
    The standard deviation over a group is one more channel before the last two.
    """

    def __init__(self, name: str, *, channels: int, filters: tuple[int, ...], seed: int, **shape):
        self.convolutions: list[SpectralConvolution] = []
        for i, width in enumerate(filters):
            self._add(f"{name}_strided_{i}", channels, width, seed, kernel_size=4, stride=2)
            channels = width
        width = filters[-1] if filters else channels
        self._add(f"{name}_last", channels + 1, width, seed, kernel_size=3)
        for kind in KINDS:
            self._add(f"{name}_score_{kind}", width, 1, seed, kernel_size=3)

    def _add(self, name: str, channels: int, filters: int, seed: int, **shape: int) -> None:
        layer = SpectralConvolution(
            filters, initializer=he_initializer(seed, name), name=name, **shape
        )
        layer.build((None, None, None, channels))
        self.convolutions.append(layer)

    def __call__(self, x, kernels: list, groups: int):
        """Scores (batch, rows, columns, kinds), float32; high for real."""
        convolutions = list(zip(self.convolutions, kernels, strict=True))
        strided, scores = convolutions[: -len(KINDS) - 1], convolutions[-len(KINDS) :]
        last = convolutions[-len(KINDS) - 1]
        for layer, kernel in strided:
            x = tf.nn.leaky_relu(layer.convolve(x, kernel), CRISP_SLOPE)
        x = tf.concat([x, _deviation(x, groups)], -1)
        x = tf.nn.leaky_relu(last[0].convolve(x, last[1]), CRISP_SLOPE)
        found = tf.concat([layer.convolve(x, kernel) for layer, kernel in scores], -1)
        return tf.cast(found, tf.float32)


def _deviation(x, groups: int):
    """The standard deviation over each group, mean over the channels: (batch, rows, columns, 1)."""
    size = x.shape[0] // groups
    grouped = tf.reshape(tf.cast(x, tf.float32), (groups, size, *x.shape[1:]))
    deviation = tf.sqrt(tf.math.reduce_variance(grouped, axis=1) + 1e-8)
    deviation = tf.cast(tf.reduce_mean(deviation, axis=-1, keepdims=True), x.dtype)
    return tf.repeat(deviation, size, axis=0)


def own_scores(scores: list) -> list:
    """Of generated faces, in equal groups by `KINDS`, what their own kind's layers say.

    Args:
        scores: of `Discriminator.scores`.

    Returns:
        For each head (batch, rows, columns).
    """
    size = scores[0].shape[0] // len(KINDS)
    own = np.repeat(np.eye(len(KINDS), dtype=np.float32), size, axis=0)[:, None, None, :]
    return [tf.reduce_sum(score * own, -1) for score in scores]


class Discriminator:
    """The heads of both opponents, and the frozen network with its fixed random mixing."""

    def __init__(self, network: FeatureNetwork, *, seed: int, channels: int, dtype=tf.float32):
        self.network = network
        self.dtype = dtype
        self.mixing = _random_mixing(network.channels, seed)
        self.heads = [
            Head(f"scale_{i}", channels=width, filters=(HEAD_CHANNELS,) * (3 - i), seed=seed)
            for i, width in enumerate(MIXED_CHANNELS)
        ]
        self.heads.append(Head("pixels", channels=channels, filters=PIXEL_CHANNELS, seed=seed))

    @property
    def convolutions(self) -> list[SpectralConvolution]:
        return [layer for head in self.heads for layer in head.convolutions]

    @property
    def trainable_variables(self) -> list:
        return [v for layer in self.convolutions for v in layer.trainable_variables]

    @property
    def variables(self) -> list:
        return [v for layer in self.convolutions for v in layer.variables]

    def kernels(self, *, update: bool) -> list:
        """The normalised kernels, for any number of `scores`."""
        return [layer.normalised_kernel(update=update) for layer in self.convolutions]

    def mixed(self, maps: list) -> list:
        """The network's maps, mixed across channels and from coarse to fine by fixed kernels."""
        across, down = self.mixing
        wide = [
            tf.nn.conv2d(x, tf.constant(k, x.dtype), 1, "SAME")
            for x, k in zip(maps, across, strict=True)
        ]
        found = [wide[-1]]
        for x, kernel in zip(wide[-2::-1], down[::-1], strict=True):
            larger = _doubled(found[-1], x.shape[1:3])
            found.append(x + tf.nn.conv2d(larger, tf.constant(kernel, x.dtype), 1, "SAME"))
        return found[::-1]

    def scores(self, images, maps: list, kernels: list, *, groups: int) -> list:
        """What each head says of images: (batch, rows, columns, kinds), high for real.

        Args:
            groups: equal ones, in which the deviation is taken.
            images: float32 (batch, size, size, channels) in [0, 1].
            maps: of the frozen network, for these images.
        """
        kernels = list(kernels)
        inputs = [*self.mixed(maps), 2 * images - 1]
        found = []
        for head, x in zip(self.heads, inputs, strict=True):
            own = [kernels.pop(0) for _ in head.convolutions]
            found.append(head(tf.cast(x, self.dtype), own, groups))
        return found


def _doubled(x, size):
    """Bilinear enlarging to a size, in float32."""
    return tf.cast(tf.image.resize(tf.cast(x, tf.float32), size), x.dtype)


def _random_mixing(channels: tuple[int, ...], seed: int):
    """Fixed kernels: across channels (1x1), and from each map to the next finer one (3x3)."""
    random = np.random.default_rng([seed, zlib.crc32(b"mixing")])

    def kernel(size: int, inputs: int, outputs: int) -> np.ndarray:
        scale = (2 / (size * size * inputs)) ** 0.5
        return random.normal(0, scale, (size, size, inputs, outputs)).astype(np.float32)

    across = [kernel(1, a, b) for a, b in zip(channels, MIXED_CHANNELS, strict=True)]
    down = [kernel(3, b, a) for a, b in pairwise(MIXED_CHANNELS)]
    return across, down


def hinge(real: list, generated: list):
    """The discriminator's loss, summed over the heads (Lim and Ye 2017)."""
    parts = [
        tf.reduce_mean(tf.nn.relu(1 - a)) + tf.reduce_mean(tf.nn.relu(1 + b))
        for a, b in zip(real, generated, strict=True)
    ]
    return tf.add_n(parts)


def _mean(values):
    return tf.reduce_mean(tf.cast(values, tf.float32))


def feature_difference(real: list, generated: list):
    """Sum over the maps of the mean absolute difference, relative to the map's size."""
    parts = [
        _mean(tf.abs(tf.cast(a, tf.float32) - tf.cast(b, tf.float32))) / (_mean(tf.abs(a)) + 1e-6)
        for a, b in zip(map(tf.stop_gradient, real), generated, strict=True)
    ]
    return tf.add_n(parts)
