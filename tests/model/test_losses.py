"""The losses against independent NumPy code."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")


def test_binary_cross_entropy_is_mean_over_channels_sum_over_pixels_mean_over_batch():
    from facegen.model.losses import reconstruction_loss

    random = np.random.default_rng(0)
    images = random.random((3, 5, 4, 2)).astype(np.float32)
    logits = random.normal(0, 2, images.shape).astype(np.float32)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    entropy = -(images * np.log(p) + (1 - images) * np.log(1 - p))
    expected = entropy.mean(axis=3).sum(axis=(1, 2)).mean()
    assert float(reconstruction_loss(images, logits, "bce")) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_of_the_cross_entropy_is_that_of_automatic_differentiation():
    import tensorflow as tf

    from facegen.model.losses import reconstruction_loss

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
    from facegen.model.losses import reconstruction_loss

    random = np.random.default_rng(1)
    images = random.random((3, 5, 4, 2)).astype(np.float32)
    logits = random.normal(0, 2, images.shape).astype(np.float32)
    error = (images - 1 / (1 + np.exp(-logits.astype(np.float64)))) ** 2
    expected = error.mean(axis=3).sum(axis=(1, 2)).mean()
    assert float(reconstruction_loss(images, logits, "mse")) == pytest.approx(expected, rel=1e-6)


def test_kl_divergence_is_zero_for_a_unit_normal_and_known_for_others():
    from facegen.model.losses import kl_divergence

    zeros = np.zeros((2, 3), np.float32)
    assert float(kl_divergence(zeros, zeros)) == 0
    # KL(N(m, s^2) || N(0, 1)) = (s^2 + m^2 - 1 - ln s^2) / 2 for each coordinate.
    mu = np.array([[1.0, 0.0, -2.0], [0.5, 0.0, 0.0]], np.float32)
    logvar = np.log(np.array([[4.0, 0.25, 1.0], [1.0, 1.0, 2.0]], np.float32))
    expected = np.mean(((np.exp(logvar) + mu**2 - 1 - logvar) / 2).sum(axis=1))
    assert float(kl_divergence(mu, logvar)) == pytest.approx(expected, rel=1e-6)
