"""Numbers about pictures: how near one set of faces is to another.

All functions take uint8 pictures (N, height, width, 3); docs/quality.md explains the numbers.
"""

from __future__ import annotations

import numpy as np

from facegen.images.pixels import to_float
from facegen.latent.random_points import generator

PATCH = 7  # pixels, as Karras et al.
PATCHES_PER_IMAGE = 16
PATCH_LEVELS = 3  # 96, 48 and 24 pixels for faces of 96
DIRECTIONS = 256
PYRAMID_FILTER = np.array([1, 4, 6, 4, 1], np.float32) / 16
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
COARSEST_CYCLES = 4  # texture begins above so many cycles a picture
DIVERSITY_SIZE = 24  # pixels: detail does not count as diversity
SSIM_WINDOW, SSIM_SIGMA, SSIM_K1, SSIM_K2 = 11, 1.5, 0.01, 0.03
MIN_SIZE = SSIM_WINDOW  # pixels a side, for which all numbers are defined
GRID_PERIODS = (2, 4, 8, 16)  # pixels: of the doublings
CHUNK = 1000  # pictures compared at a time


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


def cross_entropy(pixels: np.ndarray, reconstruction: np.ndarray) -> float:
    """The binary cross-entropy of a reconstruction, in nats per image, as the loss counts it.

    A reconstruction's values are uint8, so they are kept half a step away from 0 and 1.
    """
    guess = np.clip(to_float(reconstruction), 0.5 / 255, 1 - 0.5 / 255).astype(np.float64)
    x = to_float(pixels)
    entropy = -(x * np.log(guess) + (1 - x) * np.log1p(-guess))
    return float(entropy.sum()) / (len(pixels) * pixels.shape[-1])


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Luma of ITU-R BT.601, float32 (N, height, width) in [0, 1]."""
    return to_float(pixels) @ LUMA


def _smooth(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves rows and columns with a symmetric kernel; the border is mirrored."""
    half = len(kernel) // 2
    for axis in (1, 2):
        pad = [(0, 0)] * images.ndim
        pad[axis] = (half, half)
        padded = np.pad(images, pad, mode="reflect")
        images = _weighted_sum(padded, kernel, axis)
    return images


def _weighted_sum(images: np.ndarray, kernel: np.ndarray, axis: int) -> np.ndarray:
    """Correlates one axis with a kernel, inside the border only."""
    length = images.shape[axis] - len(kernel) + 1
    window = [slice(None)] * images.ndim
    result = np.zeros(1, images.dtype)
    for offset, weight in enumerate(kernel):
        window[axis] = slice(offset, offset + length)
        result = result + images[tuple(window)] * weight
    return result


def laplacian_pyramid(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Details of each octave, and what is left: float32 (N, size / 2^k, size / 2^k, 3).

    Source: Burt and Adelson 1983, with OpenCV's pyrDown and pyrUp, as Karras et al. 2018.
    """
    pyramid = [images.astype(np.float32)]
    for _ in range(levels - 1):
        smaller = _smooth(pyramid[-1], PYRAMID_FILTER)[:, ::2, ::2]
        larger = np.zeros_like(pyramid[-1])
        larger[:, ::2, ::2] = smaller
        pyramid[-1] = pyramid[-1] - _smooth(larger, 2 * PYRAMID_FILTER)
        pyramid.append(smaller)
    return pyramid


def _patches(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Random patches, each channel scaled to mean 0 and variance 1: float32 (M, 7 * 7 * 3)."""
    count = len(images) * PATCHES_PER_IMAGE
    image = np.repeat(np.arange(len(images)), PATCHES_PER_IMAGE)[:, None, None]
    inside = np.arange(PATCH)
    row = random.integers(0, images.shape[1] - PATCH + 1, (count, 1, 1)) + inside[:, None]
    column = random.integers(0, images.shape[2] - PATCH + 1, (count, 1, 1)) + inside
    patches = images[image, row, column]
    patches -= patches.mean((0, 1, 2))
    patches /= np.maximum(patches.std((0, 1, 2)), 1e-8)
    return patches.reshape(count, -1)


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, random: np.random.Generator) -> float:
    """The mean distance between two point clouds of one size, projected on random directions.

    On a line the (first) Wasserstein distance is the mean difference of the sorted values.

    Args:
        a, b: float32 (M, dimensions).
    """
    directions = random.standard_normal((a.shape[1], DIRECTIONS), np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    a, b = (np.sort(cloud @ directions, axis=0) for cloud in (a, b))
    return float(np.abs(a - b).mean())


def patch_distances(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """Sliced Wasserstein distance x 1000 between the patches of two sets of pictures.

    Patches of 7x7 pixels from each level of the Laplacian pyramid. Source: Karras, Aila, Laine
    and Lehtinen 2018, "Progressive growing of GANs", section 5; they take 128 patches of 16,384
    pictures, we 16 of a few hundred. Two halves of one set are not at 0: the fewer the pictures,
    the further apart (with 300 of 96 pixels about 29 at each level).

    Args:
        a, b: uint8 (N, size, size, 3), both with the same N and size.

    Returns:
        The distance by the level's size in pixels, such as {"96": 28.4, "48": 28.9, "24": 27.7}.
    """
    distances = {}
    pyramids = zip(*(laplacian_pyramid(images, PATCH_LEVELS) for images in (a, b)), strict=True)
    for level, (a_level, b_level) in enumerate(pyramids):
        if min(a_level.shape[1:3]) < PATCH:
            break
        random = generator(seed, row=level)
        a_cloud, b_cloud = _patches(a_level, random), _patches(b_level, random)
        distance = sliced_wasserstein(a_cloud, b_cloud, random)
        distances[str(a_level.shape[1])] = 1000 * distance
    return distances


def radial_spectrum(pixels: np.ndarray) -> np.ndarray:
    """Power of the luminance by cycles a picture, 0 to size / 2; a Hann window hides the edges.

    Returns:
        float64 (size // 2 + 1), the mean over the pictures and over all directions.
    """
    size = pixels.shape[1]
    images = luminance(pixels)
    images -= images.mean((1, 2), keepdims=True)
    window = np.hanning(size)
    power = (np.abs(np.fft.fft2(images * (window[:, None] * window))) ** 2).mean(0)
    cycles = np.fft.fftfreq(size) * size
    radius = np.rint(np.hypot(cycles[:, None], cycles)).astype(int).ravel()
    sums = np.bincount(radius, power.ravel()) / np.bincount(radius)
    return sums[: size // 2 + 1]


def texture_difference(a: np.ndarray, b: np.ndarray) -> float:
    """How much finer or coarser one set is: mean |log10| of the ratio of the radial spectra.

    Only above 4 cycles a picture. 0 is equal; 1 is a factor of ten in power.
    """
    spectra = [radial_spectrum(pixels)[COARSEST_CYCLES + 1 :] for pixels in (a, b)]
    a_power, b_power = (np.maximum(power, 1e-12) for power in spectra)
    return float(np.abs(np.log10(a_power / b_power)).mean())


def sharpness(pixels: np.ndarray) -> float:
    """The variance of the luminance's Laplacian (5-point stencil), mean over the pictures.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy".
    """
    x = luminance(pixels)
    neighbours = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    return float((neighbours - 4 * x[:, 1:-1, 1:-1]).var((1, 2)).mean())


def diversity(pixels: np.ndarray) -> float:
    """The mean difference of two faces: root mean square over 24x24 pixels, in [0, 1].

    Small when faces are alike. Shrunk first, by averaging blocks, for noise is no diversity.

    Args:
        pixels: N at least 2.
    """
    flat = _rows(shrink(pixels, DIVERSITY_SIZE))
    distances = _squared_distances(flat, flat)[np.triu_indices(len(flat), 1)]
    return float(np.sqrt(distances / flat.shape[1]).mean())


def shrink(pixels: np.ndarray, size: int) -> np.ndarray:
    """Averages square blocks until `size` (or less than twice as many) pixels a side are left.

    Returns:
        float32 (N, about size, about size, channels) in [0, 1].
    """
    count, side = pixels.shape[:2]
    block = max(1, side // size)
    left = side // block
    images = to_float(pixels[:, : left * block, : left * block])
    return images.reshape(count, left, block, left, block, -1).mean((2, 4))


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Between all rows of two float32 matrices, (len(a), len(b)); never below 0."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
    return np.maximum(squares, 0)


def nearest_distances(queries: np.ndarray, others: np.ndarray) -> np.ndarray:
    """From each query to the nearest of the others: root mean square over the coordinates.

    Args:
        queries, others: uint8 pictures, or float32 (N, dimensions).

    Returns:
        float32 (len(queries)).
    """
    flat = _rows(queries)
    nearest = np.full(len(flat), np.inf, np.float32)
    for start in range(0, len(others), CHUNK):
        chunk = _rows(others[start : start + CHUNK])
        np.minimum(nearest, _squared_distances(flat, chunk).min(1), out=nearest)
    return np.sqrt(nearest / flat.shape[1])


def _rows(values: np.ndarray) -> np.ndarray:
    values = to_float(values) if values.dtype == np.uint8 else values
    return values.reshape(len(values), -1)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels, mean over pairs of pictures that differ."""
    error = np.square(to_float(a) - to_float(b)).mean((1, 2, 3), dtype=np.float64)
    return float(-10 * np.log10(error[error > 0]).mean()) if (error > 0).any() else float("inf")


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of the luminance, mean over pairs of pictures; 1 for equal ones.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004: a Gaussian window of 11x11 pixels with
    sigma 1.5, inside the border, K1 = 0.01 and K2 = 0.03.
    """
    distance = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    kernel = np.exp(-(distance**2) / (2 * SSIM_SIGMA**2))
    kernel /= kernel.sum()

    def average(x: np.ndarray) -> np.ndarray:
        return _weighted_sum(_weighted_sum(x, kernel, 1), kernel, 2)

    x, y = (luminance(pixels).astype(np.float64) for pixels in (a, b))
    mean_x, mean_y = average(x), average(y)
    variances = average(x * x) - mean_x**2 + average(y * y) - mean_y**2
    covariance = average(x * y) - mean_x * mean_y
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((similarity / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))).mean())


def colours(pixels: np.ndarray) -> dict[str, list[float]]:
    """Mean and standard deviation of each channel over all pixels, in [0, 1]."""
    values = to_float(pixels).reshape(-1, pixels.shape[-1]).astype(np.float64)
    return {"mean": values.mean(0).tolist(), "deviation": values.std(0).tolist()}


def grid_power(pixels: np.ndarray) -> dict[str, float]:
    """How much power lies at the frequencies of a decoder's strides, relative to those beside.

    A pattern that repeats every 2, 4, 8 or 16 pixels, as doublings can leave one, stands out of
    the spectrum of the luminance along the rows and the columns; about 1 without one.

    Returns:
        The ratio by the period in pixels, such as {"2": 1.0, "4": 1.1}.
    """
    size = pixels.shape[1]
    images = luminance(pixels)
    power = (np.abs(np.fft.fft2(images - images.mean((1, 2), keepdims=True))) ** 2).mean(0)
    found = {}
    for period in GRID_PERIODS:
        if size % period or size // period < 3:
            continue
        place = size // period
        beside = [place + step for step in (-2, -1, 1, 2) if place + step <= size // 2]
        lines = np.stack([power[:, 0], power[0]])
        found[str(period)] = float(lines[:, place].sum() / (lines[:, beside].mean(1).sum() + 1e-12))
    return found
