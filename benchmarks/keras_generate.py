"""What start_up.py compares with: `facegen generate --n 28 --r-limit 2.5` through Keras.

Usage: python benchmarks/keras_generate.py WEIGHTS OUTPUT.png SEED
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from facegen.images.pixels import to_pixels
from facegen.images.sheets import make_sheet, save_png
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.model.arrays import load_arrays  # imports Keras and TensorFlow
from facegen.model.autoencoder import build_decoder, tf


def main(weights_path: str, output: str, seed: int) -> None:
    weights = Weights.load(weights_path)
    decoder = build_decoder(weights.model)
    load_arrays(decoder, Path(weights_path) / "decoder.h5")
    z = random_points.uniform(range(28), weights.model.latent_dim, seed=seed, r_limit=2.5)
    sheet, grid = make_sheet(to_pixels(tf.sigmoid(decoder(z, training=False)).numpy()))
    save_png(sheet, output, {"command": "keras"}, grid=grid)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
