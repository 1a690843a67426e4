"""The training steps that train_step.py compares; run by it, one variant in each process.

All train the articles' network (ModelOptions' defaults) on the same uint8 batch with the same
loss: binary cross-entropy, mean over channels and sum over pixels, plus 5 * KL.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import measure
import numpy as np

from facegen.options import ModelOptions

LEARNING_RATE = 5e-4
OPTIONS = ModelOptions()

Step = Callable[[], object]
Run = Callable[[int], object]  # runs so many steps


def repeat(step: Step) -> Run:
    """Runs a step so many times; each reads its losses, as a training loop does."""
    return lambda steps: [step() for _ in range(steps)]


def make_batch(size: int) -> np.ndarray:
    """Smooth noise, uint8 (size, 96, 96, 3); what it shows does not matter for the time."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (size, 12, 12, 3), np.uint8)
    return small.repeat(8, axis=1).repeat(8, axis=2)


def _start_tensorflow(threads: int):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def facegen(
    batch: np.ndarray,
    threads: int,
    *,
    jit: bool = False,
    upsampling: bool = False,
    precision: str = "float32",
) -> Run:
    """facegen's own step."""
    tf = _start_tensorflow(threads)
    from facegen.model.autoencoder import Adam, Autoencoder

    model = Autoencoder(replace(OPTIONS, upsampling=upsampling), precision=precision)
    model.optimizer = Adam(LEARNING_RATE)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(model.train_step, jit_compile=jit)
    return repeat(lambda: {name: float(value) for name, value in step(batch).items()})


def stock_layers() -> tuple[Any, Any]:
    """Encoder and decoder from Keras' own layers; the decoder ends in a sigmoid."""
    import keras

    def block(x, layer):
        return keras.layers.LeakyReLU(0.3)(keras.layers.BatchNormalization()(layer(x)))

    image = keras.Input((OPTIONS.image_size, OPTIONS.image_size, 3))
    x = image
    for filters in OPTIONS.filters:
        x = block(x, keras.layers.Conv2D(filters, 3, 2, "same"))
    x = keras.layers.Flatten()(x)
    heads = [keras.layers.Dense(OPTIONS.latent_dim, name=name)(x) for name in ("mu", "logvar")]
    z = keras.Input((OPTIONS.latent_dim,))
    size, filters = OPTIONS.smallest_size, OPTIONS.filters[-1]
    x = keras.layers.Dense(size * size * filters)(z)
    x = keras.layers.Reshape((size, size, filters))(x)
    for filters in OPTIONS.filters[-2::-1]:
        x = block(x, keras.layers.Conv2DTranspose(filters, 3, 2, "same"))
    x = keras.layers.Conv2DTranspose(3, 3, 2, "same", activation="sigmoid")(x)
    return keras.Model(image, heads), keras.Model(z, x)


def _stock_model():
    import keras
    import tensorflow as tf

    class StockAutoencoder(keras.Model):
        """As in Keras' example of a VAE (keras.io/examples/generative/vae)."""

        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = stock_layers()
            names = ("total_loss", "reco_loss", "kl_loss")
            self.means = [keras.metrics.Mean(name) for name in names]

        @property
        def metrics(self):
            return self.means

        def train_step(self, batch):
            with tf.GradientTape() as tape:
                images = tf.cast(batch, tf.float32) / 255.0
                mu, logvar = self.encoder(images, training=True)
                z = mu + tf.exp(logvar / 2) * tf.random.normal(tf.shape(mu))
                pictures = self.decoder(z, training=True)
                error = keras.losses.binary_crossentropy(images, pictures)
                reco_loss = tf.reduce_mean(tf.reduce_sum(error, axis=(1, 2)))
                kl = -0.5 * (1 + logvar - tf.square(mu) - tf.exp(logvar))
                kl_loss = OPTIONS.kl_weight * tf.reduce_mean(tf.reduce_sum(kl, axis=1))
                losses = (reco_loss + kl_loss, reco_loss, kl_loss)
            variables = self.trainable_variables
            gradients = tape.gradient(losses[0], variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            for mean, value in zip(self.means, losses, strict=True):
                mean.update_state(value)
            return {mean.name: mean.result() for mean in self.means}

    return StockAutoencoder()


def stock(batch: np.ndarray, threads: int) -> Run:
    """Keras' layers, loss and optimizer in a tf.function of one's own."""
    tf = _start_tensorflow(threads)
    import keras

    model = _stock_model()
    model.optimizer = keras.optimizers.Adam(LEARNING_RATE)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(model.train_step)
    return repeat(lambda: {name: float(value) for name, value in step(batch).items()})


def stock_fit(batch: np.ndarray, threads: int) -> Run:
    """The same through Model.compile and Model.fit as they come (on a CPU without XLA)."""
    tf = _start_tensorflow(threads)
    import keras

    model = _stock_model()
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE))
    batches = tf.data.Dataset.from_tensors(batch).repeat()
    return lambda steps: model.fit(batches, epochs=1, steps_per_epoch=steps, verbose=0)


def pytorch(batch: np.ndarray, threads: int, *, channels_last: bool, fused: bool = False) -> Run:
    """PyTorch, not compiled: its own layers, loss from logits, Adam."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)

    def block(layer, filters):
        # BatchNorm2d's momentum is the weight of the new value, Keras' that of the old one.
        return [layer, nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01), nn.LeakyReLU(0.3)]

    filters = (3, *OPTIONS.filters)
    size, latent_dim = OPTIONS.smallest_size, OPTIONS.latent_dim
    layers = []
    for before, after in pairwise(filters):
        layers += block(nn.Conv2d(before, after, 3, 2, padding=1), after)
    encoder = nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(size * size * filters[-1], 2 * latent_dim)
    )
    layers = []
    for before, after in zip(filters[:1:-1], filters[-2:0:-1], strict=True):
        convolution = nn.ConvTranspose2d(before, after, 3, 2, padding=1, output_padding=1)
        layers += block(convolution, after)
    decoder = nn.Sequential(
        nn.Linear(latent_dim, size * size * filters[-1]),
        nn.Unflatten(1, (filters[-1], size, size)),
        *layers,
        nn.ConvTranspose2d(filters[1], 3, 3, 2, padding=1, output_padding=1),
    )
    model = nn.ModuleList([encoder, decoder])
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(memory_format=memory_format)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, eps=1e-7, fused=fused)
    cross_entropy = nn.BCEWithLogitsLoss(reduction="sum")
    scale = 1 / (3 * len(batch))  # mean over channels and images

    def step():
        images = torch.from_numpy(batch).permute(0, 3, 1, 2)
        images = images.to(torch.float32, memory_format=memory_format) / 255
        mu, logvar = encoder(images).chunk(2, dim=1)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        reco_loss = cross_entropy(decoder(z), images) * scale
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp())
        kl_loss = OPTIONS.kl_weight * kl.sum(dim=1).mean()
        total = reco_loss + kl_loss
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return [float(loss.detach()) for loss in (total, reco_loss, kl_loss)]

    return repeat(step)


VARIANTS: dict[str, Callable[[np.ndarray, int], Run]] = {
    "facegen": facegen,
    "stock Keras, tf.function": stock,
    "stock Keras, compile and fit": stock_fit,
    "PyTorch": lambda batch, threads: pytorch(batch, threads, channels_last=False),
    "PyTorch channels_last": lambda batch, threads: pytorch(batch, threads, channels_last=True),
    "PyTorch channels_last, fused Adam": lambda batch, threads: pytorch(
        batch, threads, channels_last=True, fused=True
    ),
    "facegen XLA": lambda batch, threads: facegen(batch, threads, jit=True),
    "facegen bfloat16": lambda batch, threads: facegen(batch, threads, precision="bfloat16"),
    "facegen upsampling": lambda batch, threads: facegen(batch, threads, upsampling=True),
    "facegen upsampling, bfloat16": lambda batch, threads: facegen(
        batch, threads, upsampling=True, precision="bfloat16"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=list(VARIANTS))
    parser.add_argument("threads", type=int)
    parser.add_argument("batch_size", type=int)
    chosen = parser.parse_args()
    measure.serve(VARIANTS[chosen.variant](make_batch(chosen.batch_size), chosen.threads))


if __name__ == "__main__":
    main()
