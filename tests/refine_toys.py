"""python refine_toys.py FACES FOLDER: refines toys in the ways test_crisp.py asks about.

FOLDER has copies of the toy weights. One process, on one thread, so that equal runs are equal to
the bit.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from facegen.api.refine import read_start_options, refine
from facegen.errors import FacegenError
from facegen.io.checkpoint import read_state
from facegen.io.weights import Weights
from facegen.model import adversarial_trainer
from facegen.model.devices import limit_hardware
from facegen.model.trainer import Progress
from facegen.options import CrispOptions
from make_toy_weights import TOY_MODEL
from toys import undrawn

OPTIONS = CrispOptions(
    epochs=3,
    imitation_epochs=1,
    filters=(16, 8),
    mapping=(16,),
    residual_blocks=(1, 0),
    seed=1,
)


class StoppedError(Exception):
    """Stands for a kill in the middle of an epoch."""


@undrawn()
def started(faces: str, here: Path) -> None:
    """Begins with the crisp decoder of another model, and is exported again from its checkpoint."""
    from facegen.model.arrays import load_start
    from facegen.model.crisp_decoder import CrispDecoder

    start = here / "unbroken"
    options = replace(read_start_options(start), epochs=1, learning_rate=1e-12, seed=3)
    refine(here / "started", faces, options=options, start_from=start)
    refine(here / "started", faces, start_from=start, resume=True)
    shallow = CrispDecoder(TOY_MODEL, replace(options, residual_blocks=(0, 0)))
    try:
        load_start({"crisp_decoder.h5": shallow}, Weights.load(start))
    except FacegenError as error:
        (here / "refused.json").write_text(json.dumps(str(error)))


def stop(progress: Progress) -> None:
    if (progress.epoch, progress.step) == (2, 4):
        raise StoppedError


def runs(faces: str, here: Path) -> None:
    refine(here / "unbroken", faces, options=OPTIONS, note="Crisp toys.")
    adversarial_trainer.CHECKPOINT_SECONDS = -1  # a checkpoint after every step
    try:
        refine(here / "resumed", faces, options=OPTIONS, note="Crisp toys.", report=stop)
    except StoppedError:
        state = read_state(here / "resumed" / "crisp_checkpoint.h5")
        stopped = {"epoch": len(state["history"]) + 1, "step": state["step"]}
        (here / "stopped.json").write_text(json.dumps(stopped))
    refine(here / "resumed", faces, resume=True)
    shutil.copytree(here / "resumed", here / "twice")
    # It was done, so that these options are of no effect.
    others = replace(OPTIONS, learning_rate=1.0, batch_size=8, pixel_weight=9.0)
    refine(here / "twice", faces, options=others, resume=True, note="Exported twice.")
    adversarial_trainer.CHECKPOINT_SECONDS = 1000


@undrawn()
def diverged(faces: str, here: Path) -> None:
    """Goes on with the unbroken run at a rate that is far too high."""
    shutil.copytree(here / "unbroken", here / "wild")
    wild = replace(OPTIONS, epochs=4, learning_rate=1e30)
    try:
        refine(here / "wild", faces, options=wild, resume=True)
    except FacegenError as error:
        (here / "error.json").write_text(json.dumps([type(error).__name__, str(error)]))


def layers(path: Path) -> None:
    """Runs the layers on random numbers and saves what goes in and comes out."""
    import keras
    import tensorflow as tf

    from facegen.model.adversarial import prior_points
    from facegen.model.crisp_decoder import CrispDecoder
    from facegen.model.discriminator import (
        Head,
        SpectralConvolution,
        draw_views,
        feature_difference,
        hinge,
        own_scores,
        view,
    )
    from facegen.model.layers import UpsamplingConvolution

    random = np.random.default_rng(5)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    inputs = normal(2, 5, 4, 6)
    upsampling = UpsamplingConvolution(7, initializer=keras.initializers.HeNormal(1))
    upsampling(inputs)
    upsampling.bias.assign(normal(7))
    spectral = SpectralConvolution(
        9, initializer=keras.initializers.HeNormal(2), kernel_size=4, stride=2
    )
    spectral.build((None, 8, 8, 3))
    for _ in range(200):
        after = spectral.normalised_kernel(update=True)
    features = normal(3, 2, 4, 4, 5), normal(3, 2, 4, 4, 5)
    images = random.uniform(0.1, 1, (6, 16, 16, 3)).astype(np.float32)
    draws = draw_views(len(images), 16, tf.constant([7, 8], tf.int64))
    scores = normal(6, 2, 2, 3)
    head = Head("head", channels=5, filters=(4,), seed=3)
    kernels = [layer.normalised_kernel(update=False) for layer in head.convolutions]
    maps = normal(6, 8, 8, 5)
    others = np.concatenate([maps[:3], normal(3, 8, 8, 5)])
    points = normal(3, 8)
    shallow = replace(OPTIONS, mapping=(), residual_blocks=(0, 0))
    np.savez(
        path,
        hinge=np.asarray(
            hinge(
                [tf.constant([0.5, 2.0]), tf.constant([0.0])],
                [tf.constant([-5.0, 2.0]), tf.constant([0.0])],
            )
        ),
        scores=scores,
        own_scores=np.asarray(own_scores([tf.constant(scores)])[0]),
        head_scores=np.asarray(head(tf.constant(maps), kernels, 2)),
        head_scores_with_other_group=np.asarray(head(tf.constant(others), kernels, 2)),
        images=images,
        views=np.asarray(view(tf.constant(images), draws)),
        view_shifts=np.asarray(draws[3:])[:, :, 0],
        deep_logits=np.asarray(CrispDecoder(TOY_MODEL, OPTIONS)(points)),
        shallow_logits=np.asarray(CrispDecoder(TOY_MODEL, shallow)(points)),
        inputs=inputs,
        kernel=np.asarray(upsampling.kernel),
        bias=np.asarray(upsampling.bias),
        upsampled=np.asarray(upsampling(inputs)),
        spectral_before=np.asarray(spectral.kernel),
        spectral_after=np.asarray(after),
        real_features=features[0],
        generated_features=features[1],
        feature_difference=np.asarray(
            feature_difference(*([tf.constant(f) for f in part] for part in features))
        ),
        points=np.asarray(prior_points(4000, 8, tf.constant([3, 4], tf.int64))),
    )


def behind_a_dense_layer(path: Path) -> None:
    """Builds the crisp decoder of a model whose plain one has a dense layer before to_pixels."""
    from facegen.io.torch_files import installed_network
    from facegen.model.adversarial import AdversarialModel
    from facegen.model.autoencoder import Autoencoder
    from facegen.model.feature_network import FeatureNetwork

    plain = Autoencoder(replace(TOY_MODEL, decoder_dense=5))
    model = AdversarialModel(plain, OPTIONS, FeatureNetwork(installed_network("lite0")))
    np.save(path, model.pictures(np.zeros((2, TOY_MODEL.latent_dim), np.float32)))


def main(faces: str, folder: str) -> None:
    limit_hardware(cpu_only=True, cpu_threads=1)
    layers(Path(folder) / "layers.npz")
    behind_a_dense_layer(Path(folder) / "dense.npy")
    runs(faces, Path(folder))
    diverged(faces, Path(folder))
    started(faces, Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
