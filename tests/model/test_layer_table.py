"""The layers that info tells of weights against Keras' own models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest

from facegen.api.info import info
from facegen.errors import InputError
from facegen.io.files import atomic_output
from facegen.io.weights import Weights
from facegen.model.layer_table import layer_tables
from facegen.options import CrispOptions, ModelOptions
from running import facegen


def stored(folder: Path, model: ModelOptions, **networks: Any) -> dict[str, Any]:
    """The tables of networks that are written into a folder."""
    from facegen.model.arrays import write_arrays

    for name, network in networks.items():
        with atomic_output(folder / f"{name}.h5") as temporary:
            write_arrays(network.weights, temporary)
    files = {f"{name}.h5": "" for name in networks}
    return layer_tables(Weights(folder, {"files": files}, model))


@pytest.mark.parametrize(
    "options",
    [
        ModelOptions(),
        ModelOptions(
            kind="ae",
            image_size=24,
            latent_dim=5,
            filters=(4, 6, 8, 8, 8, 8, 8, 8, 8, 8, 10),
            kernels=(5, 4, *9 * (3,)),
            strides=(3, 2, *9 * (1,)),
            batch_norm=True,
            dense=7,
            decoder_dense=6,
            upsampling=True,
        ),
    ],
    ids=["default", "other"],
)
def test_layers_shapes_and_parameters_are_those_of_keras(options: ModelOptions, tmp_path: Path):
    pytest.importorskip("keras")
    from facegen.model.autoencoder import build_decoder, build_encoder

    models = {"encoder": build_encoder(options), "decoder": build_decoder(options)}
    found = stored(tmp_path, options, **models)
    for name, model in models.items():
        expected = [
            {
                "name": layer.name,
                "output": list(layer.output.shape[1:]),
                "parameters": layer.count_params(),
            }
            for layer in model.layers
            if layer.weights
        ]
        assert found[name]["layers"] == expected
        assert found[name]["parameters"] == model.count_params()
        trained = sum(variable.numpy().size for variable in model.trainable_variables)
        assert found[name]["trained_parameters"] == trained


def test_the_layers_of_a_crisp_decoder_stand_in_their_order(tmp_path: Path):
    pytest.importorskip("keras")
    from facegen.model.crisp_decoder import CrispDecoder

    model = ModelOptions(latent_dim=8)
    decoder = CrispDecoder(model, CrispOptions(mapping=(7,), residual_blocks=(2, 1, 0, 0)))
    found = stored(tmp_path, model, crisp_decoder=decoder)["crisp_decoder"]
    sizes = {row["name"]: row["output"] for row in found["layers"]}
    assert sorted(sizes) == sorted(layer.name for layer in decoder.layers)
    names = list(sizes)
    first = ["mapping_0", "mapping_1", "to_pixels", "residual_0_0_narrow"]
    assert [*names[:4], names[-1]] == [*first, "to_rgb"]
    assert names.index("residual_1_0_wide") < names.index("upsampling_convolution_1")
    assert (sizes["residual_0_0_narrow"], sizes["residual_1_0_wide"]) == ([6, 6, 128], [12, 12, 96])
    assert sizes["upsampling_convolution_3"] == [96, 96, 16]
    assert (sizes["style_3"], sizes["to_rgb"]) == ([40], [96, 96, 3])
    assert found["parameters"] == sum(variable.numpy().size for variable in decoder.weights)


def test_info_ends_with_the_layers_of_a_folder_of_weights(toy_weights: Path):
    lines = facegen("info", toy_weights).stdout.splitlines()
    begin = lines.index("encoder: 17,864 parameters, 17,816 of them trained")
    # 3 * 3 * 3 * 8; four arrays of 8; the two outputs: 8 * 8 * 16 * 8 + 8
    assert lines[begin + 1] == "  convolution_0  16x16x8    216"
    assert lines[begin + 2] == "  batch_norm_0   16x16x8     32"
    assert lines[begin + 6] == "  logvar               8  8,200"
    assert not [line for line in lines if line.startswith("networks")]


def test_weights_without_arrays_are_described_without_their_layers(toy_weights: Path):
    weights = Weights.load(toy_weights)
    assert layer_tables(Weights(toy_weights / "elsewhere", weights.config, weights.model)) == {}
    assert info(toy_weights)["networks"].keys() == {"encoder", "decoder"}


def test_a_stranger_s_arrays_are_not_believed(tmp_path: Path):
    def refused(message: str) -> None:
        with pytest.raises(InputError, match=message):
            layer_tables(Weights(tmp_path, {"files": {"encoder.h5": ""}}, ModelOptions()))

    for name, layers in (("many", 1001), ("few", 1)):
        with h5py.File(tmp_path / "encoder.h5", "w") as file:
            file.attrs.update({"format": "facegen-arrays", "format_version": 1})
            for number in range(layers):
                file.create_group(f"layer_{number}")
            if name == "few":
                file["layer_0/kernel"] = h5py.ExternalLink("/etc/passwd", "x")
        refused("1001 layers" if name == "many" else "no dataset 'layer_0/kernel'")
    with h5py.File(tmp_path / "encoder.h5", "w") as file:
        file.attrs.update({"format": "facegen-arrays", "format_version": 1})
        file.create_dataset("mu/kernel", shape=(1 << 20, 1 << 20), chunks=(9, 9), dtype="f4")
    refused("for which it is too small")
