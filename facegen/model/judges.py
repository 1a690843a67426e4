"""Judges of pictures that know what objects and what faces look like.

Neither takes part in training: the opponents of `refine` see through EfficientNet-Lite0, the judge
of objects is EfficientNet-Lite1, and what networks of objects don't see in faces (Kynkaanniemi et
al. 2023, "The role of ImageNet classes in Frechet inception distance") one trained on faces does.
Import this module late: it costs seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from facegen.analysis.distributions import (
    NEIGHBOURS,
    frechet_distance,
    kernel_distance,
    neighbourhoods,
)
from facegen.errors import InputError
from facegen.images.face_mesh import FaceMesh, FoundFaces
from facegen.io.files import sha256_of
from facegen.io.torch_files import installed_network
from facegen.model.feature_network import FeatureNetwork

OBJECT_SIZE = 160  # pixels that the judge of objects sees; its own are 240, at twice the cost
BATCH = 50


class Judges:
    """Both networks, with what they make of real faces.

    Attributes:
        digests: SHA-256 of each network's file.
    """

    def __init__(self, real: np.ndarray, *, threads: int | None = None):
        """real: the measure, uint8 (N, size, size, 3), N at least 6.

        Raises:
            FacegenError: a network is not installed.
            InputError: there are too few faces.
        """
        if len(real) <= NEIGHBOURS:
            raise InputError(
                f"{len(real)} faces are too few for the judges; at least {NEIGHBOURS + 1} are "
                "needed, or --pixels-only"
            )
        path = installed_network("lite1")
        self._mesh = FaceMesh(threads=threads)
        self.digests = {"objects": sha256_of(path), "faces": sha256_of(self._mesh.path)}
        network = FeatureNetwork(path)

        @tf.function(input_signature=[tf.TensorSpec([None, *real.shape[1:]], tf.uint8)])
        def features(pixels):
            images = tf.image.resize(tf.cast(pixels, tf.float32) / 255, (OBJECT_SIZE, OBJECT_SIZE))
            return network.pooled(images)

        self._features = features
        self._objects = self.object_features(real)
        self._faces = self._mesh.find(real)
        # So that its kernel distance does not depend on the scale of this network.
        self._scale = float(np.sqrt((self._faces.features**2).mean()))

    def object_features(self, pixels: np.ndarray) -> np.ndarray:
        """What the judge of objects knows of pictures, float32 (N, 1280)."""
        parts = [
            self._features(pixels[start : start + BATCH]).numpy()
            for start in range(0, len(pixels), BATCH)
        ]
        return np.concatenate(parts)

    def figures(self, pixels: np.ndarray) -> dict[str, Any]:
        """What both make of pictures, beside the real faces: docs/quality.md explains it."""
        return {
            "objects": _distances(self.object_features(pixels), self._objects),
            "faces": self._face_figures(self._mesh.find(pixels)),
        }

    def _face_figures(self, found: FoundFaces) -> dict[str, float]:
        return {
            "found": found.found,
            "shape_distance": frechet_distance(found.shapes(), self._faces.shapes()),
            **_distances(found.features / self._scale, self._faces.features / self._scale),
        }


def _distances(features: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Kernel distance x 1000, precision, recall, density and coverage."""
    return {
        "kernel_distance": 1000 * kernel_distance(features, real),
        **neighbourhoods(real, features),
    }
