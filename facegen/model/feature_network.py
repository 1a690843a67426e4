"""A frozen network trained on ImageNet, through which a discriminator or a judge sees pictures.

EfficientNet-Lite with its batch normalisation folded into the convolutions: a chain of
expansion (1x1), depthwise convolution and projection (1x1), with ReLU6. Any of its sizes: what
the file holds says how many blocks there are and how wide they are. Import this module late: it
costs seconds.

Sources: Tan and Le 2019, "EfficientNet"; the Lite variants (no squeeze and excitation, ReLU6) of
the same authors' repository, 2020.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from facegen.errors import InputError
from facegen.io.torch_files import read_torch_file

STAGE_STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the first block of each run of equally wide blocks
BATCH_NORM_EPSILON = 1e-3
FEATURE_STAGES = (1, 2, 4, 6)  # after which a picture's maps are 1/4, 1/8, 1/16, 1/32 as large


class Convolution:
    """A convolution with the batch normalisation behind it folded in.

    Attributes:
        kernel: float32 (height, width, in, out); of a depthwise one (height, width, channels, 1).
        bias: float32 (out).
    """

    def __init__(self, arrays: dict[str, np.ndarray], convolution: str, norm: str):
        scale = arrays[f"{norm}.weight"] / np.sqrt(
            arrays[f"{norm}.running_var"] + BATCH_NORM_EPSILON
        )
        kernel = arrays[f"{convolution}.weight"] * scale[:, None, None, None]
        self.bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale
        self.kernel = kernel.transpose(2, 3, 1, 0)

    def __call__(self, x, stride: int = 1):
        x = tf.nn.conv2d(x, tf.constant(self.kernel, x.dtype), stride, "SAME")
        return tf.nn.bias_add(x, tf.constant(self.bias, x.dtype))


class DepthwiseConvolution(Convolution):
    """A convolution of each channel by itself."""

    def __call__(self, x, stride: int = 1):
        kernel = tf.constant(self.kernel.transpose(0, 1, 3, 2), x.dtype)
        x = tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")
        return tf.nn.bias_add(x, tf.constant(self.bias, x.dtype))


class Block:
    """An inverted residual block (Sandler et al. 2018): wider, depthwise, narrower again."""

    def __init__(self, arrays: dict[str, np.ndarray], name: str):
        self.expand = None
        if f"{name}._expand_conv.weight" in arrays:
            self.expand = Convolution(arrays, f"{name}._expand_conv", f"{name}._bn0")
        self.depthwise = DepthwiseConvolution(arrays, f"{name}._depthwise_conv", f"{name}._bn1")
        self.project = Convolution(arrays, f"{name}._project_conv", f"{name}._bn2")
        self.channels = len(self.project.bias)

    def __call__(self, x, stride: int):
        h = x if self.expand is None else tf.nn.relu6(self.expand(x))
        h = self.project(tf.nn.relu6(self.depthwise(h, stride)))
        return x + h if stride == 1 and x.shape[-1] == self.channels else h


class FeatureNetwork:
    """EfficientNet-Lite up to its last block, and its pooled features.

    Attributes:
        channels: of the four maps of `maps`.
    """

    def __init__(self, path: str | os.PathLike):
        """path: a PyTorch file of the network's weights.

        Raises:
            MissingFileError, InputError: it is missing, or not such a network's.
        """
        arrays = read_torch_file(path)
        try:
            self.stem = Convolution(arrays, "_conv_stem", "_bn0")
            self.head = Convolution(arrays, "_conv_head", "_bn1")
            blocks: list[Block] = []
            while f"_blocks.{len(blocks)}._project_conv.weight" in arrays:
                blocks.append(Block(arrays, f"_blocks.{len(blocks)}"))
        except KeyError as error:
            raise InputError(f"{path} is not an EfficientNet-Lite: it has no {error}") from error
        self.stages: list[list[Block]] = []
        for block in blocks:
            if not self.stages or self.stages[-1][0].channels != block.channels:
                self.stages.append([])
            self.stages[-1].append(block)
        if len(self.stages) != len(STAGE_STRIDES):
            raise InputError(f"{path} is not an EfficientNet-Lite: {len(self.stages)} stages")
        self.channels = tuple(self.stages[stage][0].channels for stage in FEATURE_STAGES)

    def maps(self, images, dtype=tf.float32) -> list:
        """Four maps of images, the finest first.

        Args:
            images: float32 (N, size, size, 3) in [0, 1].
            dtype: of the arithmetic.

        Returns:
            (N, size / 4, size / 4, channels[0]) to (N, size / 32, size / 32, channels[3]).
        """
        x = tf.cast((images * 255 - 127) / 128, dtype)
        x = tf.nn.relu6(self.stem(x, 2))
        found = []
        for i, (stage, first_stride) in enumerate(zip(self.stages, STAGE_STRIDES, strict=True)):
            for block in stage:
                x = block(x, first_stride if block is stage[0] else 1)
            if i in FEATURE_STAGES:
                found.append(x)
        return found

    def pooled(self, images):
        """The features that its classifier sees, float32 (N, 1280): means over the last map."""
        return tf.reduce_mean(tf.nn.relu6(self.head(self.maps(images)[-1])), [1, 2])
