"""What can be chosen about a model and its training."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegen.errors import InputError
from facegen.options import ModelOptions, TrainingOptions, recorded


@st.composite
def model_options(draw):
    count = draw(st.integers(1, 4))
    small = st.lists(st.integers(1, 4), min_size=count, max_size=count)
    strides = draw(small)
    shrink = 1
    for stride in strides:
        shrink *= stride
    return ModelOptions(
        kind=draw(st.sampled_from(["vae", "ae"])),
        image_size=shrink * draw(st.integers(1, 9)),
        latent_dim=draw(st.integers(1, 2000)),
        filters=draw(small),
        kernels=draw(small),
        strides=strides,
        activation=draw(st.sampled_from(["leaky_relu", "relu", "tanh"])),
        batch_norm=draw(st.booleans() | st.none()),
        dropout=draw(st.floats(0, 0.99)),
        dense=draw(st.integers(0, 100)),
        decoder_dense=draw(st.integers(0, 100)),
        upsampling=draw(st.booleans()),
        loss=draw(st.sampled_from(["bce", "mse"])),
        kl_weight=draw(st.floats(0, 1e6) | st.none()),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


@given(model_options())
def test_model_options_survive_json(options):
    again = ModelOptions(**json.loads(json.dumps(asdict(options))))
    assert again == options
    assert isinstance(again.filters, tuple)


def test_what_was_recorded_before_there_was_a_decoder_s_dense_layer_has_it_on_both_sides():
    old = {k: v for k, v in asdict(ModelOptions(dense=9)).items() if k != "decoder_dense"}
    assert ModelOptions.from_record(**old).decoder_dense == 9
    new = ModelOptions(dense=9)
    assert ModelOptions.from_record(**asdict(new)) == new
    assert new.decoder_dense == 0
    assert ModelOptions.from_record() == ModelOptions()


PRECISIONS = st.sampled_from(["float32", "bfloat16"])


@given(
    st.integers(1, 99),
    st.integers(1, 999),
    st.floats(1e-9, 1),
    st.booleans(),
    PRECISIONS,
    st.none() | st.integers(1, 9999),
    st.none() | st.integers(1, 99),
)
def test_training_options_survive_json(
    epochs, batch_size, learning_rate, flip, precision, limit, patience
):
    options = TrainingOptions(epochs, batch_size, learning_rate, flip, precision, limit, patience)
    for record in (asdict(options), recorded(options)):
        assert TrainingOptions(**json.loads(json.dumps(record))) == options


def test_what_is_not_chosen_is_not_recorded():
    usual = {
        "epochs": 24,
        "batch_size": 128,
        "learning_rate": 5e-4,
        "flip": True,
        "precision": "float32",
    }
    assert recorded(TrainingOptions()) == usual
    assert recorded(TrainingOptions(patience=3)) == usual | {"patience": 3}


def test_the_defaults_are_the_articles():
    options = ModelOptions()
    assert options.kind == "vae"
    assert (options.image_size, options.channels, options.latent_dim) == (96, 3, 256)
    assert options.filters == (32, 64, 128, 256)
    assert options.kernels == (3, 3, 3, 3)
    assert options.strides == (2, 2, 2, 2)
    assert (options.activation, options.batch_norm, options.dropout) == ("leaky_relu", True, 0)
    assert (options.loss, options.kl_weight, options.epsilon_limit) == ("bce", 5.0, 5.0)
    training = TrainingOptions()
    assert (training.epochs, training.batch_size, training.learning_rate) == (24, 128, 5e-4)


def test_unset_options_follow_the_kind_and_the_loss():
    assert ModelOptions(kind="ae").batch_norm is False
    assert ModelOptions(kind="ae", batch_norm=True).batch_norm is True
    assert ModelOptions(batch_norm=False).batch_norm is False
    assert ModelOptions(loss="mse").kl_weight == 0.02
    assert ModelOptions(loss="mse", kl_weight=0.0).kl_weight == 0.0


def test_the_articles_large_autoencoder_is_possible():
    options = ModelOptions(
        kind="ae", latent_dim=1600, filters=(64, 64, 128, 128), kernels=(5, 5, 3, 3)
    )
    assert options.smallest_size == 6


@given(model_options())
def test_the_smallest_size_is_the_image_size_over_all_strides(options):
    size = options.smallest_size
    for stride in options.strides:
        size *= stride
    assert size == options.image_size


def test_options_cannot_be_changed_afterwards():
    with pytest.raises(FrozenInstanceError):
        ModelOptions().latent_dim = 5  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        TrainingOptions().epochs = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "gan"}, "kind must be one of vae, ae, not 'gan'"),
        ({"loss": "mae"}, "loss must be one of bce, mse, not 'mae'"),
        ({"activation": "sine"}, "activation must be one of .* not 'sine'"),
        ({"filters": (32, 64)}, "lists of one length, not of 2, 4 and 4"),
        ({"kernels": (3,)}, "lists of one length, not of 4, 1 and 4"),
        ({"filters": (), "kernels": (), "strides": ()}, "lists of one length"),
        ({"filters": (32, 64, 128, 0)}, "at least 1"),
        ({"kernels": (3, 3, 3, 0)}, "at least 1"),
        ({"strides": (2, 2, 2, -2)}, "at least 1"),
        ({"latent_dim": 0}, "at least 1"),
        ({"channels": 0}, "at least 1"),
        ({"image_size": 100}, "multiple of 16, the product of the strides, not 100"),
        ({"image_size": 0}, "multiple of 16"),
        ({"image_size": -96}, "multiple of 16"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), not 1.0"),
        ({"dropout": -0.1}, "dropout must be in"),
        ({"dropout": float("nan")}, "dropout must be in"),
        ({"dense": -1}, "dense must be at least 0, not -1"),
        ({"decoder_dense": -1}, "decoder_dense must be at least 0, not -1"),
        ({"kl_weight": -1.0}, "kl_weight must be at least 0, not -1.0"),
        ({"kl_weight": float("nan")}, "kl_weight must be at least 0"),
        ({"kl_weight": float("inf")}, "kl_weight must be at least 0"),
        ({"epsilon_limit": -1.0}, "epsilon_limit must be at least 0"),
        ({"seed": -1}, r"seed must be in 0..2\^63-1, not -1"),
        ({"seed": 2**63}, "seed must be in"),
    ],
)
def test_impossible_models_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(ModelOptions(), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"latent_dim": 1},
        {"image_size": 16},
        {"dropout": 0.999},
        {"kl_weight": 0.0},
        {"epsilon_limit": 0.0},
        {"seed": 2**63 - 1},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(change):
    ((name, value),) = change.items()
    assert getattr(replace(ModelOptions(), **change), name) == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, not 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"learning_rate": float("inf")}, "learning_rate must be above 0"),
        ({"precision": "float16"}, "precision must be one of float32, bfloat16, not 'float16'"),
        ({"limit": 0}, "limit must be at least 1, not 0"),
        ({"patience": -1}, "patience must be at least 1, not -1"),
    ],
)
def test_impossible_trainings_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(TrainingOptions(), **change)
