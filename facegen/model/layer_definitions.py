"""What the networks' layers are in numbers, for Keras and, without TensorFlow, for ONNX."""

from __future__ import annotations

import zlib

import numpy as np

BATCH_NORM_EPSILON = 1e-3  # Keras' default
LEAKY_RELU_SLOPE = 0.3  # LeakyReLU's default in TensorFlow 2.8, which the articles use
CRISP_SLOPE = 0.2  # of leaky ReLU in the crisp decoder and its discriminator


def layer_seed(seed: int, name: str) -> int:
    """The seed of a layer's first weights: one of its own, and no global one."""
    sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode())])
    return int(sequence.generate_state(1)[0])


def upsampling_taps(kernel_size: int, stride: int) -> np.ndarray:
    """Which rows of a convolution's kernel make a row of the equal transposed convolution's.

    The convolution is of pixels repeated `stride` times, so row t of the other is the sum of its
    rows from kernel_size - 1 - t on, `stride` of them where there are. An even kernel gets a row of
    zeros more, so that padding="same" cuts off what the convolution leaves out.

    Returns:
        bool (taps, kernel_size); the same for columns.
    """
    first = kernel_size - 1 - np.arange(kernel_size - kernel_size % 2 + stride)[:, None]
    row = np.arange(kernel_size)
    return (first <= row) & (row < first + stride)
