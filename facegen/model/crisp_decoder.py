"""The crisp decoder: a second decoder for a trained model's latent space.

It is trained in adversarial.py, against the opponents in discriminator.py. Import this module
late: it costs seconds.

Source: Odena, Dumoulin and Olah 2016, "Deconvolution and checkerboard artifacts".
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from facegen.errors import InputError
from facegen.model.layers import UpsamplingConvolution
from facegen.options import CrispOptions, ModelOptions

SLOPE = 0.2  # of leaky ReLU, here and in the discriminator

Apply = Callable[[keras.layers.Layer, Any], Any]


def he_initializer(seed: int, name: str, gain: float = 1.0) -> keras.initializers.Initializer:
    """He's initializer for leaky ReLU, with a seed of its own for each layer."""
    state = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)
    scale = 2 * gain**2 / (1 + SLOPE**2)
    return keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal", int(state[0]))


def nearer(z):
    """Takes points that lie beyond the radius R of a unit normal, sqrt(latent_dim), nearer to it.

    |z| becomes R (|z| / R)^(1/4), the direction stays: so faces of far points hold together, and
    no two points become one.

    Args:
        z: float32 (batch, latent_dim).
    """
    ratio = tf.sqrt(tf.maximum(tf.reduce_mean(z * z, axis=1, keepdims=True), 1.0))
    return z * (tf.sqrt(tf.sqrt(ratio)) / ratio)


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


class ResidualBlock:
    """x + wide(act(narrow(act(x)))): two 3x3 convolutions that begin as the identity.

    Sources: He et al. 2016 (v2); Goyal et al. 2017 (a last layer of zeros).
    """

    HIDDEN = 128  # channels between the two convolutions, at most

    def __init__(self, name: str, *, size: int, channels: int, style: int, seed: int, dtype: str):
        hidden = min(channels, self.HIDDEN)
        self.narrow = _convolution(f"{name}_narrow", hidden, he_initializer(seed, name), dtype)
        self.wide = _convolution(f"{name}_wide", channels, "zeros", dtype)
        self.style = Style(f"{name}_style", hidden, style, dtype)
        self.narrow.build((None, size, size, channels))
        self.wide.build((None, size, size, hidden))
        self.layers = [self.narrow, self.wide, self.style.dense]

    def __call__(self, x, w, apply: Apply):
        h = apply(self.narrow, tf.nn.leaky_relu(x, SLOPE))
        return x + apply(self.wide, self.style(tf.nn.leaky_relu(h, SLOPE), w, apply))


class Style:
    """Scales the channels of a map by what the point says: x * (1 + dense(w)), at first x.

    So that features can be switched on and off, where a sum of them could only blend.
    Source: Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN" (they
    scale kernels; to scale their input is the same, but for the normalisation).
    """

    def __init__(self, name: str, channels: int, inputs: int, dtype: str):
        self.dense = keras.layers.Dense(
            channels, kernel_initializer="zeros", dtype=dtype, name=name
        )
        self.dense.build((None, inputs))

    def __call__(self, x, w, apply: Apply):
        return x * (1 + apply(self.dense, w)[:, None, None, :])


def _convolution(name: str, filters: int, initializer, dtype: str) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        filters, 3, padding="same", kernel_initializer=initializer, dtype=dtype, name=name
    )


class CrispDecoder:
    """The crisp decoder: a point, mixed, to a small map, doubled until it is a picture.

    z = nearer(z)
    z + mapping(z) -> dense -> (residual blocks, doubling and convolution) for each stride -> RGB

    With the precision "mixed_bfloat16" it computes in bfloat16; its weights stay float32.

    Raises:
        InputError: the model's strides are not all 2, or it has too many of them.
    """

    def __init__(self, model: ModelOptions, options: CrispOptions, *, precision: str = "float32"):
        depth = len(model.strides)
        if set(model.strides) != {2} or depth > len(options.filters):
            raise InputError(
                f"a crisp decoder needs at most {len(options.filters)} strides, all of them 2; "
                f"the model has {model.strides}"
            )
        self.latent_dim = model.latent_dim
        self.dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
        seed, dim = options.seed, model.latent_dim
        size, channels = model.smallest_size, model.filters[-1]
        self.map_shape = (size, size, channels)
        self.mapping = self._mapping(dim, options, precision)
        self.to_pixels = keras.layers.Dense(
            size * size * channels,
            kernel_initializer=he_initializer(seed, "to_pixels"),
            dtype=precision,
            name="to_pixels",
        )
        self.to_pixels.build((None, dim))
        self.stages: list[tuple[list[ResidualBlock], UpsamplingConvolution, Style]] = []
        widths, blocks = options.filters[-depth:], options.residual_blocks[-depth:]
        for i, (filters, count) in enumerate(zip(widths, blocks, strict=True)):
            settings = {"size": size, "channels": channels, "style": dim, "seed": seed}
            residual = [
                ResidualBlock(f"residual_{i}_{j}", **settings, dtype=precision)
                for j in range(count)
            ]
            name = f"upsampling_convolution_{i}"
            initializer = SmoothInitializer(seed, name)
            doubling = UpsamplingConvolution(
                filters, initializer=initializer, dtype=precision, name=name
            )
            doubling.build((None, size, size, channels))
            style = Style(f"style_{i}", channels, dim, precision)
            self.stages.append((residual, doubling, style))
            size, channels = 2 * size, filters
        initializer = he_initializer(seed, "to_rgb", gain=0.5)
        self.to_rgb = _convolution("to_rgb", model.channels, initializer, precision)
        self.to_rgb.build((None, size, size, channels))

    @staticmethod
    def _mapping(dim: int, options: CrispOptions, precision: str) -> list[keras.layers.Dense]:
        """The layers of mapping(z), the last of zeros, so that it begins as the identity."""
        layers, inputs = [], dim
        for i, units in enumerate((*options.mapping, dim)):
            name, last = f"mapping_{i}", i == len(options.mapping)
            initializer = "zeros" if last else he_initializer(options.seed, name)
            layer = keras.layers.Dense(
                units, kernel_initializer=initializer, dtype=precision, name=name
            )
            layer.build((None, inputs))
            layers.append(layer)
            inputs = units
        return layers

    @property
    def layers(self) -> list[keras.layers.Layer]:
        stages = [
            [*(layer for block in residual for layer in block.layers), doubling, style.dense]
            for residual, doubling, style in self.stages
        ]
        return [*self.mapping, self.to_pixels, *(x for stage in stages for x in stage), self.to_rgb]

    @property
    def weights(self) -> list[keras.Variable]:
        """All arrays, all of them trainable."""
        return [variable for layer in self.layers for variable in layer.weights]

    def __call__(self, z, apply: Apply = lambda layer, x: layer(x)):
        """Points to logits, as the plain decoder gives them.

        Args:
            z: float32 (batch, latent_dim).
            apply: how a layer is applied; the export puts other operations in its place.

        Returns:
            float32 (batch, image_size, image_size, channels).
        """
        w = z = tf.cast(nearer(z), self.dtype)
        for i, layer in enumerate(self.mapping):
            w = apply(layer, w if i == 0 else tf.nn.leaky_relu(w, SLOPE))
        w = z + w
        x = tf.reshape(apply(self.to_pixels, w), (-1, *self.map_shape))
        for residual, doubling, style in self.stages:
            for block in residual:
                x = block(x, w, apply)
            x = tf.nn.leaky_relu(apply(doubling, style(x, w, apply)), SLOPE)
        return tf.cast(apply(self.to_rgb, x), tf.float32)
