"""export --onnx: a trained model for ONNX Runtime and other runtimes of ONNX."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from facegen.io.files import atomic_outputs
from facegen.io.inputs import keep_inputs
from facegen.io.provenance import with_version
from facegen.io.temporaries import Temporary
from facegen.io.weights import DECODERS, Weights
from facegen.model.onnx_graphs import build, check_onnx
from facegen.strict_json import to_json


@keep_inputs()
def export_onnx(
    weights: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Path]:
    """Writes a model as ONNX: encoder.onnx, decoder.onnx and, if there is one, crisp_decoder.onnx.

    All are float32, of opset 17, and take any number of rows at once. The encoder takes `image`,
    (batch, image_size, image_size, 3) in [0, 1], and gives `mu` and, of a VAE, `logvar`, (batch,
    latent_dim) each; a decoder takes `z`, (batch, latent_dim), and gives `image`.

    Args:
        weights: a folder that `train` wrote; by default the model that comes with facegen.
        output: the folder to write; by default the weights' name with -onnx behind it.
        force: overwrite what exists.
        progress: called with 1 after each of them.

    Returns:
        The files, which appear when all are done.

    Raises:
        FacegenError: onnx is not installed.
        MissingFileError, InputError: no weights, or damaged ones.
        OutputError: one of the files exists (without `force`) or can't be written.
    """
    check_onnx()
    model = Weights.load(weights)
    folder = Path(output or f"{model.name}-onnx")
    halves = [
        half for half in ("encoder", *DECODERS.values()) if f"{half}.h5" in model.config["files"]
    ]
    names = [f"{half}.onnx" for half in halves]
    with atomic_outputs(folder, names, force=force) as files:
        for half, file in zip(halves, files, strict=True):
            export_half(file, model, half)
            progress(1)
    return [folder / name for name in names]


def export_half(file: Temporary, model: Weights, half: str) -> None:
    """Writes one of them, named by the stem of its files; others publish it."""
    made = {"command": "export", "kind": "onnx", "weights": model.provenance(half)}
    file.write_bytes(build(model, half, to_json(with_version(made))))
