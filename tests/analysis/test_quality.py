"""Numbers about pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis.extra import numpy as npst

from facegen.analysis import quality
from facegen.analysis.quality import cross_entropy_floor

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


def test_the_cross_entropy_of_a_picture_with_itself_is_the_floor():
    pixels = np.random.default_rng(1).integers(1, 255, (2, 8, 8, 3), np.uint8)
    assert quality.cross_entropy(pixels, pixels) == pytest.approx(
        cross_entropy_floor(pixels), rel=1e-6
    )
    white = np.full((1, 2, 2, 3), 255, np.uint8)
    # A black guess counts as half a step above 0: 4 pixels of ln(255 / 0.5) nats.
    assert quality.cross_entropy(white, 0 * white) == pytest.approx(4 * math.log(510), rel=1e-6)


def test_a_shifted_cloud_lies_at_the_mean_projection_of_the_shift():
    random = np.random.default_rng(2)
    cloud = random.normal(size=(500, 147)).astype(np.float32)
    shift = random.normal(size=147).astype(np.float32)
    found = quality.sliced_wasserstein(cloud, cloud + shift, random)
    # E |d . c| for a random unit vector d in n dimensions.
    expected = np.linalg.norm(shift) * math.exp(
        math.lgamma(147 / 2) - math.lgamma(148 / 2) - math.log(math.pi) / 2
    )
    # 256 directions: the standard deviation of |d . c| is 0.76 of its mean, so 4.7 % of it.
    assert found == pytest.approx(expected, rel=4 * 0.76 / 16)
    assert quality.sliced_wasserstein(cloud, cloud[::-1], random) == pytest.approx(0, abs=1e-6)


def test_the_pyramid_is_that_of_two_dimensional_convolutions():
    images = np.random.default_rng(3).normal(size=(2, 16, 16, 3)).astype(np.float32)
    row = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(row, row)[None, :, :, None]
    small = scipy.ndimage.convolve(images, kernel, mode="mirror")[:, ::2, ::2]
    spread = np.zeros_like(images)
    spread[:, ::2, ::2] = small
    detail = images - scipy.ndimage.convolve(spread, 4 * kernel, mode="mirror")
    levels = quality.laplacian_pyramid(images, 2)
    np.testing.assert_allclose(levels[0], detail, atol=1e-5)
    np.testing.assert_allclose(levels[1], small, atol=1e-5)


def noise(seed: int, count: int = 40, size: int = 32) -> np.ndarray:
    """Pictures with detail at every scale, uint8 (count, size, size, 3)."""
    random = np.random.default_rng(seed)
    white = random.normal(size=(count, size, size, 3))
    coarse = scipy.ndimage.gaussian_filter(white, (0, 3, 3, 0)) * 10
    return np.clip(128 + 40 * coarse + 12 * white, 0, 255).astype(np.uint8)


def test_patches_with_another_kind_of_detail_are_further_away_than_those_of_other_pictures():
    real, other = noise(4), noise(5)
    dots = np.where(np.random.default_rng(6).random(other.shape) < 0.01, 255, 20).astype(np.uint8)
    near = quality.patch_distances(real, other)
    far = quality.patch_distances(real, dots)
    assert list(near) == ["32", "16", "8"]
    assert far["32"] > 2 * near["32"]
    assert near == quality.patch_distances(real, other)
    assert near != quality.patch_distances(real, other, seed=1)


def test_texture_is_the_logarithm_of_the_ratio_of_the_powers():
    pixels = 2 * np.random.default_rng(7).integers(0, 128, (3, 32, 32, 3)).astype(np.uint8)
    # Half the contrast is a quarter of the power, at every frequency.
    assert quality.texture_difference(pixels, pixels // 2) == pytest.approx(math.log10(4), rel=1e-4)
    assert quality.texture_difference(pixels, pixels) == 0


def test_a_wave_has_its_power_at_its_number_of_cycles():
    x = np.arange(64)
    wave = np.broadcast_to(128 + 100 * np.cos(2 * np.pi * 9 * x / 64), (64, 64))
    pixels = np.repeat(np.rint(wave)[None, :, :, None], 3, axis=3).astype(np.uint8)
    # The ring of 9 cycles has 56 bins, that of 10 too; the window spreads power to neighbours.
    assert quality.radial_spectrum(pixels).argmax() == 9


def test_the_sharpness_of_a_checkerboard_is_16():
    board = np.indices((10, 10)).sum(0) % 2 * 255
    pixels = np.repeat(board[None, :, :, None], 3, axis=3).astype(np.uint8)
    # Each pixel's Laplacian is 4 or -4, in equal numbers.
    assert quality.sharpness(pixels) == pytest.approx(16, rel=1e-5)
    assert quality.sharpness(0 * pixels) == 0


def test_diversity_is_the_mean_difference_of_pairs():
    black, white = (np.full((1, 48, 48, 3), value, np.uint8) for value in (0, 255))
    assert quality.diversity(np.concatenate([black, white])) == pytest.approx(1)
    assert quality.diversity(np.concatenate([black, black, white])) == pytest.approx(2 / 3)
    # Detail is averaged away: 2x2 blocks of black and white are gray.
    board = np.broadcast_to((np.indices((48, 48)).sum(0) % 2 * 255)[None, :, :, None], white.shape)
    different = np.concatenate([board, 255 - board]).astype(np.uint8)
    assert quality.diversity(different) == pytest.approx(0, abs=1e-6)


def test_nearest_distances_are_those_of_brute_force(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quality, "CHUNK", 7)
    random = np.random.default_rng(8)
    queries, others = (random.integers(0, 256, (n, 4, 4, 3), np.uint8) for n in (5, 30))
    expected = [
        min(math.sqrt(((q / 255 - o / 255) ** 2).mean()) for o in others.astype(float))
        for q in queries.astype(float)
    ]
    np.testing.assert_allclose(quality.nearest_distances(queries, others), expected, rtol=1e-4)
    # In float32 the distance of a point from itself is 0 to the root of a rounding error.
    assert quality.nearest_distances(queries, queries).max() < 2e-3


def test_psnr_of_a_constant_error_is_its_formula():
    pixels = np.full((2, 8, 8, 3), 100, np.uint8)
    assert quality.psnr(pixels, pixels + 10) == pytest.approx(20 * math.log10(255 / 10), rel=1e-5)
    assert quality.psnr(pixels, pixels) == math.inf


def test_ssim_of_flat_pictures_is_the_ratio_of_the_means():
    a, b = (np.full((1, 16, 16, 3), value, np.uint8) for value in (60, 180))
    x, y, c1 = 60 / 255, 180 / 255, 0.01**2
    assert quality.ssim(a, b) == pytest.approx((2 * x * y + c1) / (x * x + y * y + c1), rel=1e-5)


def test_ssim_is_that_of_the_definition_in_every_window():
    a, b = noise(9, 1, 16), noise(10, 1, 16)
    x, y = (p[0].astype(float) @ np.array([0.299, 0.587, 0.114]) / 255 for p in (a, b))
    distance = np.arange(11) - 5
    window = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for row in range(6):
        for column in range(6):
            p, q = (z[row : row + 11, column : column + 11] for z in (x, y))
            mean_p, mean_q = (window * p).sum(), (window * q).sum()
            variance = (window * ((p - mean_p) ** 2 + (q - mean_q) ** 2)).sum()
            covariance = (window * (p - mean_p) * (q - mean_q)).sum()
            values.append(
                (2 * mean_p * mean_q + 1e-4)
                * (2 * covariance + 9e-4)
                / ((mean_p**2 + mean_q**2 + 1e-4) * (variance + 9e-4))
            )
    assert quality.ssim(a, b) == pytest.approx(np.mean(values), abs=1e-5)
    assert quality.ssim(a, a) == pytest.approx(1)


def test_colours_are_means_and_deviations_of_the_channels():
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    pixels[0, :, :, 0] = 255
    pixels[:, :, :, 1] = 51
    found = quality.colours(pixels)
    assert found["mean"] == pytest.approx([0.5, 0.2, 0])
    assert found["deviation"] == pytest.approx([0.5, 0, 0])


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_pattern_stands_out_at_its_period(period: int):
    clean = noise(40, 1)
    dotted = clean.astype(np.int16)
    dotted[:, ::period] += 20 * period
    dotted = np.clip(dotted, 0, 255).astype(np.uint8)
    assert max(quality.grid_power(clean).values()) < 2
    assert quality.grid_power(dotted)[str(period)] > 5
