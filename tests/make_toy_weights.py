"""python make_toy_weights.py FACES FOLDER: a tiny trained model, in a process of its own.

The tests run it in a subprocess, so that pytest itself stays without TensorFlow.
"""

from __future__ import annotations

import sys

from facegen.api.train import train
from facegen.model.devices import limit_hardware
from facegen.options import ModelOptions, TrainingOptions

TOY_MODEL = ModelOptions(
    image_size=32, latent_dim=8, filters=(8, 16), kernels=(3, 3), strides=(2, 2), seed=1
)
TOY_TRAINING = TrainingOptions(epochs=1, batch_size=32)


def main(faces: str, folder: str) -> None:
    limit_hardware(cpu_only=True)
    train(faces, folder, model_options=TOY_MODEL, options=TOY_TRAINING, note="Synthetic faces.")


if __name__ == "__main__":
    main(*sys.argv[1:])
