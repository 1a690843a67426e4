"""Numbers about pictures."""

from __future__ import annotations

import numpy as np


def cross_entropy_floor(pixels: np.ndarray) -> float:
    """The binary cross-entropy of images with themselves, which no reconstruction can go below.

    H(x) = -x ln x - (1 - x) ln(1 - x) of every value x in [0, 1], mean over the channels, sum
    over the pixels, mean over the images: the convention of the articles' reconstruction loss.

    Args:
        pixels: uint8 (N, height, width, channels), N at least 1.

    Returns:
        nats per image.
    """
    x = np.arange(256) / 255
    inside = x[1:-1]
    entropy = np.zeros(256)
    entropy[1:-1] = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
    counts = np.bincount(pixels.ravel(), minlength=256)
    return float(counts @ entropy) / (len(pixels) * pixels.shape[-1])
