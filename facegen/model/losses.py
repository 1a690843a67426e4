"""The losses of the articles' network (part X). Import this module late: it costs seconds."""

from __future__ import annotations

import tensorflow as tf


@tf.custom_gradient
def cross_entropy_sum(images, logits):
    """Binary cross-entropy of logits, summed over everything, with the gradient of the logits.

    The value is TensorFlow's sigmoid_cross_entropy_with_logits; its gradient, sigmoid(logits) -
    images, is written out here since what automatic differentiation makes of the formula takes
    6 % of a training step more.
    """
    entropy = tf.nn.relu(logits) - logits * images + tf.math.log1p(tf.exp(-tf.abs(logits)))

    def gradient(upstream):
        return None, (tf.sigmoid(logits) - images) * upstream

    return tf.reduce_sum(entropy), gradient


def reconstruction_loss(images, logits, loss: str):
    """Mean over the channels, SUM over the pixels, mean over the batch (article X).

    Args:
        images: float32 (batch, height, width, channels) in [0, 1].
        logits: the decoder's output, of the same shape.
        loss: "bce", binary cross-entropy in nats, or "mse", the mean squared error.
    """
    if loss == "bce":
        # From logits: Keras' cross-entropy of probabilities clips and takes two logarithms.
        total = cross_entropy_sum(images, logits)
    else:
        total = tf.reduce_sum(tf.math.squared_difference(images, tf.sigmoid(logits)))
    return total / tf.cast(tf.shape(images)[0] * images.shape[-1], tf.float32)


def kl_divergence(mu, logvar):
    """KL(N(mu, exp(logvar)) || N(0, 1)) in nats, summed over coordinates, mean over the batch.

    Kingma and Welling 2014, appendix B: -1/2 sum(1 + logvar - mu^2 - exp(logvar)).
    """
    return tf.reduce_mean(-0.5 * tf.reduce_sum(1 + logvar - tf.square(mu) - tf.exp(logvar), axis=1))
