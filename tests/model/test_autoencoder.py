"""The network against independent NumPy code and Keras' own layers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facegen.options import ModelOptions
from toys import toy_images

keras = pytest.importorskip("keras")

SMALL = ModelOptions(image_size=16, latent_dim=4, filters=(6, 8), kernels=(3, 3), strides=(2, 2))


def test_the_article_network_has_the_parameters_counted_by_hand():
    from facegen.model.autoencoder import build_decoder, build_encoder

    options = ModelOptions(batch_norm=False)
    pairs = [(3, 32), (32, 64), (64, 128), (128, 256)]
    convolutions = sum(9 * before * after + after for before, after in pairs)
    heads = 2 * (6 * 6 * 256 * 256 + 256)
    assert build_encoder(options).count_params() == convolutions + heads
    pairs = [(256, 128), (128, 64), (64, 32), (32, 3)]
    transposed = sum(9 * before * after + after for before, after in pairs)
    assert build_decoder(options).count_params() == 256 * 9216 + 9216 + transposed


def test_batch_norm_brings_four_arrays_a_channel_and_takes_the_bias_away():
    from facegen.model.autoencoder import build_encoder

    plain = ModelOptions(batch_norm=False)
    normed = build_encoder(ModelOptions()).count_params() - build_encoder(plain).count_params()
    assert normed == (4 - 1) * (32 + 64 + 128 + 256)  # four arrays come, the bias goes


def test_a_dense_layer_before_mu_and_logvar_is_in_the_encoder_alone():
    from facegen.model.autoencoder import build_decoder, build_encoder

    plain = ModelOptions(batch_norm=False)
    encoder = build_encoder(ModelOptions(batch_norm=False, dense=10)).count_params()
    convolutions = build_encoder(plain).count_params() - 2 * (9216 * 256 + 256)
    assert encoder == convolutions + 9216 * 10 + 10 + 2 * (10 * 256 + 256)
    decoders = {
        size: build_decoder(ModelOptions(batch_norm=False, dense=10, decoder_dense=size))
        for size in (0, 7)
    }
    assert decoders[0].count_params() == build_decoder(plain).count_params()
    grown = decoders[7].count_params() - decoders[0].count_params()
    assert grown == 256 * 7 + 7 + 7 * 9216 - 256 * 9216


def test_an_autoencoder_has_one_output_and_no_kl_loss():
    from facegen.model.autoencoder import Autoencoder

    model = Autoencoder(ModelOptions(kind="ae", **_small()))
    images = np.zeros((2, 16, 16, 3), np.uint8)
    assert model.encoder(images / 255).shape == (2, 4)
    metrics = model.test_step(images)
    assert float(metrics["kl_loss"]) == 0
    assert float(metrics["total_loss"]) == float(metrics["reco_loss"])


def _small() -> dict:
    return {"image_size": 16, "latent_dim": 4, "filters": (6, 8), "kernels": (3, 3)} | {
        "strides": (2, 2)
    }


def test_fused_adam_takes_the_steps_of_keras_adam():
    from facegen.model.autoencoder import Adam

    random = np.random.default_rng(3)
    ours, theirs = Adam(0.01), keras.optimizers.Adam(0.01)
    first, second = (keras.Variable(np.ones(7, np.float32)) for _ in range(2))
    for step in range(20):
        gradient = keras.ops.convert_to_tensor(random.normal(0, step + 1, 7).astype(np.float32))
        ours.apply([gradient], [first])
        theirs.apply([gradient], [second])
    np.testing.assert_allclose(first, second, rtol=1e-5)
    assert abs(np.asarray(first) - 1).max() > 0.01


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    from facegen.model.autoencoder import Autoencoder

    def weights(seed: int) -> np.ndarray:
        model = Autoencoder(ModelOptions(seed=seed, **_small()))
        return np.concatenate([np.ravel(v) for v in model.encoder.weights + model.decoder.weights])

    np.testing.assert_array_equal(weights(1), weights(1))
    assert (weights(1) != weights(2)).any()


def test_building_a_model_leaves_the_global_generators_alone():
    import random

    from facegen.model.autoencoder import Autoencoder

    before = random.getstate(), str(np.random.get_state())  # noqa: NPY002
    Autoencoder(ModelOptions(dropout=0.1, **_small()))
    assert (random.getstate(), str(np.random.get_state())) == before  # noqa: NPY002


def test_kl_loss_in_the_metrics_includes_the_factor():
    from facegen.model.autoencoder import Autoencoder

    images = np.random.default_rng(4).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    losses = {}
    for factor in (1.0, 3.0):
        model = Autoencoder(ModelOptions(kl_weight=factor, **_small()))
        losses[factor] = float(model.test_step(images)["kl_loss"])
    assert losses[3.0] == pytest.approx(3 * losses[1.0], rel=1e-5)
    assert losses[1.0] > 0


def test_epsilon_beyond_the_limit_is_cut():
    from facegen.model.autoencoder import Autoencoder

    images = np.random.default_rng(5).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    cut = Autoencoder(ModelOptions(epsilon_limit=0.0, **_small()))
    free = Autoencoder(ModelOptions(**_small()))
    logits = cut.decoder(cut.mu(images / np.float32(255)))
    from facegen.model.losses import reconstruction_loss

    from_mu = float(reconstruction_loss(images / np.float32(255), logits, "bce"))
    assert float(cut.test_step(images)["reco_loss"]) == pytest.approx(from_mu, rel=1e-6)
    assert float(free.test_step(images)["reco_loss"]) != pytest.approx(from_mu, rel=1e-6)


def test_the_recorded_radii_are_of_points_whose_noise_is_cut(toy_faces):
    """A deviation of 1000 and noise within 0.001: every coordinate is 1 away from mu = 0.

    But one in 1250 is nearer, so the least radii are not compared.
    """
    from facegen.io.face_set import FaceSet
    from facegen.model.export import latent_radii

    def encoder(images, training):
        logvar = np.full((len(images), 8), 2 * np.log(1000.0), np.float32)
        return np.zeros_like(logvar), logvar

    options = ModelOptions(latent_dim=8, epsilon_limit=0.001)
    model: Any = SimpleNamespace(options=options, encoder=encoder)
    with FaceSet.open(toy_faces) as faces:
        radii = latent_radii(model, faces)
    assert {radii[quantile] for quantile in ("0.25", "0.5", "0.75", "1")} == {2.8284}  # sqrt(8)


def test_the_moving_averages_of_a_young_run_forget_its_first_steps():
    """After two steps of a constant batch they hold it but for 0.1 * 2 / 11 of what they began as.

    The shares that they keep are 1 / 10 and 2 / 11; with Keras' 0.99 it would be 98 %.
    """
    from facegen.model.autoencoder import Adam, Autoencoder

    model = Autoencoder(ModelOptions(**_small()))
    model.optimizer = Adam(1e-20)
    model.optimizer.build(model.trainable_variables)
    images = np.random.default_rng(6).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    layer = model.encoder.get_layer("convolution_0")
    batch = np.asarray(layer(images / np.float32(255))).mean(axis=(0, 1, 2))
    for _ in range(2):
        model.train_step(images)
    found = np.asarray(model.encoder.get_layer("batch_norm_0").moving_mean)
    np.testing.assert_allclose(found, batch * (1 - 0.1 * 2 / 11), rtol=1e-4, atol=1e-6)
    model.optimizer.iterations.assign(900)
    assert float(model._momentum()) == pytest.approx(0.99)


def test_steps_in_bfloat16_lose_as_much_and_leave_weights_and_tests_in_float32():
    from facegen.model.autoencoder import Adam, Autoencoder

    images = np.random.default_rng(7).integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)
    losses, tests = {}, {}
    for precision in ("float32", "bfloat16"):
        model = Autoencoder(ModelOptions(seed=1, upsampling=True, **_small()), precision=precision)
        model.optimizer = Adam(1e-3)
        model.optimizer.build(model.trainable_variables)
        tests[precision] = float(model.test_step(images)["total_loss"])
        model.reset_metrics()
        losses[precision] = [float(model.train_step(images)["total_loss"]) for _ in range(3)]
        assert {v.dtype for v in model.encoder.variables} == {"float32"}
        assert {layer.compute_dtype for layer in model.decoder.layers} == {"float32"}
    assert tests["bfloat16"] == tests["float32"]
    # bfloat16 has 8 bits: single steps differ, by less than 2^-8.
    assert losses["bfloat16"] != losses["float32"]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=2**-8)


def test_after_forty_steps_the_loss_with_moving_averages_is_that_of_the_batch():
    """The same images, the same noise: only the averages can make a difference.

    With averages that keep 0.99 of themselves it would be 1.04 nats, of 2.1 that the last thirty
    steps have brought.
    """
    import tensorflow as tf

    from facegen.model.autoencoder import Adam, Autoencoder

    images = toy_images()[0][:64, ::2, ::2]
    model = Autoencoder(ModelOptions(seed=1, **_small()))
    model.optimizer = Adam(5e-3)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(model.train_step)
    for _ in range(40):
        step(images)
    model.reset_metrics()
    with_averages = float(model.test_step(images)["total_loss"])
    same_noise = tf.constant([1, -1], tf.int64)
    with_batch = float(model._loss_parts(images, same_noise, training=True)[0])
    assert with_averages == pytest.approx(with_batch, abs=0.1)
