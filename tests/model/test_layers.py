"""facegen's layers against Keras' own."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")


def test_fused_batch_norm_trains_and_predicts_like_keras():
    from facegen.model.layers import BatchNormalization

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


@pytest.mark.parametrize(("size", "stride"), [(3, 2), (5, 2), (4, 2), (1, 2), (3, 1), (2, 3)])
def test_an_upsampling_convolution_is_keras_upsampling_and_convolution(size: int, stride: int):
    from facegen.model.layers import UpsamplingConvolution

    random = np.random.default_rng(10 * size + stride)
    inputs = random.normal(size=(2, 5, 4, 6)).astype(np.float32)
    ours = UpsamplingConvolution(7, kernel_size=size, stride=stride, initializer="he_normal")
    theirs = keras.Sequential(
        [keras.layers.UpSampling2D(stride), keras.layers.Conv2D(7, size, padding="same")]
    )
    ours.build(inputs.shape)
    theirs.build(inputs.shape)
    weights = [random.normal(size=variable.shape) for variable in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-4)
    assert ours.compute_output_shape(inputs.shape) == (2, 5 * stride, 4 * stride, 7)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_replicas_normalise_a_batch_as_one_device_does(dtype: str, monkeypatch: pytest.MonkeyPatch):
    import tensorflow as tf

    from facegen.model import replicas

    monkeypatch.setattr(replicas, "_sum", lambda values: values)  # the only replica
    inputs = tf.cast(np.random.default_rng(3).normal(9, 2, (16, 8, 8, 5)), dtype)
    gamma, beta = tf.constant([1.0, 2, 3, 4, 5]), tf.constant([0.0, 1, 0, -1, 0])
    ours = replicas.batch_norm(inputs, gamma, beta, 1e-3)
    theirs = tf.compat.v1.nn.fused_batch_norm(inputs, gamma, beta, epsilon=1e-3, is_training=True)
    for found, expected in zip(ours, theirs, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(
            tf.cast(found, tf.float32), tf.cast(expected, tf.float32), rtol=2**-7, atol=1e-3
        )
