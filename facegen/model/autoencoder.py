"""The network: the convolutional (variational) autoencoder of the articles.

Read from top to bottom: the encoder, the decoder, and the model that trains them. Layers that Keras
has not are in layers.py, the losses in losses.py. Import this module late: it costs seconds.

Source: the article series "Variational Autoencoder with Tensorflow 2.8", parts X to XIII.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from facegen.model import replicas
from facegen.model.layers import BATCH_NORM_MOMENTUM, BatchNormalization, UpsamplingConvolution
from facegen.model.losses import kl_divergence, reconstruction_loss
from facegen.options import ModelOptions

HEADS = ("mu", "logvar")
LEAKY_RELU_SLOPE = 0.3  # LeakyReLU's default in TensorFlow 2.8, which the articles use


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


def _upward_convolution(
    options: ModelOptions, filters: int, kernel_size: int, stride: int, *, number: int, bias: bool
) -> keras.layers.Layer:
    """A layer of the decoder that enlarges: a transposed convolution, or upsampling and one."""
    if options.upsampling:
        name = f"upsampling_convolution_{number}"
        return UpsamplingConvolution(
            filters,
            kernel_size=kernel_size,
            stride=stride,
            use_bias=bias,
            initializer=_glorot(options, name),
            name=name,
        )
    name = f"transposed_convolution_{number}"
    return keras.layers.Conv2DTranspose(
        filters,
        kernel_size,
        stride,
        "same",
        use_bias=bias,
        kernel_initializer=_glorot(options, name),
        name=name,
    )


def build_encoder(options: ModelOptions, **batch_norm: Any) -> keras.Model:
    """Builds the encoder.

    Args:
        batch_norm: arguments of the layers `BatchNormalization`.

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
            x = BatchNormalization(name=f"batch_norm_{i}", **batch_norm)(x)
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


def build_decoder(options: ModelOptions, **batch_norm: Any) -> keras.Model:
    """Builds the decoder, the encoder's mirror image.

    Args:
        batch_norm: arguments of the layers `BatchNormalization`.

    Input shape: (batch, latent_dim), float32.
    Output shape: (batch, image_size, image_size, channels), float32 logits: their sigmoid is
        the picture.
    """
    z = keras.Input((options.latent_dim,), name="z")
    size = options.smallest_size
    x = z
    if options.decoder_dense:
        x = _activation(options)(_dense(options, options.decoder_dense, "decoder_dense")(x))
    x = _dense(options, size * size * options.filters[-1], "to_pixels")(x)
    x = keras.layers.Reshape((size, size, options.filters[-1]))(x)
    filters_up = (*options.filters[-2::-1], options.channels)
    layers = list(zip(filters_up, options.kernels[::-1], options.strides[::-1], strict=True))
    for i, (filters, kernel_size, stride) in enumerate(layers):
        last = i == len(layers) - 1
        bias = last or not options.batch_norm
        x = _upward_convolution(options, filters, kernel_size, stride, number=i, bias=bias)(x)
        if not last:
            if options.batch_norm:
                x = BatchNormalization(name=f"decoder_batch_norm_{i}", **batch_norm)(x)
            x = _activation(options)(x)
            if options.dropout:
                x = keras.layers.Dropout(options.dropout, seed=options.seed + 100 + i)(x)
    return keras.Model(z, x, name="decoder")


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

    With the precision "bfloat16" the layers of a training step compute in it, but for mu, logvar,
    the losses and the statistics of batch normalisation; weights, tests and all else are float32.

    Args:
        strategy: of `facegen.model.replicas`, for several devices; by default one.
        precision: "float32" or "bfloat16", of training steps.
    """

    def __init__(
        self,
        options: ModelOptions,
        *,
        strategy: tf.distribute.Strategy | None = None,
        precision: str = "float32",
    ):
        super().__init__()
        self.options = options
        self.strategy = strategy or tf.distribute.get_strategy()
        self.precision = precision
        with self.strategy.scope():
            self.encoder = build_encoder(options, momentum=self._momentum)
            self.decoder = build_decoder(options, momentum=self._momentum)
        self.means = [keras.metrics.Mean(name) for name in ("total_loss", "reco_loss", "kl_loss")]

    @property
    def metrics(self):
        return self.means

    def _momentum(self):
        """The share that batch norm's moving averages keep at a training step.

        It grows to the usual 0.99 in 891 steps. A small face set has fewer in all, and its averages
        would still be those of a network that has learnt little.
        """
        steps = tf.cast(self.optimizer.iterations, tf.float32)
        return tf.minimum(BATCH_NORM_MOMENTUM, (1 + steps) / (10 + steps))

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
        logits = tf.cast(self.decoder(z, training=training), tf.float32)
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
        with self._training_precision():
            losses = replicas.run(self.strategy, self._learn, batch)
        return self._update_metrics(batch, losses)

    @contextmanager
    def _training_precision(self) -> Iterator[None]:
        """Lets layers compute in the precision of training while a step runs or is traced."""
        layers = [
            layer
            for layer in (*self.encoder.layers, *self.decoder.layers)
            if self.precision == "bfloat16" and layer.name not in HEADS
        ]
        for layer in layers:
            layer.dtype_policy = "mixed_bfloat16"
        try:
            yield
        finally:
            for layer in layers:
                layer.dtype_policy = "float32"

    def test_step(self, batch):
        """As train_step, z sampled too, but with the same noise whenever it is called."""
        return self._update_metrics(batch, replicas.run(self.strategy, self._judge, batch))
