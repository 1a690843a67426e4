"""Graphs for LiteRT.js against those they are made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facegen.errors import InputError
from facegen.io.weights import DEFAULT_NAME, Weights
from facegen.latent import random_points
from facegen.model.browser_graph import with_batch_of_one
from facegen.model.codec import Graph
from running import REPOSITORY

DEFAULT = REPOSITORY / "weights" / DEFAULT_NAME


@pytest.mark.parametrize("name", ["decoder", "crisp_decoder"])
def test_a_graph_for_one_row_gives_the_same_numbers_bit_for_bit(name: str):
    graph = Weights.load(DEFAULT).file(f"{name}.tflite").read_bytes()
    original, patched = Graph(graph), Graph(with_batch_of_one(graph))
    assert patched.input_shape == original.input_shape
    points = random_points.normal(range(5), 256, seed=3)
    one_by_one = np.concatenate([patched.run(point[None]) for point in points])
    np.testing.assert_array_equal(one_by_one, original.run(points))


def test_only_the_batch_of_the_signatures_is_changed(toy_weights: Path):
    from ai_edge_litert.interpreter import Interpreter

    graph = Weights.load(toy_weights).file("decoder.tflite").read_bytes()
    patched = with_batch_of_one(graph)
    found = {}
    for name, content in (("before", graph), ("after", patched)):
        interpreter = Interpreter(model_content=content)
        ends = (interpreter.get_input_details()[0], interpreter.get_output_details()[0])
        found[name] = [end["shape_signature"].tolist() for end in ends]
    assert found["before"] == [[-1, 8], [-1, 32, 32, 3]]
    assert found["after"] == [[1, 8], [1, 32, 32, 3]]
    assert len(patched) == len(graph)
    before, after = (np.frombuffer(content, np.uint8) for content in (graph, patched))
    changed = np.flatnonzero(before != after)
    assert 0 < len(changed) < 1000
    assert set(before[changed]) == {255}  # of -1
    assert set(after[changed]) <= {0, 1}


def test_what_is_no_graph_is_refused():
    with pytest.raises(InputError, match="no LiteRT graph"):
        with_batch_of_one(b"nothing of the kind")
