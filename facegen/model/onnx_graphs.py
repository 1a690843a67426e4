"""A trained model as ONNX, built from its arrays; TensorFlow is not needed.

Unlike LiteRT's graphs these are float32, and their convolutions lie channels first, as ONNX has
them; pictures go in and come out channels last. Batch normalisation is folded into the convolution
before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from facegen.errors import FacegenError, InputError
from facegen.io import hdf5
from facegen.io.onnx_file import IR_VERSION, KEY, OPSET
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION, Weights
from facegen.model.constants import BATCH_NORM_EPSILON, CRISP_SLOPE, LEAKY_RELU_SLOPE
from facegen.options import ModelOptions

ACTIVATIONS = {"relu": "Relu", "elu": "Elu", "selu": "Selu", "tanh": "Tanh"}
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
# Doubling and a 3x3 convolution are a transposed convolution with stride 2, whose four kernel rows
# are rows 2; 1 and 2; 0 and 1; and 0 of the convolution's.
DOUBLED_ROWS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)


def check_onnx() -> None:
    """Raises FacegenError if onnx is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise FacegenError("ONNX is not installed: pip install 'facegen[onnx]'") from error


class _Network:
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

    def doubled(self, x: str, layer: str) -> str:
        """`facegen.model.crisp_decoder.UpsamplingConvolution`."""
        kernel = self.array(f"{layer}/kernel", 4)
        kernel = np.einsum("ri,cj,ijxo->rcox", DOUBLED_ROWS, DOUBLED_ROWS, kernel)
        return self._transposed(x, kernel, self.array(f"{layer}/bias", 1), 2)

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


def _encoder(net: _Network, model: ModelOptions) -> list[str]:
    """The layers of `facegen.model.autoencoder.build_encoder`."""
    x, size = net.add("Transpose", "image", perm=TO_CHANNELS_FIRST), model.image_size
    for i, stride in enumerate(model.strides):
        norm = f"batch_norm_{i}" if model.batch_norm else None
        x = net.convolution(x, f"convolution_{i}", size=size, stride=stride, norm=norm)
        x, size = net.activation(x, model.activation), size // stride
    x = net.add("Flatten", net.add("Transpose", x, perm=TO_CHANNELS_LAST))
    if model.dense:
        x = net.activation(net.dense(x, "dense"), model.activation)
    heads = ["mu", "logvar"] if model.kind == "vae" else ["mu"]
    return [net.dense(x, head, output=head) for head in heads]


def _decoder(net: _Network, model: ModelOptions) -> list[str]:
    """The layers of `facegen.model.autoencoder.build_decoder`."""
    x = "z"
    if model.dense:
        x = net.activation(net.dense(x, "decoder_dense"), model.activation)
    x = net.to_map(net.dense(x, "to_pixels"), model.smallest_size, model.filters[-1])
    last = len(model.strides) - 1
    for i, stride in enumerate(reversed(model.strides)):
        norm = f"decoder_batch_norm_{i}" if model.batch_norm and i < last else None
        x = net.transposed(x, f"transposed_convolution_{i}", stride=stride, norm=norm)
        if i < last:
            x = net.activation(x, model.activation)
    return _picture(net, x)


def _crisp_decoder(net: _Network, model: ModelOptions) -> list[str]:
    """The layers of `facegen.model.crisp_decoder.CrispDecoder`, as many as the arrays are of.

    The first crisp decoders, the default model's among them, have no mapping, no residual blocks
    and no scales.
    """
    w = mixed = "z"
    for i in range(_count(net, "mapping_{}")):
        mixed = net.dense(mixed if i == 0 else net.leaky_relu(mixed, CRISP_SLOPE), f"mapping_{i}")
    if mixed != "z":
        w = net.add("Add", "z", mixed)
    x, size = net.dense(w, "to_pixels"), model.smallest_size
    x = net.to_map(x, size, model.filters[-1])
    for i in range(len(model.strides)):
        for j in range(_count(net, f"residual_{i}_{{}}_narrow")):
            x = _residual(net, x, w, f"residual_{i}_{j}", size)
        if f"style_{i}" in net.layers:
            x = net.scaled(x, w, f"style_{i}")
        x = net.leaky_relu(net.doubled(x, f"upsampling_convolution_{i}"), CRISP_SLOPE)
        size *= 2
    return _picture(net, net.convolution(x, "to_rgb", size=size))


def _residual(net: _Network, x: str, w: str, name: str, size: int) -> str:
    """`facegen.model.crisp_decoder.ResidualBlock`."""
    h = net.convolution(net.leaky_relu(x, CRISP_SLOPE), f"{name}_narrow", size=size)
    h = net.scaled(net.leaky_relu(h, CRISP_SLOPE), w, f"{name}_style")
    return net.add("Add", x, net.convolution(h, f"{name}_wide", size=size))


def _count(net: _Network, layer: str) -> int:
    """How many layers there are of a name with a number in it."""
    return next(i for i in range(len(net.layers) + 1) if layer.format(i) not in net.layers)


def _picture(net: _Network, logits: str) -> list[str]:
    last = net.add("Transpose", logits, perm=TO_CHANNELS_LAST)
    return [net.add("Sigmoid", last, output="image")]


BUILDERS: dict[str, Callable[[_Network, ModelOptions], list[str]]] = {
    "encoder": _encoder,
    "decoder": _decoder,
    "crisp_decoder": _crisp_decoder,
}


def build(weights: Weights, half: str, provenance: str) -> bytes:
    """Half of a trained model as an ONNX model, for any number of rows at once.

    Args:
        half: "encoder", which takes `image`, float32 (batch, size, size, channels) in [0, 1], and
            gives `mu` and, of a VAE, `logvar`, float32 (batch, latent_dim); or "decoder" or
            "crisp_decoder", which take `z`, float32 (batch, latent_dim), and give `image`.
        provenance: JSON, for the model's metadata.

    Raises:
        FacegenError: onnx is not installed.
        MissingFileError, InputError: the arrays are missing, damaged, of another network, or more
            than an ONNX file holds.
    """
    check_onnx()
    path = weights.file(f"{half}.h5")
    with _build_errors(path), hdf5.open_file(path, ARRAYS_FORMAT, ARRAYS_VERSION) as file:
        net = _Network(file)
        outputs = BUILDERS[half](net, weights.model)
        if net.unused:
            raise InputError(f"{path} belongs to another network: {min(net.unused)} is of none")
        return _model(net, half, weights.model, outputs, provenance)


@contextmanager
def _build_errors(path: Path) -> Iterator[None]:
    """Names the file in what is wrong with a graph."""
    from onnx import checker, shape_inference

    try:
        with hdf5.read_errors(path):
            yield
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise InputError(f"{path} belongs to another network: its arrays don't fit") from error


def _model(
    net: _Network, half: str, model: ModelOptions, outputs: Sequence[str], provenance: str
) -> bytes:
    from onnx import TensorProto, checker, helper

    from facegen.version import __version__

    picture, point = [model.image_size, model.image_size, model.channels], [model.latent_dim]

    def value(name: str) -> Any:
        shape: list[Any] = ["batch", *(picture if name == "image" else point)]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [value("image" if half == "encoder" else "z")]
    graph = helper.make_graph(net.nodes, half, inputs, list(map(value, outputs)), net.constants)
    made = helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="facegen",
        producer_version=__version__,
    )
    helper.set_model_props(made, {KEY: provenance})
    checker.check_model(made, full_check=True)
    return made.SerializeToString(deterministic=True)
