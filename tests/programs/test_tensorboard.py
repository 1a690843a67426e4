"""export --projector, read by TensorBoard.

.ci/run runs it where none of the extras is installed.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen import FaceSet, read_latents
from facegen.api.export import export
from running import run_python

if importlib.util.find_spec("tensorboard") is None:
    pytest.skip("needs tensorboard", allow_module_level=True)

# What the projector's page asks TensorBoard for, answered by its own code, without a port.
SCRIPT = """
import base64, json, sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")  # TensorFlow takes seconds
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client

apps = ProjectorPlugin(TBContext(logdir=sys.argv[1])).get_plugin_apps()
found = {}
for route in ("/runs", "/info", "/tensor", "/metadata", "/sprite_image"):
    answer = Client(apps[route]).get(route, query_string={"run": ".", "name": "z"})
    found[route] = [answer.status_code, base64.b64encode(answer.data).decode()]
print(json.dumps(found))
"""


def answers(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Status and content of each thing that the page asks for."""
    done = run_python("-c", SCRIPT, folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout).items()
    return {route: (status, base64.b64decode(data)) for route, (status, data) in found}


def test_the_projector_shows_points_labels_and_faces(
    toy_store: Path, toy_faces: Path, tmp_path: Path
):
    export(toy_store, tmp_path / "points", kind="projector", faces=toy_faces)
    found = answers(tmp_path / "points")
    assert {status for status, _ in found.values()} == {200}
    assert json.loads(found["/runs"][1]) == ["."]
    (embedding,) = json.loads(found["/info"][1])["embeddings"]
    assert embedding["tensorShape"] == [300, 8]
    assert embedding["sprite"]["singleImageDim"] == [32, 32]
    points = np.frombuffer(found["/tensor"][1], np.float32).reshape(300, 8)
    np.testing.assert_array_equal(points, read_latents(toy_store))
    header, *lines = found["/metadata"][1].decode().splitlines()
    assert header.split("\t")[-3:] == ["Smiling", "Male", "Eyeglasses"]
    assert lines[17].split("\t")[:2] == ["17", "000017.png"]
    sprite = np.asarray(Image.open(io.BytesIO(found["/sprite_image"][1])))
    assert sprite.shape == (18 * 32, 18 * 32, 3)
    with FaceSet.open(toy_faces) as faces:  # row 40 is the fifth of the third row of the sprite
        np.testing.assert_array_equal(sprite[64:96, 128:160], faces.read(np.array([40]))[0])


def test_the_projector_does_without_faces(toy_store: Path, tmp_path: Path):
    export(toy_store, tmp_path / "points", kind="projector")
    found = answers(tmp_path / "points")
    assert [found[route][0] for route in ("/tensor", "/metadata", "/sprite_image")] == [
        200,
        200,
        400,
    ]
