"""The network and its loss against independent NumPy code and Keras' own layers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facegen.options import ModelOptions

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
    dense = build_encoder(ModelOptions(batch_norm=False, dense=10)).count_params()
    convolutions = build_encoder(plain).count_params() - 2 * (9216 * 256 + 256)
    assert dense == convolutions + 9216 * 10 + 10 + 2 * (10 * 256 + 256)


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


def test_binary_cross_entropy_is_mean_over_channels_sum_over_pixels_mean_over_batch():
    from facegen.model.autoencoder import reconstruction_loss

    random = np.random.default_rng(0)
    images = random.random((3, 5, 4, 2)).astype(np.float32)
    logits = random.normal(0, 2, images.shape).astype(np.float32)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    entropy = -(images * np.log(p) + (1 - images) * np.log(1 - p))
    expected = entropy.mean(axis=3).sum(axis=(1, 2)).mean()
    assert float(reconstruction_loss(images, logits, "bce")) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_of_the_cross_entropy_is_that_of_automatic_differentiation():
    import tensorflow as tf

    from facegen.model.autoencoder import reconstruction_loss

    random = np.random.default_rng(7)
    images = tf.constant(random.random((3, 5, 4, 2)), tf.float32)
    logits = tf.Variable(random.normal(0, 4, images.shape), dtype=tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        ours = 7 * reconstruction_loss(images, logits, "bce")
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        theirs = 7 * tf.reduce_sum(entropy) / (3 * 2)
    np.testing.assert_allclose(
        tape.gradient(ours, logits), tape.gradient(theirs, logits), rtol=1e-5, atol=1e-6
    )


def test_mean_squared_error_is_reduced_like_the_cross_entropy():
    from facegen.model.autoencoder import reconstruction_loss

    random = np.random.default_rng(1)
    images = random.random((3, 5, 4, 2)).astype(np.float32)
    logits = random.normal(0, 2, images.shape).astype(np.float32)
    error = (images - 1 / (1 + np.exp(-logits.astype(np.float64)))) ** 2
    expected = error.mean(axis=3).sum(axis=(1, 2)).mean()
    assert float(reconstruction_loss(images, logits, "mse")) == pytest.approx(expected, rel=1e-6)


def test_kl_divergence_is_zero_for_a_unit_normal_and_known_for_others():
    from facegen.model.autoencoder import kl_divergence

    zeros = np.zeros((2, 3), np.float32)
    assert float(kl_divergence(zeros, zeros)) == 0
    # KL(N(m, s^2) || N(0, 1)) = (s^2 + m^2 - 1 - ln s^2) / 2 for each coordinate.
    mu = np.array([[1.0, 0.0, -2.0], [0.5, 0.0, 0.0]], np.float32)
    logvar = np.log(np.array([[4.0, 0.25, 1.0], [1.0, 1.0, 2.0]], np.float32))
    expected = np.mean(((np.exp(logvar) + mu**2 - 1 - logvar) / 2).sum(axis=1))
    assert float(kl_divergence(mu, logvar)) == pytest.approx(expected, rel=1e-6)


def test_fused_batch_norm_trains_and_predicts_like_keras():
    from facegen.model.autoencoder import BatchNormalization

    random = np.random.default_rng(2)
    ours, theirs = BatchNormalization(), keras.layers.BatchNormalization()
    for layer in (ours, theirs):
        layer.build((None, 8, 8, 5))
        layer.gamma.assign([0.5, 1, 2, 1, 1])
        layer.beta.assign([0, 1, 0, -1, 0])
    for _ in range(3):
        batch = random.normal(1, 2, (16, 8, 8, 5)).astype(np.float32)
        np.testing.assert_allclose(
            ours(batch, training=True), theirs(batch, training=True), atol=1e-4
        )
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-5)
    # The fused kernel keeps the unbiased variance, Keras the biased one: n / (n - 1), n = 1024.
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=2e-3)
    np.testing.assert_allclose(ours(batch), theirs(batch), atol=5e-3)


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
    from facegen.model.autoencoder import reconstruction_loss

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
