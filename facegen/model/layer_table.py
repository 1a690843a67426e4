"""What layers a trained model has, and how many parameters: from its options and its arrays.

As Keras' summary, without TensorFlow.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from facegen.errors import InputError
from facegen.io import hdf5
from facegen.io.weights import ARRAYS_FORMAT, ARRAYS_VERSION, Weights
from facegen.options import ModelOptions

MAX_LAYERS = 1000  # that are believed; the default model's crisp decoder has fewer than 40
AVERAGES = ("moving_mean", "moving_variance")
# What a layer's name begins with, in the order in which a point or a picture comes by. The second
# number orders those of one stage, which are numbered.
PLACES = {
    "decoder_dense": (0, 0),
    "mapping": (0, 0),
    "to_pixels": (1, 0),
    "residual": (2, 0),
    "style": (2, 1),
    "convolution": (2, 2),
    "transposed_convolution": (2, 2),
    "upsampling_convolution": (2, 2),
    "batch_norm": (2, 3),
    "decoder_batch_norm": (2, 3),
    "dense": (3, 0),
    "mu": (4, 0),
    "logvar": (5, 0),
    "to_rgb": (6, 0),
}
NAME = re.compile(rf"({'|'.join(PLACES)})(?:_(\d+))?(\w*)")

Shapes = dict[str, tuple[int, ...]]  # of a layer's arrays


def layer_tables(weights: Weights) -> dict[str, Any]:
    """The networks of a model.

    Returns:
        JSON values by network, "encoder", "decoder" and, where there is one, "crisp_decoder":
        parameters, trained_parameters (without the moving averages of batch normalisation), and
        layers, those that have arrays, in order: name, output (height, width and channels, or
        units) and parameters. A network whose arrays are not there is left out.

    Raises:
        InputError: an array file is damaged.
    """
    found = {}
    for network in ("encoder", "decoder", "crisp_decoder"):
        path = weights.path / f"{network}.h5"
        if path.name in weights.config["files"] and path.is_file():
            found[network] = _table(path, weights.model)
    return found


def _table(path: Path, model: ModelOptions) -> dict[str, Any]:
    layers = _read(path)
    counts = {
        name: {array: math.prod(shape) for array, shape in arrays.items()}
        for name, arrays in layers.items()
    }
    total = sum(sum(count.values()) for count in counts.values())
    averages = sum(count.get(name, 0) for count in counts.values() for name in AVERAGES)
    return {
        "parameters": total,
        "trained_parameters": total - averages,
        "layers": [
            {
                "name": name,
                "output": _output(name, layers[name], model),
                "parameters": sum(counts[name].values()),
            }
            for name in sorted(layers, key=_place)
        ],
    }


def _read(path: Path) -> dict[str, Shapes]:
    """The shapes of a network's arrays, by layer."""
    with hdf5.open_file(path, ARRAYS_FORMAT, ARRAYS_VERSION) as file:
        if len(file) > MAX_LAYERS:
            raise InputError(f"{path} is damaged: it has {len(file)} layers")
        return {
            layer: {
                name: hdf5.dataset(file, f"{layer}/{name}", ndim=None).shape
                for name in hdf5.members(file, layer)
            }
            for layer in hdf5.members(file, "/")
        }


def _place(name: str) -> tuple[int, int, int, str]:
    """Where a layer stands among those of its network."""
    matched = NAME.fullmatch(name)
    if matched is None:
        return 9, 0, 0, name
    floor, place = PLACES[matched[1]]
    return floor, int(matched[2] or 0), place, name


def _output(name: str, arrays: Shapes, model: ModelOptions) -> list[int]:
    """The shape of what a layer gives, without the batch."""
    kernel = arrays.get("kernel") or arrays.get("gamma", ())
    matched = NAME.fullmatch(name)
    kind, number = (matched[1], int(matched[2] or 0)) if matched else ("", 0)
    channels = kernel[-2:-1] if kind == "transposed_convolution" else kernel[-1:]
    if matched is None or len(kernel) == 2:  # a dense layer
        return list(channels)
    if kind in ("convolution", "batch_norm"):
        size = model.image_size // math.prod(model.strides[: number + 1])
    elif kind == "to_rgb":
        size = model.image_size
    else:
        stages = number + (kind != "residual")  # residual blocks stand before the enlargement
        size = model.smallest_size * math.prod(model.strides[::-1][:stages])
    return [size, size, *channels]
