"""The crisp decoder and its opponent in training.

The encoder and the plain decoder stay as they are, so every point keeps its meaning. Import this
module late: it costs seconds.

Sources: Goodfellow et al. 2014 (adversarial training); Miyato et al. 2018 (hinge loss); Larsen
et al. 2016 (feature matching on reconstructions); Karras et al. 2018 (moving average of the
weights).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from facegen.crisp import build_crisp_decoder
from facegen.crisp_options import CrispOptions
from facegen.discriminator import Discriminator, feature_difference
from facegen.model import Adam, Autoencoder

WIDE_SHARE = 4  # one in so many points of the prior has another radius than usual
WIDE_SIGMA = (0.3, 1.5)  # so that points nearer to and further from the origin work too
# Added to a step's seed (seed, step), so that draws for different purposes are independent.
SIGMA_STREAM, EPSILON_STREAM = np.array([0, 1 << 40]), np.array([0, 1 << 41])
PROBE = 24  # pixels, at which the variety of faces is watched


def variety(images):
    """The mean difference of two images of a batch: root mean square over shrunken pixels."""
    block = max(1, images.shape[1] // PROBE)
    small = tf.nn.avg_pool2d(images, block, block, "VALID")
    half = tf.shape(small)[0] // 2
    squares = tf.math.squared_difference(small[:half], small[half : 2 * half])
    return tf.reduce_mean(tf.sqrt(tf.reduce_mean(squares, axis=[1, 2, 3])))


def prior_points(count: int, latent_dim: int, seed):
    """Points from N(0, 1), every fourth with another standard deviation, float32 (count, dim)."""
    points = tf.random.stateless_normal((count, latent_dim), seed)
    sigmas = tf.random.stateless_uniform((count, 1), seed + SIGMA_STREAM, *WIDE_SIGMA)
    wide = tf.range(count)[:, None] % WIDE_SHARE == WIDE_SHARE - 1
    return tf.where(wide, points * sigmas, points)


class CrispModel:
    """The crisp decoder, its moving average, its opponent, and the steps that train them.

    Attributes:
        plain: the trained model; it does not change.
        decoder: in training.
        average: the moving average of `decoder`'s weights, which is what is published.
    """

    def __init__(self, plain: Autoencoder, options: CrispOptions):
        self.plain = plain
        self.options = options
        precision = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[options.precision]
        self.decoder = build_crisp_decoder(plain.options, options, precision=precision)
        self.decoder.get_layer("to_pixels").set_weights(
            plain.decoder.get_layer("to_pixels").get_weights()
        )
        self.average = build_crisp_decoder(plain.options, options)
        self.average.set_weights(self.decoder.get_weights())
        self.discriminator = Discriminator(plain.options, options)
        self.optimizer = Adam(options.learning_rate, beta_1=0.5, beta_2=0.99)
        self.optimizer.build(self.decoder.trainable_variables)
        self.discriminator_optimizer = Adam(
            options.discriminator_learning_rate, beta_1=0.5, beta_2=0.99
        )
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def variables(self) -> list:
        """All that a checkpoint holds."""
        return [
            *self.decoder.variables,
            *self.average.variables,
            *self.discriminator.variables,
            *self.optimizer.variables,
            *self.discriminator_optimizer.variables,
        ]

    def pictures(self, z: np.ndarray) -> np.ndarray:
        """What the moving average makes of points, float32 (N, size, size, channels) in [0, 1]."""
        return np.asarray(tf.sigmoid(self.average(z)))

    def plain_variety(self, count: int = 128) -> float:
        """The variety of the plain decoder's faces, by which a collapse is recognised."""
        z = prior_points(count, self.plain.options.latent_dim, tf.constant([0, 0], tf.int64))
        return float(variety(tf.sigmoid(self.plain.decoder(z, training=False))))

    def set_rates(self, factor: float) -> None:
        """Multiplies both learning rates of the options."""
        self.optimizer.learning_rate = factor * self.options.learning_rate
        self.discriminator_optimizer.learning_rate = (
            factor * self.options.discriminator_learning_rate
        )

    def imitation_step(self, batch, seed):
        """Brings the new decoder near the plain one, on points of the prior."""
        z = prior_points(batch.shape[0], self.plain.options.latent_dim, seed)
        target = tf.sigmoid(self.plain.decoder(z, training=False))
        with tf.GradientTape() as tape:
            pictures = tf.sigmoid(self.decoder(z))
            loss = 100 * tf.reduce_mean(tf.math.squared_difference(pictures, target))
        self._descend(tape.gradient(loss, self.decoder.trainable_variables))
        return {"imitation_loss": loss}

    def adversarial_step(self, batch, seed):
        """One step of both networks, from one forward pass.

        The first half of the real faces is also reconstructed; the other half of the generated
        faces comes from the prior. Half of the reconstructions decode mu, half a sampled z.

        Args:
            batch: uint8 (batch, size, size, channels).
            seed: int64 (2).
        """
        real = tf.cast(batch, tf.float32) / 255.0
        half = batch.shape[0] // 2
        z = self._points(real[:half], seed)
        discriminator = self.discriminator
        with tf.GradientTape(persistent=True) as tape:
            pictures = tf.sigmoid(self.decoder(z))
            kernels = discriminator.kernels(update=True)
            real_scores, real_features = discriminator.judge(real, kernels)
            scores, features = discriminator.judge(pictures, kernels)
            hinge = tf.reduce_mean(tf.nn.relu(1 - real_scores)) + tf.reduce_mean(
                tf.nn.relu(1 + scores)
            )
            # tf.split, because the gradient of x[:half] is several times slower.
            reconstructions, dreams = tf.split(pictures, 2)
            losses = {
                "adversarial_loss": -tf.reduce_mean(scores),
                "feature_loss": feature_difference(
                    [tf.split(f, 2)[0] for f in real_features],
                    [tf.split(f, 2)[0] for f in features],
                ),
                "pixel_loss": tf.reduce_mean(tf.abs(reconstructions - real[:half])),
                "latent_loss": self._latent_loss(dreams, z[half:]),
            }
            total = (
                losses["adversarial_loss"]
                + self.options.feature_weight * losses["feature_loss"]
                + self.options.pixel_weight * losses["pixel_loss"]
                + self.options.latent_weight * losses["latent_loss"]
            )
        self.discriminator_optimizer.apply(
            tape.gradient(hinge, discriminator.trainable_variables),
            discriminator.trainable_variables,
        )
        self._descend(tape.gradient(total, self.decoder.trainable_variables))
        return {
            "discriminator_loss": hinge,
            **losses,
            "variety": variety(dreams),
            "real_variety": variety(real),
        }

    def _points(self, images, seed):
        """Points of reconstructions and, as many, of the prior."""
        outputs = self.plain.encoder(images, training=False)
        count, dim = images.shape[0], self.plain.options.latent_dim
        if self.plain.options.kind == "vae":
            mu, logvar = outputs
            noise = tf.random.stateless_normal((count, dim), seed + EPSILON_STREAM)
            sampled = tf.cast(tf.range(count)[:, None] % 2, tf.float32)
            mu += sampled * tf.exp(logvar / 2) * noise
        else:
            mu = outputs
        return tf.concat([mu, prior_points(count, dim, seed)], 0)

    def _latent_loss(self, pictures, z):
        """How far the encoder finds faces from their points, in coordinates it uses."""
        if not self.options.latent_weight or self.plain.options.kind != "vae":
            return tf.constant(0.0)
        mu, logvar = self.plain.encoder(pictures, training=False)
        used = tf.stop_gradient(tf.nn.relu(1 - tf.reduce_mean(tf.exp(logvar), axis=0)))
        error = tf.reduce_mean(tf.math.squared_difference(mu, z), axis=0)
        return tf.reduce_sum(used * error) / (tf.reduce_sum(used) + 1e-6)

    def _descend(self, gradients):
        """One step of the decoder, and of its moving average."""
        self.optimizer.apply(gradients, self.decoder.trainable_variables)
        step = tf.cast(self.optimizer.iterations, tf.float32)
        decay = tf.minimum(self.options.average_decay, (1 + step) / (10 + step))
        for average, variable in zip(
            self.average.trainable_variables, self.decoder.trainable_variables, strict=True
        ):
            average.assign_add((1 - decay) * (variable - average))
