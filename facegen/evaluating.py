"""evaluate: how near generated faces are to real ones, in numbers that can be compared."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import facegen
from facegen import quality, sampling
from facegen.codec import Codec
from facegen.errors import InputError, MissingFileError
from facegen.faces import FaceSet
from facegen.generating import Generation, Sampler
from facegen.reconstructing import load_photos, reconstruct
from facegen.weights import Weights

FORMAT = "facegen-evaluation"
DEFINITIONS = 1  # the version of the numbers' definitions: raise it whenever one changes
BATCH = 1000
MAX_GROUPS = 4  # of faces, over which the patch distance is averaged: one alone is off by 10 %
NEAREST_SIZE = 32  # pixels, at which faces are compared with training faces: detail varies anyway
QUANTILES = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1)


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


def generated(codec: Codec, sampler: Sampler, count: int, *, seed: int) -> Subject:
    """Rows 0 to count - 1 of a model, a sampler and a seed."""
    generation = Generation(codec, sampler, seed)
    return Subject(generation.faces(range(count)), generation.provenance(range(count)), codec)


def pictures(source: str | os.PathLike, count: int, *, size: int, seed: int) -> Subject:
    """Pictures of a face set, chosen by seed, or the first ones of a folder that can be used.

    Raises:
        InputError: there are none, or a face set's have another size.
    """
    if str(source).endswith((".h5", ".hdf5")):
        with FaceSet.open(source) as faces:
            if faces.size != size:
                raise InputError(f"{source} has faces of {faces.size} pixels, not {size}")
            rows = np.sort(sampling.select(faces.rows(), count, seed=seed))
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
    sampler: Sampler = Sampler(),
    count: int = 300,
    seed: int = 0,
    detector: bool = False,
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
        sampler: where the model's points come from.
        count: faces of a group, on which the patch distance depends; twice as many held-out
            faces are needed. As many groups are judged as there are held-out faces for, up to 4.
        seed: of the points and of the choice of faces.
        detector: also count faces that OpenCV finds.
        progress: called with the number of training faces compared.
        on_skip: called with the name and the reason of each of the images that can't be used.

    Returns:
        JSON values: format, stamp, subject, figures of the subject, the same figures of other
        real faces, nearest, and for a model reconstruction. docs/quality.md explains them.

    Raises:
        InputError: there are too few held-out faces or none to train on, they are too small, or
            the sizes don't fit.
    """
    with FaceSet.open(faces_path) as faces:
        _check_faces(faces)
        if images is not None:
            subject = pictures(images, MAX_GROUPS * count, size=faces.size, seed=seed)
            for name, reason in subject.skipped:
                on_skip(name, reason)
            count = min(count, len(subject.pixels))
            groups = min(_groups(faces, count), len(subject.pixels) // count)
            subject = replace(subject, pixels=subject.pixels[: groups * count])
        else:
            groups = _groups(faces, count)
            codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
            _check_size(codec, faces)
            subject = generated(codec, sampler, groups * count, seed=seed)
        total = groups * count
        held_out = sampling.select(faces.rows("test"), 2 * total, seed=seed)
        real, other = faces.read(held_out[:total]), faces.read(held_out[total:])
        result: dict[str, Any] = {
            "format": FORMAT,
            "stamp": stamp(faces, count=count, groups=groups, seed=seed, detector=detector),
            "subject": subject.provenance,
            "figures": figures(subject.pixels, real, groups=groups, detector=detector),
            "real": figures(other, real, groups=groups, detector=detector),
            "nearest": nearest(subject, real, faces, seed=seed, progress=progress),
        }
    if subject.codec is not None:
        result["reconstruction"] = reconstruction(subject.codec, real)
    return result


def _check_faces(faces: FaceSet) -> None:
    """Refuses faces that the numbers are not defined for."""
    if faces.size < quality.MIN_SIZE:
        raise InputError(
            f"{faces.path} has faces of {faces.size} pixels; at least {quality.MIN_SIZE} are needed"
        )
    if faces.is_test.all():
        raise InputError(f"{faces.path} has no training images to compare faces with")


def _check_size(codec: Codec, faces: FaceSet) -> None:
    if codec.image_size != faces.size:
        raise InputError(
            f"the weights {codec.weights.name} make faces of {codec.image_size} pixels, "
            f"{faces.path} has faces of {faces.size}"
        )


def _groups(faces: FaceSet, count: int) -> int:
    """How many groups of `count` faces there are held-out faces for, twice over."""
    held_out = len(faces.rows("test"))
    if count < 2 or held_out < 2 * count:
        raise InputError(
            f"{faces.path} has {held_out} test images; {count} faces need {2 * count}: choose a "
            "smaller --n (at least 2) or hold out more"
        )
    return min(MAX_GROUPS, held_out // (2 * count))


def stamp(faces: FaceSet, *, count: int, groups: int, seed: int, detector: bool) -> dict[str, Any]:
    """All that must be equal before two results may be compared."""
    versions = {"facegen": facegen.__version__, "definitions": DEFINITIONS}
    if detector:
        import cv2

        versions["opencv"] = cv2.__version__
    return {
        "faces": faces.fingerprint,
        "crop": faces.crop,
        "size": faces.size,
        "count": count,
        "groups": groups,
        "seed": seed,
        "versions": versions,
    }


def figures(pixels: np.ndarray, real: np.ndarray, *, groups: int, detector: bool) -> dict[str, Any]:
    """The figures of some pictures, with as many real faces as the measure."""
    distances = [
        quality.patch_distances(one, other, seed=group)
        for group, (one, other) in enumerate(
            zip(np.split(real, groups), np.split(pixels, groups), strict=True)
        )
    ]
    found: dict[str, Any] = {
        "patch_distance": {
            size: float(np.mean([distance[size] for distance in distances]))
            for size in distances[0]
        },
        "texture": quality.texture_difference(real, pixels),
        "sharpness": quality.sharpness(pixels),
        "diversity": quality.diversity(pixels),
        "spectrum": quality.radial_spectrum(pixels).tolist(),
    }
    if detector:
        found["detected"] = quality.detected_share(pixels)
    return found


def reconstruction(codec: Codec, real: np.ndarray) -> dict[str, float | None]:
    """How near held-out faces come back from mu; psnr is None if not one pixel is off."""
    pixels = reconstruct(codec, real)
    psnr = quality.psnr(real, pixels)
    return {
        "excess": quality.cross_entropy(real, pixels) - quality.cross_entropy_floor(real),
        "psnr": psnr if np.isfinite(psnr) else None,
        "ssim": quality.ssim(real, pixels),
    }


def nearest(
    subject: Subject,
    real: np.ndarray,
    faces: FaceSet,
    *,
    seed: int,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Any]:
    """Distances to the nearest training face, beside those of held-out real faces.

    A model that repeats its training faces is nearer to them than strangers are. Training sees
    mirrored faces too, so a face's mirror image counts as the face. A blurred face is nearer to
    everything; so `nearer_to_training` asks for the share of faces that are nearer to one of some
    training faces than to one of as many held-out faces: one half, if nothing is memorised.
    Source of the idea: Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect
    data-copying in generative models".
    """
    spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {"pixels": _shrink}
    if subject.codec is not None:
        codec = subject.codec
        spaces["latents"] = lambda pixels: codec.encode(pixels)[0]
    queries = {
        (space, who): [view(pixels), view(np.ascontiguousarray(pixels[:, :, ::-1]))]
        for space, view in spaces.items()
        for who, pixels in (("subject", subject.pixels), ("real", real))
    }
    found = {key: np.full(len(views[0]), np.inf) for key, views in queries.items()}
    for rows, chunk in faces.iterate("train", BATCH):
        seen = {space: view(chunk) for space, view in spaces.items()}
        for key, views in queries.items():
            for query in views:
                near = quality.nearest_distances(query, seen[key[0]])
                np.minimum(found[key], near, out=found[key])
        progress(len(rows))
    result: dict[str, Any] = {space: {} for space in spaces}
    for (space, who), distances in found.items():
        result[space][who] = _quantiles(distances)
    for space, view in spaces.items():
        result[space]["nearer_to_training"] = _nearer_to_training(
            queries[space, "subject"][0], view, faces, seed=seed
        )
    return result


def _shrink(pixels: np.ndarray) -> np.ndarray:
    return quality.shrink(pixels, NEAREST_SIZE)


def _nearer_to_training(
    query: np.ndarray, view: Callable[[np.ndarray], np.ndarray], faces: FaceSet, *, seed: int
) -> float:
    held_out, training = faces.rows("test"), faces.rows("train")
    count = min(len(held_out), len(training))
    near = [
        quality.nearest_distances(
            query, view(faces.read(np.sort(sampling.select(rows, count, seed=seed))))
        )
        for rows in (training, held_out)
    ]
    return float((near[0] < near[1]).mean())


def _quantiles(values: np.ndarray) -> dict[str, float]:
    found = np.quantile(values, QUANTILES)
    return {f"{q:g}": float(value) for q, value in zip(QUANTILES, found, strict=True)}


def provenance(result: dict[str, Any]) -> dict[str, Any]:
    """What a picture of a result records: the command, the measure and what is judged."""
    return {"command": "evaluate", "stamp": result["stamp"], "subject": result["subject"]}


def read_result(path: str | os.PathLike) -> dict[str, Any]:
    """A result of `evaluate` that was saved as JSON.

    Raises:
        MissingFileError, InputError: it does not exist, or is something else.
    """
    try:
        result = json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON of 'facegen evaluate'") from error
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise InputError(f"{path} is not a result of 'facegen evaluate'")
    return result


def check_comparable(results: dict[str, dict[str, Any]]) -> None:
    """Refuses results that were not measured alike.

    Args:
        results: at least one, by name.

    Raises:
        InputError: two stamps differ; the message says in what.
    """
    (first, one), *others = results.items()
    for name, other in others:
        names = sorted({*one["stamp"], *other["stamp"]})
        different = [n for n in names if one["stamp"].get(n) != other["stamp"].get(n)]
        if different:
            pairs = [(n, one["stamp"].get(n), other["stamp"].get(n)) for n in different]
            reasons = "; ".join(f"{n} {a} and {b}" for n, a, b in pairs)
            raise InputError(f"{first} and {name} can't be compared: {reasons}")
