"""The network and its loss: the convolutional (variational) autoencoder of the articles.

Read from top to bottom: the options, two layers that Keras is slow at, the encoder, the decoder,
and the model that trains them. Only Keras and TensorFlow are imported here, so import this module
late: it costs seconds.

Source: the article series "Variational Autoencoder with Tensorflow 2.8", parts X to XIII.
"""

from __future__ import annotations

import zlib

import keras
import numpy as np
import tensorflow as tf

from facegen.model import replicas
from facegen.options import ModelOptions

BATCH_NORM_EPSILON = 1e-3  # Keras' default
BATCH_NORM_MOMENTUM = 0.99  # Keras' default
LEAKY_RELU_SLOPE = 0.3  # LeakyReLU's default in TensorFlow 2.8, which the articles use


class BatchNormalization(keras.layers.Layer):
    """Batch normalisation of the last axis with TensorFlow's fused kernel.

    Keras 3 computes moments and normalisation from single operations instead, which is slower
    on a CPU (benchmarks/train_step.py).

    Input shape: (batch, height, width, channels), float32. Output shape: the same.
    """

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        # Replicas have the same statistics, so that the first one's are all's.
        moving = {"shape": shape, "trainable": False, "aggregation": "only_first_replica"}
        self.moving_mean = self.add_weight(initializer="zeros", name="moving_mean", **moving)
        self.moving_variance = self.add_weight(initializer="ones", name="moving_variance", **moving)

    def call(self, inputs, training=False):
        if not training:
            scale, shift = self.scale_and_shift()
            return inputs * scale + shift
        outputs, mean, variance = self._normalize(inputs)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * BATCH_NORM_MOMENTUM + batch * (1 - BATCH_NORM_MOMENTUM))
        return outputs

    def _normalize(self, inputs):
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if replicas.are_several():
            return replicas.batch_norm(inputs, gamma, beta, BATCH_NORM_EPSILON)
        return tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, beta, epsilon=BATCH_NORM_EPSILON, is_training=True
        )

    def scale_and_shift(self):
        """What inference multiplies by and then adds, per channel."""
        scale = self.gamma * tf.math.rsqrt(self.moving_variance + BATCH_NORM_EPSILON)
        return scale, self.beta - self.moving_mean * scale


def _glorot(options: ModelOptions, name: str) -> keras.initializers.Initializer:
    """Keras' default initializer, with a seed of its own for each layer and no global one."""
    seed = np.random.SeedSequence([options.seed, zlib.crc32(name.encode())]).generate_state(1)
    return keras.initializers.GlorotUniform(seed=int(seed[0]))


def _dense(options: ModelOptions, units: int, name: str) -> keras.layers.Dense:
    return keras.layers.Dense(units, kernel_initializer=_glorot(options, name), name=name)


def _activation(options: ModelOptions) -> keras.layers.Layer:
    if options.activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=LEAKY_RELU_SLOPE)
    return keras.layers.Activation(options.activation)


def build_encoder(options: ModelOptions) -> keras.Model:
    """Builds the encoder.

    Input shape: (batch, image_size, image_size, channels), float32 in [0, 1].
    Output: mu and logvar of a VAE, or mu alone of an AE, each float32 (batch, latent_dim).
    """
    image = keras.Input((options.image_size, options.image_size, options.channels), name="image")
    x = image
    layers = zip(options.filters, options.kernels, options.strides, strict=True)
    for i, (filters, kernel_size, stride) in enumerate(layers):
        name = f"convolution_{i}"
        x = keras.layers.Conv2D(
            filters,
            kernel_size,
            stride,
            "same",
            use_bias=not options.batch_norm,  # which would take it away again: 14 % of a step
            kernel_initializer=_glorot(options, name),
            name=name,
        )(x)
        if options.batch_norm:
            x = BatchNormalization(name=f"batch_norm_{i}")(x)
        x = _activation(options)(x)
        if options.dropout:
            x = keras.layers.Dropout(options.dropout, seed=options.seed + i)(x)
    x = keras.layers.Flatten()(x)
    if options.dense:
        x = _activation(options)(_dense(options, options.dense, "dense")(x))
    outputs = [_dense(options, options.latent_dim, "mu")(x)]
    if options.kind == "vae":
        outputs.append(_dense(options, options.latent_dim, "logvar")(x))
    return keras.Model(image, outputs, name="encoder")


def build_decoder(options: ModelOptions) -> keras.Model:
    """Builds the decoder, the encoder's mirror image.

    Input shape: (batch, latent_dim), float32.
    Output shape: (batch, image_size, image_size, channels), float32 logits: their sigmoid is
        the picture.
    """
    z = keras.Input((options.latent_dim,), name="z")
    size = options.smallest_size
    x = z
    if options.dense:
        x = _activation(options)(_dense(options, options.dense, "decoder_dense")(x))
    x = _dense(options, size * size * options.filters[-1], "to_pixels")(x)
    x = keras.layers.Reshape((size, size, options.filters[-1]))(x)
    filters_up = (*options.filters[-2::-1], options.channels)
    layers = list(zip(filters_up, options.kernels[::-1], options.strides[::-1], strict=True))
    for i, (filters, kernel_size, stride) in enumerate(layers):
        name = f"transposed_convolution_{i}"
        last = i == len(layers) - 1
        x = keras.layers.Conv2DTranspose(
            filters,
            kernel_size,
            stride,
            "same",
            use_bias=last or not options.batch_norm,
            kernel_initializer=_glorot(options, name),
            name=name,
        )(x)
        if not last:
            if options.batch_norm:
                x = BatchNormalization(name=f"decoder_batch_norm_{i}")(x)
            x = _activation(options)(x)
            if options.dropout:
                x = keras.layers.Dropout(options.dropout, seed=options.seed + 100 + i)(x)
    return keras.Model(z, x, name="decoder")


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


class Adam(keras.optimizers.Adam):
    """Keras' Adam with TensorFlow's fused kernel, a fifth of the training step faster."""

    def update_step(self, gradient, variable, learning_rate):
        step = tf.cast(self.iterations + 1, variable.dtype)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


class Autoencoder(keras.Model):
    """Encoder, decoder, and the steps that train and test them together.

    A batch is uint8 (batch, height, width, channels). The metrics are total_loss, reco_loss and
    kl_loss; kl_loss includes the factor kl_weight, as in the articles. Epsilon is a function of
    (seed, step), so a resumed run draws what the unbroken run would have drawn.

    Args:
        strategy: of `facegen.model.replicas`, for several devices; by default one.
    """

    def __init__(self, options: ModelOptions, *, strategy: tf.distribute.Strategy | None = None):
        super().__init__()
        self.options = options
        self.strategy = strategy or tf.distribute.get_strategy()
        with self.strategy.scope():
            self.encoder = build_encoder(options)
            self.decoder = build_decoder(options)
        self.means = [keras.metrics.Mean(name) for name in ("total_loss", "reco_loss", "kl_loss")]

    @property
    def metrics(self):
        return self.means

    def mu(self, images):
        """The points of images, float32 (batch, height, width, channels) in [0, 1]."""
        outputs = self.encoder(images, training=False)
        return outputs[0] if self.options.kind == "vae" else outputs

    def pictures(self, z: np.ndarray) -> np.ndarray:
        """What points decode to, float32 (N, size, size, channels) in [0, 1]."""
        return np.asarray(tf.sigmoid(self.decoder(z, training=False)))

    def _loss_parts(self, batch, seed, training: bool):
        options = self.options
        images = tf.cast(replicas.rows_of(batch), tf.float32) / 255.0
        if options.kind == "vae":
            mu, logvar = self.encoder(images, training=training)
            epsilon = tf.random.stateless_normal((tf.shape(batch)[0], options.latent_dim), seed)
            epsilon = replicas.rows_of(epsilon)
            epsilon = tf.clip_by_value(epsilon, -options.epsilon_limit, options.epsilon_limit)
            z = mu + tf.exp(logvar / 2) * epsilon
            kl_loss = options.kl_weight * kl_divergence(mu, logvar)
        else:
            z = self.encoder(images, training=training)
            kl_loss = tf.constant(0.0)
        logits = self.decoder(z, training=training)
        reco_loss = reconstruction_loss(images, logits, options.loss)
        losses = (reco_loss + kl_loss, reco_loss, kl_loss)
        return [replicas.share_of(loss, batch) for loss in losses]

    def _learn(self, batch):
        step = tf.cast(self.optimizer.iterations, tf.int64)
        seed = tf.stack([tf.constant(self.options.seed, tf.int64), step])
        with tf.GradientTape() as tape:
            losses = self._loss_parts(batch, seed, training=True)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(losses[0], variables), variables)
        return losses

    def _judge(self, batch):
        seed = tf.constant([self.options.seed, -1], tf.int64)
        return self._loss_parts(batch, seed, training=False)

    def _update_metrics(self, batch, losses):
        for mean, value in zip(self.means, losses, strict=True):
            mean.update_state(value, sample_weight=tf.shape(batch)[0])
        return {mean.name: mean.result() for mean in self.means}

    def train_step(self, batch):
        return self._update_metrics(batch, replicas.run(self.strategy, self._learn, batch))

    def test_step(self, batch):
        """As train_step, z sampled too, but with the same noise whenever it is called."""
        return self._update_metrics(batch, replicas.run(self.strategy, self._judge, batch))
