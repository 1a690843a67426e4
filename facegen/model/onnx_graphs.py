"""A trained model as ONNX, built from its arrays; TensorFlow is not needed.

Unlike LiteRT's graphs these are float32, and their convolutions lie channels first, as ONNX has
them; pictures go in and come out channels last. Batch normalisation is folded into the convolution
before it. Which of the optional layers a network has, its arrays tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facegen.errors import FacegenError, InputError
from facegen.io import hdf5
from facegen.io.onnx_file import IR_VERSION, KEY, OPSET
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION, Weights
from facegen.model.layer_definitions import CRISP_SLOPE
from facegen.model.onnx_network import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Network
from facegen.options import ModelOptions


def check_onnx() -> None:
    """Raises FacegenError if onnx is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise FacegenError("ONNX is not installed: pip install 'facegen[onnx]'") from error


def _encoder(net: Network, model: ModelOptions) -> list[str]:
    """The layers of `facegen.model.autoencoder.build_encoder`."""
    x, size = net.add("Transpose", "image", perm=TO_CHANNELS_FIRST), model.image_size
    for i, stride in enumerate(model.strides):
        norm = f"batch_norm_{i}" if model.batch_norm else None
        x = net.convolution(x, f"convolution_{i}", size=size, stride=stride, norm=norm)
        x, size = net.activation(x, model.activation), size // stride
    x = net.add("Flatten", net.add("Transpose", x, perm=TO_CHANNELS_LAST))
    if "dense" in net.layers:
        x = net.activation(net.dense(x, "dense"), model.activation)
    heads = ["mu", "logvar"] if model.kind == "vae" else ["mu"]
    return [net.dense(x, head, output=head) for head in heads]


def _decoder(net: Network, model: ModelOptions) -> list[str]:
    """The layers of `facegen.model.autoencoder.build_decoder`."""
    x = "z"
    if "decoder_dense" in net.layers:
        x = net.activation(net.dense(x, "decoder_dense"), model.activation)
    x = net.to_map(net.dense(x, "to_pixels"), model.smallest_size, model.filters[-1])
    last = len(model.strides) - 1
    for i, stride in enumerate(reversed(model.strides)):
        norm = f"decoder_batch_norm_{i}" if model.batch_norm and i < last else None
        if f"upsampling_convolution_{i}" in net.layers:
            x = net.upsampled(x, f"upsampling_convolution_{i}", stride=stride, norm=norm)
        else:
            x = net.transposed(x, f"transposed_convolution_{i}", stride=stride, norm=norm)
        if i < last:
            x = net.activation(x, model.activation)
    return _picture(net, x)


def _crisp_decoder(net: Network, model: ModelOptions) -> list[str]:
    """The layers of `facegen.model.crisp_decoder.CrispDecoder`, as many as the arrays are of.

    Those of facegen 0.1 have no mapping, no residual blocks and no scales, and take far points as
    they are.
    """
    layers = _count(net, "mapping_{}")
    w = z = mixed = _nearer(net, "z") if layers else "z"
    for i in range(layers):
        mixed = net.dense(mixed if i == 0 else net.leaky_relu(mixed, CRISP_SLOPE), f"mapping_{i}")
    if layers:
        w = net.add("Add", z, mixed)
    x, size = net.dense(w, "to_pixels"), model.smallest_size
    x = net.to_map(x, size, model.filters[-1])
    for i in range(len(model.strides)):
        for j in range(_count(net, f"residual_{i}_{{}}_narrow")):
            x = _residual(net, x, w, f"residual_{i}_{j}", size)
        if f"style_{i}" in net.layers:
            x = net.scaled(x, w, f"style_{i}")
        x = net.upsampled(x, f"upsampling_convolution_{i}", stride=2)
        x = net.leaky_relu(x, CRISP_SLOPE)
        size *= 2
    return _picture(net, net.convolution(x, "to_rgb", size=size))


def _nearer(net: Network, z: str) -> str:
    """`facegen.model.crisp_decoder.nearer`."""
    mean = net.add("ReduceMean", net.add("Mul", z, z), axes=[1], keepdims=1)
    ratio = net.add("Sqrt", net.add("Max", mean, net.constant(1.0)))
    factor = net.add("Div", net.add("Sqrt", net.add("Sqrt", ratio)), ratio)
    return net.add("Mul", z, factor)


def _residual(net: Network, x: str, w: str, name: str, size: int) -> str:
    """`facegen.model.crisp_decoder.ResidualBlock`."""
    h = net.convolution(net.leaky_relu(x, CRISP_SLOPE), f"{name}_narrow", size=size)
    h = net.scaled(net.leaky_relu(h, CRISP_SLOPE), w, f"{name}_style")
    return net.add("Add", x, net.convolution(h, f"{name}_wide", size=size))


def _count(net: Network, layer: str) -> int:
    """How many layers there are of a name with a number in it."""
    return next(i for i in range(len(net.layers) + 1) if layer.format(i) not in net.layers)


def _picture(net: Network, logits: str) -> list[str]:
    last = net.add("Transpose", logits, perm=TO_CHANNELS_LAST)
    return [net.add("Sigmoid", last, output="image")]


BUILDERS: dict[str, Callable[[Network, ModelOptions], list[str]]] = {
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
        net = Network(file)
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
    net: Network, half: str, model: ModelOptions, outputs: Sequence[str], provenance: str
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
