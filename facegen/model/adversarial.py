"""The crisp decoder and its opponents in training.

The encoder and the plain decoder stay as they are, so every point keeps its meaning. Import this
module late: it costs seconds.

Sources: Goodfellow et al. 2014 (adversarial training); Lim and Ye 2017 (hinge loss); Sauer et al.
2021 (a frozen network as the opponent's eyes, and Adam's betas); Johnson et al. 2016 (its maps as
the measure of a reconstruction); Karras et al. 2018 (moving average of the weights).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from facegen.model.autoencoder import Adam, Autoencoder
from facegen.model.crisp_decoder import CrispDecoder
from facegen.model.discriminator import (
    KINDS,
    Discriminator,
    draw_views,
    feature_difference,
    hinge,
    own_scores,
    view,
)
from facegen.model.feature_network import FeatureNetwork
from facegen.options import CrispOptions

BETA_1, BETA_2 = 0.0, 0.99
# Half of the prior's points are normal. Of eight of the others three are normal with another
# deviation, five uniform in cubes, most of them large: as people ask for them with --r-limit.
SIGMA, R_LIMIT = (0.5, 1.5), (0.5, 2.6)
SIGMAS_OF_EIGHT = 3
MU_SHARE = 4  # three in four reconstructions decode mu: the prior is like sampled points anyway
# Added to a step's seed (seed, step), so that draws for different purposes are independent.
SIGMA_STREAM, EPSILON_STREAM = np.array([0, 1 << 40]), np.array([0, 1 << 41])
CUBE_STREAM = np.array([0, 3 << 40])
PROBE = 24  # pixels, at which the variety of faces is watched


def variety(images):
    """The mean difference of two images of a batch: root mean square over shrunken pixels."""
    block = max(1, images.shape[1] // PROBE)
    small = tf.nn.avg_pool2d(images, block, block, "VALID")
    half = tf.shape(small)[0] // 2
    squares = tf.math.squared_difference(small[:half], small[half : 2 * half])
    return tf.reduce_mean(tf.sqrt(tf.reduce_mean(squares, axis=[1, 2, 3])))


def prior_points(count: int, latent_dim: int, seed):
    """Points like those that people decode: the first half normal, the others wide.

    Returns:
        float32 (count, latent_dim).
    """
    normal = tf.random.stateless_normal((count, latent_dim), seed)
    where = tf.random.stateless_uniform((count, 1), seed + SIGMA_STREAM)
    cube = tf.random.stateless_uniform((count, latent_dim), seed + CUBE_STREAM, -1, 1)
    number = np.arange(count)[:, None]
    is_wide, is_cube = number >= count // 2, number % 8 >= SIGMAS_OF_EIGHT
    wider = (SIGMA[0] + (SIGMA[1] - SIGMA[0]) * where) * normal
    limit = R_LIMIT[1] - (R_LIMIT[1] - R_LIMIT[0]) * where**2
    return tf.where(is_wide, tf.where(is_cube, limit * cube, wider), normal)


class AdversarialModel:
    """The crisp decoder, its moving average, its opponents, and the steps that train them.

    Attributes:
        plain: the trained model; it does not change.
        decoder: in training.
        average: the moving average of `decoder`'s weights, which is what is published.
    """

    def __init__(self, plain: Autoencoder, options: CrispOptions, network: FeatureNetwork):
        self.plain = plain
        self.options = options
        self.network = network
        self.dtype = tf.bfloat16 if options.precision == "bfloat16" else tf.float32
        precision = "mixed_bfloat16" if options.precision == "bfloat16" else "float32"
        self.decoder = CrispDecoder(plain.options, options, precision=precision)
        if not plain.options.decoder_dense:  # whose units the plain one's to_pixels takes, not z
            self.decoder.to_pixels.set_weights(plain.decoder.get_layer("to_pixels").get_weights())
        self.average = CrispDecoder(plain.options, options)
        for average, variable in zip(self.average.weights, self.decoder.weights, strict=True):
            average.assign(variable)
        self.discriminator = Discriminator(
            network, seed=options.seed, channels=plain.options.channels, dtype=self.dtype
        )
        self.optimizer = Adam(options.learning_rate, beta_1=BETA_1, beta_2=BETA_2)
        self.optimizer.build(self.decoder.weights)
        self.discriminator_optimizer = Adam(
            options.discriminator_learning_rate, beta_1=BETA_1, beta_2=BETA_2
        )
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def variables(self) -> list:
        """All that a checkpoint holds."""
        return [
            *self.decoder.weights,
            *self.average.weights,
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
        self._descend(tape.gradient(loss, self.decoder.weights))
        return {"imitation_loss": loss}

    def adversarial_step(self, batch, seed, pull):
        """One step of decoder and opponents, from one forward pass.

        Half of the real faces are also reconstructed, from mu or from a sampled z.
        As many faces as there are real ones come from points of the prior: in all three groups of
        the same size, one of each of the discriminator's `KINDS`. A reconstruction is
        seen by the opponents with the shift and the colours of its original, so that the frozen
        network's maps of the two can be compared.

        Args:
            batch: uint8 (batch, size, size, channels).
            seed: int64 (2).
            pull: float32 (), by which the weights of features and pixels are multiplied.
        """
        real = tf.cast(batch, tf.float32) / 255.0
        count, half = batch.shape[0], batch.shape[0] // 2
        z = self._points(real, half, seed)
        draws = draw_views(2 * count, real.shape[1], seed)
        real_view = view(real, [draw[:count] for draw in draws])
        real_maps = self.network.maps(real_view, self.dtype)
        draws = [tf.concat([draw[:half], draw[count:]], 0) for draw in draws]
        discriminator = self.discriminator
        with tf.GradientTape(persistent=True) as tape:
            pictures = tf.sigmoid(self.decoder(z))
            # tf.split, because the gradient of x[:half] is several times slower.
            reconstructions, normal, _ = tf.split(pictures, len(KINDS))
            seen = view(pictures, draws)
            maps = self.network.maps(seen)
            kernels = discriminator.kernels(update=True)
            scores = own_scores(discriminator.scores(seen, maps, kernels, groups=len(KINDS)))
            real_scores = discriminator.scores(real_view, real_maps, kernels, groups=2)
            discriminator_loss = hinge(real_scores, scores)
            losses = {
                "adversarial_loss": -tf.add_n([tf.reduce_mean(score) for score in scores]),
                "feature_loss": feature_difference(
                    [x[:half] for x in real_maps], [tf.split(x, len(KINDS))[0] for x in maps]
                ),
                "pixel_loss": tf.reduce_mean(tf.abs(reconstructions - real[:half])),
                "latent_loss": self._latent_loss(normal, z[half:count]),
            }
            total = self._total(losses, pull)
        self.discriminator_optimizer.apply(
            tape.gradient(discriminator_loss, discriminator.trainable_variables),
            discriminator.trainable_variables,
        )
        self._descend(tape.gradient(total, self.decoder.weights))
        return {
            "discriminator_loss": discriminator_loss,
            **losses,
            "variety": variety(tf.concat(tf.split(pictures, len(KINDS))[1:], 0)),
            "real_variety": variety(real),
        }

    def _total(self, losses, pull):
        """The decoder's loss: its parts, weighted."""
        return (
            losses["adversarial_loss"]
            + pull * self.options.feature_weight * losses["feature_loss"]
            + pull * self.options.pixel_weight * losses["pixel_loss"]
            + self.options.latent_weight * losses["latent_loss"]
        )

    def _points(self, images, half: int, seed):
        """Points of reconstructions of the first images, and of the prior as many as images."""
        outputs = self.plain.encoder(images[:half], training=False)
        dim = self.plain.options.latent_dim
        if self.plain.options.kind == "vae":
            mu, logvar = outputs
            noise = tf.random.stateless_normal((half, dim), seed + EPSILON_STREAM)
            sampled = tf.cast(tf.range(half)[:, None] % MU_SHARE == MU_SHARE - 1, tf.float32)
            mu += sampled * tf.exp(logvar / 2) * noise
        else:
            mu = outputs
        return tf.concat([mu, prior_points(images.shape[0], dim, seed)], 0)

    def _latent_loss(self, pictures, z):
        """How far the encoder finds faces from their points, in coordinates it uses."""
        if not self.options.latent_weight or self.plain.options.kind != "vae":
            return tf.constant(0.0)
        mu, logvar = self.plain.encoder(pictures, training=False)
        used = tf.stop_gradient(tf.nn.relu(1 - tf.reduce_mean(tf.exp(logvar), axis=0)))
        error = tf.reduce_mean(tf.math.squared_difference(mu, z), axis=0)
        return tf.reduce_sum(used * error) / (tf.reduce_sum(used) + 1e-6)

    def _descend(self, gradients):
        """A step of the decoder, and of its moving average."""
        weights = self.decoder.weights
        self.optimizer.apply(gradients, weights)
        step = tf.cast(self.optimizer.iterations, tf.float32)
        decay = tf.minimum(self.options.average_decay, (1 + step) / (10 + step))
        for average, variable in zip(self.average.weights, weights, strict=True):
            average.assign_add((1 - decay) * (variable - average))
