"""The layers of the networks as nodes of an ONNX graph, with arrays from a file of weights."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from facegen.errors import InputError
from facegen.io import hdf5

# As the layers in Keras have them, whose modules import TensorFlow.
BATCH_NORM_EPSILON, LEAKY_RELU_SLOPE, CRISP_SLOPE = 1e-3, 0.3, 0.2
ACTIVATIONS = {"relu": "Relu", "elu": "Elu", "selu": "Selu", "tanh": "Tanh"}
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


class Network:
    """A graph as it is built: its nodes in their order, its constants, and the arrays not used yet.

    What its methods take and return are names of values.
    """

    def __init__(self, file: h5py.File):
        self.file = file
        self.layers = hdf5.members(file, "/")
        self.unused = {f"{one}/{name}" for one in self.layers for name in hdf5.members(file, one)}
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def array(self, name: str, ndim: int) -> np.ndarray:
        """An array of the file, float32."""
        self.unused.discard(name)
        return hdf5.dataset(self.file, name, ndim=ndim)[()].astype(np.float32)

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        array: np.ndarray = np.asarray(value, dtype)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operation: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def leaky_relu(self, x: str, slope: float) -> str:
        return self.add("LeakyRelu", x, alpha=slope)

    def activation(self, x: str, name: str) -> str:
        """One of `facegen.options.ACTIVATIONS`, as Keras defines it."""
        if name == "leaky_relu":
            return self.leaky_relu(x, LEAKY_RELU_SLOPE)
        if name == "silu":
            return self.add("Mul", x, self.add("Sigmoid", x))
        if name == "gelu":  # an operation of its own only since opset 20
            share = self.add("Erf", self.add("Mul", x, self.constant(math.sqrt(0.5))))
            half = self.add("Mul", x, self.constant(0.5))
            return self.add("Mul", half, self.add("Add", share, self.constant(1.0)))
        if name not in ACTIVATIONS:
            raise InputError(f"the activation {name} can't be exported to ONNX")
        return self.add(ACTIVATIONS[name], x)

    def dense(self, x: str, layer: str, *, plus: float = 0, output: str = "") -> str:
        """x @ kernel + bias + plus."""
        kernel = self.constant(self.array(f"{layer}/kernel", 2))
        bias = self.constant(self.array(f"{layer}/bias", 1) + np.float32(plus))
        return self.add("Gemm", x, kernel, bias, output=output)

    def convolution(
        self, x: str, layer: str, *, size: int, stride: int = 1, norm: str | None = None
    ) -> str:
        """Conv2D(padding="same") of a map of size x size."""
        kernel, bias = self._folded(layer, norm, outputs=3)
        rows = kernel.shape[0]
        padding = max((-(-size // stride) - 1) * stride + rows - size, 0)
        before = padding // 2
        pads = [before, before, padding - before, padding - before]
        arrays = (self.constant(kernel.transpose(3, 2, 0, 1)), self.constant(bias))
        return self.add("Conv", x, *arrays, strides=[stride] * 2, pads=pads)

    def transposed(self, x: str, layer: str, *, stride: int, norm: str | None = None) -> str:
        """Conv2DTranspose(padding="same"), which makes a map `stride` times as large."""
        return self._transposed(x, *self._folded(layer, norm, outputs=2), stride)

    def upsampled(self, x: str, layer: str, *, stride: int, norm: str | None = None) -> str:
        """Pixels repeated `stride` times and Conv2D(padding="same"), as a transposed convolution.

        Row t of its kernel is the sum of the convolution's rows from size - 1 - t on, `stride` of
        them where there are. An even kernel gets a row of zeros more, which "same" cuts off.
        """
        kernel, bias = self._folded(layer, norm, outputs=3)
        size = kernel.shape[0]
        first = size - 1 - np.arange(size - size % 2 + stride)[:, None]
        row = np.arange(size)
        rows = ((first <= row) & (row < first + stride)).astype(np.float32)
        return self._transposed(x, np.einsum("ri,cj,ijxo->rcox", rows, rows, kernel), bias, stride)

    def _transposed(self, x: str, kernel: np.ndarray, bias: np.ndarray, stride: int) -> str:
        rows = kernel.shape[0]
        padding = max(rows - stride, 0)  # rows and columns that "same" cuts off
        before = padding // 2
        return self.add(
            "ConvTranspose",
            x,
            self.constant(kernel.transpose(3, 2, 0, 1)),
            self.constant(bias),
            strides=[stride] * 2,
            pads=[before, before, padding - before, padding - before],
            output_padding=[max(stride - rows, 0)] * 2,
        )

    def _folded(
        self, layer: str, norm: str | None, *, outputs: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Kernel and bias with the batch normalisation in them; `outputs` is the kernel's axis."""
        kernel = self.array(f"{layer}/kernel", 4)
        if norm is None:
            return kernel, self.array(f"{layer}/bias", 1)
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        gamma, beta, mean, variance = (self.array(f"{norm}/{name}", 1) for name in names)
        scale = gamma / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
        return kernel * (scale if outputs == 3 else scale[:, None]), beta - mean * scale

    def scaled(self, x: str, w: str, layer: str) -> str:
        """`facegen.model.crisp_decoder.Style`: the channels of x, scaled by what the point says."""
        scale = self.dense(w, layer, plus=1)
        return self.add("Mul", x, self.add("Unsqueeze", scale, self.constant([2, 3], np.int64)))

    def to_map(self, x: str, size: int, channels: int) -> str:
        """Rows of numbers, (batch, size * size * channels), to maps, channels first."""
        shape = self.constant([-1, size, size, channels], np.int64)
        return self.add("Transpose", self.add("Reshape", x, shape), perm=TO_CHANNELS_FIRST)
