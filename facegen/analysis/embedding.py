"""How points lie beside each other: clusters and t-SNE. Opens no file and knows no model.

Seeds here go to other libraries, which take 32 bits: larger ones are cut down to them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegen.analysis.scan import CoordinateMoments
from facegen.errors import FacegenError, InputError

CLUSTERS = tuple(range(2, 81, 2))  # article XIII
CLUSTER_BATCH = 4096  # rows a step
CLUSTER_STARTS = 3  # beginnings to choose from; with one the curve is ragged
PERPLEXITY, EARLY_EXAGGERATION = 30.0, 12.0  # article XIII; also 10 and 16
EARLY_ITERATIONS, ITERATIONS = 250, 750  # both engines; scikit-learn's defaults
ENGINES = {"opentsne": "openTSNE", "sklearn": "sklearn"}  # the user's name: the module's


def random_state(seed: int) -> int:
    """A seed as other libraries take it."""
    return seed % 2**32


def cluster_inertia(
    points: np.ndarray,
    counts: Sequence[int] = CLUSTERS,
    *,
    seed: int = 0,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Any]:
    """How well so many clusters describe points, by scikit-learn's MiniBatchKMeans.

    Source of the method: Sculley 2010, "Web-scale k-means clustering"; of the numbers: article
    XIII, which sees no pronounced elbow.

    Args:
        points: float32 (n, latent_dim), finite.
        counts: numbers of clusters, each at most n.
        progress: called with 1 after each.

    Returns:
        JSON values: rows; one, the inertia of a single cluster (sum of the squared distances to
        the mean); clusters, inertia and share (of `one`), lists as long as counts.

    Raises:
        InputError: there are fewer points than clusters.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    if max(counts) > len(points):
        raise InputError(f"{len(points)} points can't make {max(counts)} clusters")
    moments = CoordinateMoments(points.shape[1])
    for start in range(0, len(points), CLUSTER_BATCH):
        moments.add(points[start : start + CLUSTER_BATCH])
    one = float(moments.variance.sum()) * len(points)
    inertia = []
    for count in counts:
        model = MiniBatchKMeans(
            count,
            batch_size=CLUSTER_BATCH,
            n_init=CLUSTER_STARTS,
            random_state=random_state(seed),
        )
        # Steps are too small to share: on a busy machine two threads took 46 s for what one did
        # in 3, and the numbers depend on how many there are.
        with threadpool_limits(1):
            inertia.append(float(model.fit(points).inertia_))
        progress(1)
    return {
        "rows": len(points),
        "one": one,
        "clusters": list(counts),
        "inertia": inertia,
        "share": [value / one if one else 0.0 for value in inertia],
    }


@dataclass(frozen=True)
class Embedding:
    """Points in a plane, as t-SNE has put them.

    Attributes:
        places: float32 (n, 2).
        engine: "opentsne" or "sklearn".
        divergence: the KL divergence that is left, in nats.
    """

    places: np.ndarray
    engine: str
    divergence: float


def choose_engine(engine: str | None = None) -> str:
    """The engine asked for, by default openTSNE where it is installed.

    Raises:
        FacegenError: openTSNE is not installed.
        InputError: there is no such engine.
    """
    installed = importlib.util.find_spec(ENGINES["opentsne"]) is not None
    if engine is None:
        return "opentsne" if installed else "sklearn"
    if engine not in ENGINES:
        raise InputError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "opentsne" and not installed:
        raise FacegenError("openTSNE is not installed: pip install 'facegen[tsne]'")
    return engine


def tsne(
    points: np.ndarray,
    *,
    perplexity: float = PERPLEXITY,
    early_exaggeration: float = EARLY_EXAGGERATION,
    seed: int = 0,
    engine: str | None = None,
    threads: int | None = None,
) -> Embedding:
    """Puts points in a plane so that neighbours stay neighbours; 250 + 750 iterations.

    Source: van der Maaten and Hinton 2008, "Visualizing data using t-SNE". scikit-learn: van der
    Maaten 2014, Barnes-Hut. openTSNE: Linderman et al. 2019, FIt-SNE, whose time grows with n
    instead of n log n. Both begin with the principal components.

    Args:
        points: float32 (n, latent_dim), finite, n above 3 * perplexity.
        engine: "sklearn" or "opentsne"; by default openTSNE where it is installed.
        threads: threads that compute; by default one per processor.

    Raises:
        InputError: too few points, all the same, or of one coordinate.
        FacegenError: openTSNE is not installed.
    """
    engine = choose_engine(engine)
    if points.shape[1] < 2:
        raise InputError("t-SNE needs points of at least 2 coordinates, not 1")
    if len(points) <= 3 * perplexity:
        raise InputError(
            f"t-SNE with perplexity {perplexity:g} needs more than {3 * perplexity:g} points, "
            f"not {len(points)}"
        )
    if (points == points[0]).all():
        raise InputError("t-SNE needs points that differ; these are all the same")
    options = {
        "perplexity": perplexity,
        "early_exaggeration": early_exaggeration,
        "random_state": random_state(seed),
        "n_jobs": threads or -1,
    }
    places, divergence = (_opentsne if engine == "opentsne" else _sklearn)(points, options)
    return Embedding(places.astype(np.float32), engine, divergence)


def _sklearn(points: np.ndarray, options: dict[str, Any]) -> tuple[np.ndarray, float]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    limit = options["n_jobs"] if options["n_jobs"] > 0 else None
    with threadpool_limits(limit):  # n_jobs is for the neighbours only
        model = TSNE(init="pca", max_iter=EARLY_ITERATIONS + ITERATIONS, **options)
        return model.fit_transform(points), float(model.kl_divergence_)


def _opentsne(points: np.ndarray, options: dict[str, Any]) -> tuple[np.ndarray, float]:
    from openTSNE import TSNE

    model = TSNE(
        initialization="pca",
        early_exaggeration_iter=EARLY_ITERATIONS,
        n_iter=ITERATIONS,
        negative_gradient_method="fft",  # by default only from 10,000 points on
        **options,
    )
    places = model.fit(points)
    return np.asarray(places), float(places.kl_divergence)
