"""The crisp decoder and its opponent: a second decoder for a trained model's latent space.

Read from top to bottom: two layers, the decoder, the discriminator, their losses, and the model
that trains them. The encoder and the plain decoder stay as they are, so every point keeps its
meaning. Import this module late: it costs seconds.

Sources: Goodfellow et al. 2014 (adversarial training); Miyato et al. 2018 (spectral norm, hinge
loss); Larsen et al. 2016 (a discriminator's features as the measure of a reconstruction); Odena
et al. 2016, "Deconvolution and checkerboard artifacts" (upsampling and convolution); Karras et
al. 2018 (moving average of the weights, standard deviation over the batch).
"""

from __future__ import annotations

import zlib

import keras
import numpy as np
import tensorflow as tf

from facegen.crisp_options import CrispOptions
from facegen.errors import InputError
from facegen.model import Adam, Autoencoder
from facegen.options import ModelOptions

SLOPE = 0.2  # of leaky ReLU, in both networks
WIDE_SHARE = 4  # one in so many points of the prior has another radius than usual
WIDE_SIGMA = (0.3, 1.5)  # so that points nearer to and further from the origin work too
PROBE = 24  # pixels, at which the variety of faces is watched


def _he(seed: int, name: str, gain: float = 1.0) -> keras.initializers.Initializer:
    """He's initializer for leaky ReLU, with a seed of its own for each layer."""
    state = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)
    scale = 2 * gain**2 / (1 + SLOPE**2)
    return keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal", int(state[0]))


# What input rows q - 1 and q give to output rows 2q - 1 and 2q when each row is doubled and then
# convolved with kernel rows 0, 1, 2: [input row, output row, kernel row].
_DOUBLED = np.array([[[1, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 1]]], np.float32)


class UpsamplingConvolution(keras.layers.Layer):
    """Nearest-neighbour upsampling by 2 and a 3x3 convolution, as one 2x2 convolution.

    Every output pixel sees 2x2 input pixels, so the four phases of the output are four 2x2
    convolutions, with kernels that are sums of the 3x3 kernel's rows and columns. That is 2.25
    times less work than convolving the doubled image, for the same result. No output pixel gets
    more kernel taps than another, which is what makes a checkerboard.

    Input shape: (batch, height, width, channels). Output shape: (batch, 2 height, 2 width,
    filters), zero-padded at the border as padding="same".
    """

    def __init__(self, filters: int, *, initializer, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.initializer = initializer

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(3, 3, input_shape[-1], self.filters), initializer=self.initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        channels = inputs.shape[-1]
        kernel = tf.convert_to_tensor(self.kernel)
        doubled = tf.constant(_DOUBLED, kernel.dtype)
        kernel = tf.einsum("tsj,jkio->tskio", doubled, kernel)
        kernel = tf.einsum("uvk,tskio->tuisvo", doubled, kernel)
        kernel = tf.reshape(kernel, (2, 2, channels, 4 * self.filters))
        # Padded apart: TensorFlow's gradient of explicit padding is 50 times slower in bfloat16.
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
        x = tf.nn.conv2d(padded, kernel, 1, "VALID")
        x = tf.nn.bias_add(x, tf.tile(tf.convert_to_tensor(self.bias), [4]))
        x = tf.nn.depth_to_space(x, 2)
        _, height, width, _ = inputs.shape
        # tf.slice, because the gradient of x[:, 1:-1, 1:-1] is 20 times slower.
        return tf.slice(x, [0, 1, 1, 0], [-1, 2 * height, 2 * width, -1])

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return batch, 2 * height, 2 * width, self.filters


def build_crisp_decoder(
    model: ModelOptions, options: CrispOptions, *, precision: str = "float32"
) -> keras.Model:
    """Builds the crisp decoder.

    With the precision "mixed_bfloat16" it computes in bfloat16; its weights stay float32.

    Input shape: (batch, latent_dim), float32.
    Output shape: (batch, image_size, image_size, channels), float32 logits, as the plain one's.

    Raises:
        InputError: the model's strides are not all 2, or it has too many of them.
    """
    depth = len(model.strides)
    if set(model.strides) != {2} or depth > len(options.filters):
        raise InputError(
            f"a crisp decoder needs at most {len(options.filters)} strides, all of them 2; the "
            f"model has {model.strides}"
        )
    z = keras.Input((model.latent_dim,), name="z")
    size, channels = model.smallest_size, model.filters[-1]
    x = keras.layers.Dense(
        size * size * channels,
        kernel_initializer=_he(options.seed, "to_pixels"),
        dtype=precision,
        name="to_pixels",
    )(z)
    x = keras.layers.Reshape((size, size, channels), name="reshape")(x)
    for i, filters in enumerate(options.filters[-depth:]):
        name = f"upsampling_convolution_{i}"
        initializer = _he(options.seed, name)
        x = UpsamplingConvolution(filters, initializer=initializer, dtype=precision, name=name)(x)
        x = keras.layers.LeakyReLU(
            negative_slope=SLOPE, dtype=precision, name=f"activation_{i}"
        )(x)
    initializer = _he(options.seed, "to_rgb", gain=0.5)
    x = keras.layers.Conv2D(
        model.channels,
        3,
        padding="same",
        kernel_initializer=initializer,
        dtype=precision,
        name="to_rgb",
    )(x)
    x = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(z, x, name="crisp_decoder")


class SpectralConvolution(keras.layers.Layer):
    """A convolution with kernel 4 and stride 2 whose largest singular value is held near 1.

    One power iteration a training step. Source: Miyato et al. 2018; the singular value is that
    of the kernel as a matrix (rows: inputs of a pixel, columns: filters), as theirs.

    Input shape: (batch, height, width, channels). Output shape: (batch, height / 2, width / 2,
    filters), linear.
    """

    def __init__(self, filters: int, *, initializer, kernel_size: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.initializer = initializer

    def build(self, input_shape):
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.direction = self.add_weight(
            shape=(self.filters, 1), initializer="ones", trainable=False, name="direction"
        )

    def normalised_kernel(self, *, update: bool):
        """The kernel over its largest singular value; `update` improves the estimate of that."""
        matrix = tf.reshape(tf.convert_to_tensor(self.kernel), (-1, self.filters))
        fixed = tf.stop_gradient(matrix)
        u = tf.math.l2_normalize(tf.matmul(fixed, tf.convert_to_tensor(self.direction)))
        v = tf.math.l2_normalize(tf.matmul(fixed, u, transpose_a=True))
        if update:
            self.direction.assign(v)
        sigma = tf.reduce_sum(u * tf.matmul(matrix, v))
        return tf.convert_to_tensor(self.kernel) / sigma

    def convolve(self, inputs, kernel):
        """Convolves with a kernel that `normalised_kernel` gave."""
        x = tf.nn.conv2d(inputs, kernel, 2, "SAME")
        return tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))


class Discriminator:
    """Tells real faces from generated ones: strided convolutions, and a linear layer at the end.

    The faces are aligned, so each place of the last feature map has a linear layer of its own;
    its scores are not averaged before the hinge: every region has to look real.
    """

    def __init__(self, model: ModelOptions, options: CrispOptions):
        self.dtype = tf.bfloat16 if options.precision == "bfloat16" else tf.float32
        self.convolutions = []
        channels, size = model.channels, model.image_size
        for i, filters in enumerate(options.discriminator_filters):
            if size < 8:  # toy sizes
                break
            layer = SpectralConvolution(
                filters, initializer=_he(options.seed, f"discriminator_{i}"), name=f"strided_{i}"
            )
            layer.build((None, size, size, channels))
            self.convolutions.append(layer)
            channels, size = filters, (size + 1) // 2
        # One more channel: the standard deviation over the batch (Karras et al. 2018).
        random = np.random.default_rng([options.seed, zlib.crc32(b"scores")])
        initial = random.normal(0, channels**-0.5, (size, size, channels + 1))
        self.scores = keras.Variable(initial.astype(np.float32), name="scores")
        self.score_bias = keras.Variable(np.zeros((size, size), np.float32), name="score_bias")

    @property
    def trainable_variables(self) -> list:
        layers = [v for layer in self.convolutions for v in layer.trainable_variables]
        return [*layers, self.scores, self.score_bias]

    @property
    def variables(self) -> list:
        layers = [v for layer in self.convolutions for v in layer.variables]
        return [*layers, self.scores, self.score_bias]

    def kernels(self, *, update: bool) -> list:
        """The normalised kernels, for any number of `judge`."""
        kernels = [layer.normalised_kernel(update=update) for layer in self.convolutions]
        return [tf.cast(kernel, self.dtype) for kernel in kernels]

    def judge(self, images, kernels: list) -> tuple:
        """Scores and features of images.

        Args:
            images: float32 (batch, size, size, channels) in [0, 1].

        Returns:
            Scores (batch, rows, columns), high for real; and each convolution's output after
            its activation.
        """
        x = tf.cast(2 * images - 1, kernels[0].dtype)
        features = []
        for layer, kernel in zip(self.convolutions, kernels, strict=True):
            x = tf.nn.leaky_relu(layer.convolve(x, kernel), SLOPE)
            features.append(x)
        x = tf.cast(x, tf.float32)
        deviation = tf.sqrt(tf.math.reduce_variance(x, axis=0) + 1e-8)
        deviation = tf.reduce_mean(deviation, axis=-1, keepdims=True)
        x = tf.concat([x, tf.broadcast_to(deviation, (*tf.unstack(tf.shape(x))[:3], 1))], -1)
        scores = tf.reduce_sum(x * tf.convert_to_tensor(self.scores), -1)
        return scores + tf.convert_to_tensor(self.score_bias), features


def _mean(values):
    return tf.reduce_mean(tf.cast(values, tf.float32))


def feature_difference(real: list, generated: list):
    """Mean over the layers of the mean absolute difference, relative to the layer's size."""
    parts = [
        _mean(tf.abs(a - b)) / (_mean(tf.abs(a)) + 1e-6)
        for a, b in zip(map(tf.stop_gradient, real), generated, strict=True)
    ]
    return tf.add_n(parts) / len(parts)


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
    sigmas = tf.random.stateless_uniform((count, 1), seed + [0, 1 << 40], *WIDE_SIGMA)
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
            noise = tf.random.stateless_normal((count, dim), seed + [0, 1 << 41])
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
