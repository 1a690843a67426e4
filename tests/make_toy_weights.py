"""python make_toy_weights.py FOLDER: a tiny trained model, in a process of its own.

What it makes is kept in tests/toy-weights, so that the tests of all that runs a model need no
TensorFlow; `make toy` makes that anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from facegen.api.train import train
from facegen.model.devices import limit_hardware
from facegen.options import ModelOptions, TrainingOptions
from toys import write_toy_faces

TOY_MODEL = ModelOptions(
    image_size=32, latent_dim=8, filters=(8, 16), kernels=(3, 3), strides=(2, 2), seed=1
)
BATCH_NORM_MOMENTUM = 0.99
TOY_TRAINING = TrainingOptions(epochs=1, batch_size=32)


def main(folder: str) -> None:
    limit_hardware(cpu_only=True)
    from facegen.model.autoencoder import Autoencoder

    # As facegen was when tests/made_before was made with this model.
    momentum = patch.object(Autoencoder, "_momentum", lambda self: BATCH_NORM_MOMENTUM)
    with momentum, tempfile.TemporaryDirectory() as temporary:
        faces = Path(temporary) / "faces.h5"
        write_toy_faces(faces)
        train(faces, folder, model_options=TOY_MODEL, options=TOY_TRAINING, note="Synthetic faces.")


if __name__ == "__main__":
    main(*sys.argv[1:])
