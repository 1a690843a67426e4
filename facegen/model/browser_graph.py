"""LiteRT graphs as LiteRT.js takes them: without dimensions that are found out when they run."""

from __future__ import annotations

from facegen.errors import InputError

UNKNOWN = -1


def with_batch_of_one(graph: bytes) -> bytes:
    """A graph that takes one row at a time, and is the same in all else.

    In every tensor's `shape_signature` the batch is -1; its `shape` says 1 already. The number is
    overwritten where it stands, so no other byte changes. Source: TensorFlow's schema.fbs.

    Args:
        graph: a .tflite whose inputs and outputs have the batch first.

    Raises:
        InputError: it is no such graph.
    """
    from ai_edge_litert.schema_py_generated import Model  # 0.1 s

    content = bytearray(graph)
    if not Model.ModelBufferHasIdentifier(content, 0):
        raise InputError("it is no LiteRT graph")
    model = Model.GetRootAs(content)
    for number in range(model.SubgraphsLength()):
        subgraph = model.Subgraphs(number)
        for index in range(subgraph.TensorsLength()):
            tensor = subgraph.Tensors(index)
            if not tensor.ShapeSignatureIsNone():
                signature = tensor.ShapeSignatureAsNumpy()  # a view of `content`
                signature[signature == UNKNOWN] = 1
    return bytes(content)
