"""evaluate: how near generated faces are to real ones, in numbers that can be compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegen.analysis import evaluation, quality
from facegen.api.generation import Generation
from facegen.api.originals import load_photos
from facegen.errors import InputError
from facegen.io.face_set import FaceSet
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.sampler_choice import SamplerChoice, choose_sampler
from facegen.latent.samplers import PointSampler
from facegen.model.codec import Codec
from facegen.model.devices import check_tensorflow
from facegen.model.measure import Measure
from facegen.model.memorised import nearest
from facegen.paths import is_hdf5_name

DEFAULT_COUNT = 2000  # faces of each kind, or as many as there are


@dataclass(frozen=True)
class Subject:
    """The pictures to judge.

    Attributes:
        pixels: uint8 (N, size, size, 3).
        provenance: where they come from, as JSON.
        codec: the model, if it is a model that is judged.
        skipped: (name, reason) of photos that can't be used.
    """

    pixels: np.ndarray
    provenance: dict[str, Any]
    codec: Codec | None = None
    skipped: Sequence[tuple[str, str]] = ()


def generated(codec: Codec, sampler: PointSampler, count: int, *, seed: int) -> Subject:
    """Rows 0 to count - 1 of a model, a sampler and a seed."""
    generation = Generation(codec, sampler, seed)
    return Subject(generation.faces(range(count)), generation.provenance(range(count)), codec)


def pictures(source: str | os.PathLike, count: int, *, size: int, seed: int) -> Subject:
    """Pictures of a face set, chosen by seed, or the first ones of a folder that can be used.

    Raises:
        InputError: there are none, or a face set's have another size.
    """
    if is_hdf5_name(source):
        with FaceSet.open(source) as faces:
            faces.check_size(size, "those it is compared with")
            rows = np.sort(random_points.select(faces.rows(), count, seed=seed))
            provenance = {"source": Path(source).name, "fingerprint": faces.fingerprint}
            return Subject(faces.read(rows), provenance)
    photos = load_photos([source], size=size, count=count)
    return Subject(photos.pixels, {"source": Path(source).name}, skipped=photos.skipped)


def evaluate(
    faces_path: str | os.PathLike,
    *,
    weights: str | os.PathLike | None = None,
    decoder: str | None = None,
    images: str | os.PathLike | None = None,
    sampler: SamplerChoice | PointSampler = SamplerChoice(),
    count: int | None = None,
    seed: int = 0,
    networks: bool = True,
    threads: int | None = None,
    progress: Callable[[int], object] = lambda done: None,
    on_skip: Callable[[str, str], object] = lambda name, reason: None,
) -> dict[str, Any]:
    """Compares generated faces, or pictures, with the held-out faces of a face set.

    Args:
        faces_path: faces.h5; its test images are the measure, its training images what a model
            must not have memorised.
        weights, decoder: the model to judge; by default the one that comes with facegen.
        images: a folder or a face set to judge instead.
        sampler: where the model's points come from, as for `facegen.generate`.
        count: faces of each kind: judged, held out, and others of the training people. By default
            as many as there are of each, at most 2,000.
        seed: of the points and of the choice of faces.
        networks: have two networks judge as well (`facegen.model.judges`).
        threads: threads that compute; by default one per processor.
        progress: called with the number of training faces compared.
        on_skip: called with the name and the reason of each of the images that can't be used.

    Returns:
        JSON values: format, stamp, subject, figures of the subject, the same figures of other
        real faces, nearest, and for a model reconstruction. docs/quality.md explains them.

    Raises:
        FacegenError: TensorFlow or one of the two networks is not installed.
        InputError: there are too few held-out faces or none to train on, they are too small, or
            the sizes don't fit.
    """
    if networks:
        check_tensorflow()
    with FaceSet.open(faces_path) as faces:
        _check_faces(faces)
        count = _count(faces, count)
        if images is not None:
            subject = pictures(images, count, size=faces.size, seed=seed)
            for name, reason in subject.skipped:
                on_skip(name, reason)
            count = len(subject.pixels)
        else:
            codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
            faces.check_size(codec.image_size, f"the weights {codec.weights.name} make")
            points = choose_sampler(sampler, codec.weights)
            subject = generated(codec, points, count, seed=seed)
        real, other = (
            faces.read(np.sort(random_points.select(faces.rows(split), count, seed=seed)))
            for split in ("test", "train")
        )
        measure = Measure(real, networks=networks, threads=threads)
        result: dict[str, Any] = {
            "format": evaluation.FORMAT,
            "stamp": evaluation.stamp(faces, len(real), seed=seed, networks=measure.digests),
            "subject": subject.provenance,
            "figures": measure.figures(subject.pixels),
            "real": measure.figures(other),
            "nearest": nearest(subject.pixels, measure, faces, subject.codec, seed, progress),
        }
    if subject.codec is not None:
        result |= of_held_out(subject.codec, measure, seed=seed)
    return result


def of_held_out(codec: Codec, measure: Measure, *, seed: int) -> dict[str, Any]:
    """What a model makes of the held-out faces: posterior samples, and what mu decodes to."""
    mu, logvar = codec.encode(measure.real)
    limit = codec.weights.model.epsilon_limit
    z = random_points.reparameterize(mu, logvar, range(len(mu)), seed=seed, limit=limit)
    reconstructions = codec.decode(mu)
    return {
        "posterior": measure.figures(codec.decode(z)),
        "reconstructions": measure.figures(reconstructions),
        "reconstruction": reconstruction(measure.real, reconstructions),
    }


def _count(faces: FaceSet, count: int | None) -> int:
    """How many faces of each kind, if there are as many.

    Raises:
        InputError: there are fewer held-out or training faces.
    """
    found = {split: len(faces.rows(split)) for split in ("test", "train")}
    count = min(DEFAULT_COUNT, *found.values()) if count is None else count
    for split, number in found.items():
        if number < max(2, count):
            what = {"test": "held-out", "train": "training"}[split]
            raise InputError(
                f"{faces.path} has {number} {what} faces, fewer than the {max(2, count)} that are "
                "needed: choose a smaller --n (at least 2) or add photos"
            )
    return count


def _check_faces(faces: FaceSet) -> None:
    """Refuses faces that the numbers are not defined for."""
    if faces.size < quality.MIN_SIZE:
        raise InputError(
            f"{faces.path} has faces of {faces.size} pixels; at least {quality.MIN_SIZE} are needed"
        )
    if faces.is_test.all():
        raise InputError(f"{faces.path} has no training images to compare faces with")


def reconstruction(real: np.ndarray, pixels: np.ndarray) -> dict[str, float | None]:
    """How near held-out faces come back from mu; psnr is None if not one pixel is off."""
    psnr = quality.psnr(real, pixels)
    return {
        "excess": quality.cross_entropy(real, pixels) - quality.cross_entropy_floor(real),
        "psnr": psnr if np.isfinite(psnr) else None,
        "ssim": quality.ssim(real, pixels),
    }
