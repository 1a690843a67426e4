"""Pixels to floats and back: the only conversion."""

from __future__ import annotations

import numpy as np


def to_float(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 in 0..255 to float32 in [0, 1], any shape."""
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] to pixels uint8: times 255, rounded, clipped to 0..255; any shape."""
    scaled = np.multiply(values, np.float32(255), dtype=np.float32)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)
