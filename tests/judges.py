"""python judges.py FACES WEIGHTS FOLDER: what test_judging.py asks of the networks that judge."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from facegen.api.evaluate import evaluate
from facegen.images.face_mesh import FaceMesh
from facegen.io.face_set import FaceSet
from facegen.model.judges import Judges


def blurred(pixels: np.ndarray) -> np.ndarray:
    small = [Image.fromarray(face).resize((8, 8)).resize(face.shape[:2]) for face in pixels]
    return np.stack([np.asarray(face) for face in small])


def main(faces_path: str, weights: str, folder: str) -> None:
    with FaceSet.open(faces_path) as faces:
        real, other = (faces.read(faces.rows("train")[start : start + 60]) for start in (0, 60))
    judges = Judges(real)
    found = {
        "same": judges.figures(real),
        "other": judges.figures(other),
        "blurred": judges.figures(blurred(other)),
        "one": judges.figures(np.repeat(other[:1], 60, axis=0)),
        "evaluation": evaluate(faces_path, weights=weights, count=12, seed=1),
    }
    mesh = FaceMesh()
    gray = mesh.find(np.full((3, 96, 96, 3), 128, np.uint8))
    found["gray"] = {"found": gray.found, "shapes": list(gray.shapes().shape)}
    moved = real[:, :, ::-1].copy()
    np.savez(
        Path(folder) / "meshes.npz", points=mesh.find(real).points, mirrored=mesh.find(moved).points
    )
    (Path(folder) / "judges.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
