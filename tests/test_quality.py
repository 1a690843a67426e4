"""Numbers about pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

from facegen.quality import cross_entropy_floor

faces = npst.arrays(np.uint8, npst.array_shapes(min_dims=4, max_dims=4, max_side=4))


def floor_by_definition(pixels: np.ndarray) -> float:
    """-x ln x - (1 - x) ln(1 - x): mean over channels, SUM over pixels, mean over images."""
    count, height, width, channels = pixels.shape
    images = []
    for image in range(count):
        total = 0.0
        for row in range(height):
            for column in range(width):
                entropies = []
                for channel in range(channels):
                    x = float(pixels[image, row, column, channel]) / 255
                    parts = [p * math.log(p) for p in (x, 1 - x) if p > 0]
                    entropies.append(-sum(parts))
                total += sum(entropies) / channels
        images.append(total)
    return sum(images) / count


@given(faces)
def test_the_floor_is_the_sum_of_the_definition(pixels):
    assert cross_entropy_floor(pixels) == pytest.approx(floor_by_definition(pixels), abs=1e-12)


def test_the_floor_of_every_byte_is_that_of_the_definition():
    pixels = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)
    assert cross_entropy_floor(pixels) == pytest.approx(floor_by_definition(pixels), rel=1e-12)


def test_black_and_white_have_no_floor():
    pixels = np.where(np.arange(96).reshape(2, 4, 4, 3) % 2, 255, 0).astype(np.uint8)
    assert cross_entropy_floor(pixels) == 0


def test_middle_gray_has_nearly_ln_2_a_pixel():
    pixels = np.full((5, 96, 96, 3), 128, np.uint8)
    x = 128 / 255
    expected = 9216 * -(x * math.log(x) + (1 - x) * math.log(1 - x))  # 6387.97
    assert cross_entropy_floor(pixels) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(9216 * math.log(2), rel=2e-5)


def test_no_reconstruction_goes_below_the_floor():
    random = np.random.default_rng(4)
    pixels = random.integers(1, 255, (3, 6, 6, 3), np.uint8)
    x = pixels / 255
    for width in (0.0, 0.01, 0.1):
        guess = np.clip(x + random.uniform(-width, width, x.shape), 1e-6, 1 - 1e-6)
        loss = -(x * np.log(guess) + (1 - x) * np.log(1 - guess)).mean(3).sum((1, 2)).mean()
        assert loss >= cross_entropy_floor(pixels) - 1e-9
