"""Ordinary photos in CelebA's geometry: turned, scaled and cropped by the eyes.

CelebA's aligned images have 178x218 pixels and level eyes at a fixed place; a model trained on
them knows only faces that stand there.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from facegen.errors import InputError
from facegen.images.face_detector import FaceDetector, check_installed, face_detector, is_installed
from facegen.images.photos import (
    CELEBA_BOX,
    CELEBA_SIZE,
    Box,
    load_face,
    load_upright,
    upright_size,
)
from facegen.io.pictures import MAX_PIXELS

MODES = ("auto", "yes", "no")
# The eyes in an aligned image of 178x218: medians of what the detector finds in 999 of CelebA's
# (between them lie 39.6 pixels; one image differs from the median by about 1.5 each way).
ALIGNED_EYES = np.array([(69.1, 112.8), (108.7, 112.8)])
FACE_AREA = (-31, -6, 209, 234)  # of the aligned image, for a second look: the head and some room
SUPERSAMPLING = 2  # a turned picture is sampled twice as fine, then brought down with LANCZOS

NOT_INSTALLED = (
    "the middle of the photo is taken; to have faces found: pip install 'facegen[photos]'"
)
NO_FACE = "no face found; the middle of the photo is taken (--align yes skips such photos)"


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The shift, turn and scale that bring points nearest to others, in least squares.

    In complex numbers it is target = a * source + b. Source: Umeyama 1991, without reflections.

    Args:
        source, target: float (n, 2), n at least 2.

    Returns:
        float64 (2, 3), the matrix that maps (x, y, 1).
    """
    s, t = (points.astype(np.float64) @ (1, 1j) for points in (source, target))
    centred = s - s.mean()
    a = (centred.conj() @ (t - t.mean())) / (centred.conj() @ centred).real
    b = t.mean() - a * s.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def crop_aligned(image: Image.Image, matrix: np.ndarray, *, size: int, box: Box) -> Image.Image:
    """Cuts a square out of the aligned picture, straight from the photo, without aliasing.

    Args:
        image: the photo, RGB.
        matrix: (2, 3), maps points of the aligned picture to points of the photo.
        size: height and width of the result.
        box: (left, upper, right, lower) in the aligned picture.

    Returns:
        RGB, size x size. Where the box leaves the photo, the photo's edge goes on.
    """
    fine = SUPERSAMPLING * size
    step_x, step_y = (box[2] - box[0]) / fine, (box[3] - box[1]) / fine
    to_aligned = np.array([[step_x, 0, box[0]], [0, step_y, box[1]], [0, 0, 1]])
    to_photo = matrix @ to_aligned
    factor = max(1, int(np.hypot(to_photo[0, 0], to_photo[1, 0])))  # photo pixels a fine pixel
    corners = to_photo @ np.array([[0, fine, fine, 0], [0, 0, fine, fine], [1, 1, 1, 1]])
    region, origin = _cut_out(image, corners, factor)
    to_photo[:, 2] -= origin
    turned = region.transform(
        (fine, fine),
        Image.Transform.AFFINE,
        tuple((to_photo / factor).ravel()),
        Image.Resampling.BICUBIC,
    )
    return turned.resize((size, size), Image.Resampling.LANCZOS)


def _cut_out(
    image: Image.Image, corners: np.ndarray, factor: int
) -> tuple[Image.Image, np.ndarray]:
    """The part of a photo around some corners (2, n), averaged over blocks of factor pixels.

    Returns:
        The part, its edge repeated where it leaves the photo, and (x, y) of its corner.
    """
    margin = 4 * factor  # BICUBIC reaches two pixels
    low = np.floor(corners.min(axis=1)).astype(int) - margin
    high = np.ceil(corners.max(axis=1)).astype(int) + margin
    size = np.array(image.size)
    first, last = np.clip(low, 0, size - 1), np.clip(high, 1, size)
    last = np.maximum(last, first + 1)
    part = image.reduce(factor, (*first.tolist(), *last.tolist()))
    before = np.maximum(first - low, 0) // factor
    after = np.maximum(high - last, 0) // factor + 1
    padding = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    padded = np.pad(np.asarray(part), padding, mode="edge")
    return Image.fromarray(padded), first - before * factor


def find_eyes(image: Image.Image, detector: FaceDetector) -> np.ndarray | None:
    """The eyes of the largest face, found in two looks: float64 (2, 2), or None.

    The second look is at the face alone, upright and large, and so more exact.
    """
    eyes = detector.find(image)
    if eyes is None:
        return None
    matrix = fit_similarity(ALIGNED_EYES, eyes)
    closer = detector.find(crop_aligned(image, matrix, size=256, box=FACE_AREA))
    if closer is None:
        return eyes
    left, upper, right, _ = FACE_AREA
    aligned = closer * ((right - left) / 256) + (left, upper)
    return aligned @ matrix[:, :2].T + matrix[:, 2]


def align_face(image: Image.Image, *, size: int, box: Box = CELEBA_BOX) -> Image.Image:
    """Finds the largest face of a photo and crops it as CelebA's images are.

    Args:
        image: RGB, upright.
        box: (left, upper, right, lower) in the aligned picture of 178x218 pixels.

    Returns:
        RGB, size x size.

    Raises:
        InputError: no face is found.
        FacegenError: the extra that finds faces is not installed.
    """
    eyes = find_eyes(image, face_detector())
    if eyes is None:
        raise InputError("no face found")
    matrix = fit_similarity(ALIGNED_EYES, eyes)
    return crop_aligned(image, matrix, size=size, box=box)


def load_photo(
    data: bytes,
    *,
    size: int,
    align: str = "auto",
    box: Box | None = None,
    max_pixels: int = MAX_PIXELS,
) -> tuple[np.ndarray, str | None]:
    """Decodes a photo, finds its face and crops it for a model.

    Args:
        data: an encoded photo.
        size: height and width of the result in pixels.
        align: "no" crops it as it is (`facegen.images.photos.load_face`). "yes" finds the face,
            turns it and crops it. "auto" takes photos of 178x218 pixels, of size x size and with a
            `box` as they are and aligns others, but where the extra is not installed, or no face is
            found, it crops the middle.
        box: the crop in pixels: of the upright photo, or with "yes" of the aligned picture.
        max_pixels: refuse larger photos before decoding them.

    Returns:
        uint8 (size, size, 3), and with "auto" why the face was not sought or found, else None.

    Raises:
        InputError: the photo can't be used, or with "yes" has no face; the message is the reason
            alone, without a name.
        FacegenError: with "yes", the extra that finds faces is not installed.
    """
    if align not in MODES:
        raise InputError(f"align must be one of {', '.join(MODES)}, not {align!r}")
    if align == "yes":
        check_installed()
    if align == "no" or (align == "auto" and box):
        return load_face(data, size=size, box=box, max_pixels=max_pixels), None
    note = None
    if align == "auto":
        if upright_size(data, max_pixels=max_pixels) in (CELEBA_SIZE, (size, size)):
            return load_face(data, size=size, max_pixels=max_pixels), None
        note = NOT_INSTALLED
    if is_installed():
        image = load_upright(data, max_pixels=max_pixels)
        try:
            return np.asarray(align_face(image, size=size, box=box or CELEBA_BOX)), None
        except InputError:
            if align == "yes":
                raise
            note = NO_FACE
        del image  # else two of them are in memory
    return load_face(data, size=size, max_pixels=max_pixels), note
