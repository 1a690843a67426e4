"""python tests/measure_replicas.py: how far a training on replicas lies from one on one device.

Prints the table of docs/scaling.md: toys, five epochs of batches of 29, on logical devices of the
CPU, each with one thread. For comparison one device whose batch normalisation is added up as the
replicas' is, and two replicas each of which has the statistics of its own rows.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from facegen.io.face_set import FaceSet
from facegen.model import replicas
from facegen.model.devices import limit_hardware
from facegen.model.layer_definitions import BATCH_NORM_EPSILON
from facegen.model.layers import BatchNormalization
from facegen.model.trainer import Trainer
from make_toy_weights import TOY_MODEL, TOY_TRAINING
from toys import undrawn, write_toy_faces

OPTIONS = replace(TOY_TRAINING, epochs=5, batch_size=29)

Curve = list[dict[str, float]]
CHANGES: dict[str, Any] = {
    "own statistics": lambda: patch.object(replicas, "_sum", lambda values: values),
    "order": lambda: patch.object(BatchNormalization, "_normalize", normalize_as_replicas),
}
RUNS: dict[str, tuple[Any, ...]] = {
    "two replicas": (2,),
    "three replicas": (3,),
    "one device, in another order": (1, "own statistics", "order"),
    "two replicas, each with its own statistics": (2, "own statistics"),
}


def normalize_as_replicas(layer: BatchNormalization, inputs: Any) -> Any:
    """Stands for BatchNormalization._normalize."""
    return replicas.batch_norm(inputs, layer.gamma, layer.beta, BATCH_NORM_EPSILON)


def train(folder: str, count: int, *changes: str) -> tuple[Curve, list[np.ndarray]]:
    """The losses of each epoch, and the weights after the last; in a process of its own."""
    limit_hardware(cpu_only=True, cpu_threads=1, replicas=count)
    with ExitStack() as stack:
        for change in changes:
            stack.enter_context(CHANGES[change]())
        stack.enter_context(undrawn())
        stack.enter_context(patch.object(Trainer, "_save_samples"))
        faces = stack.enter_context(FaceSet.open(Path(folder) / "faces.h5"))
        target = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trainer = Trainer(target, faces, TOY_MODEL, OPTIONS, replicas=count)
        for _ in range(OPTIONS.epochs):
            trainer.run_epoch(lambda progress: None)
        variables = [*trainer.model.encoder.variables, *trainer.model.decoder.variables]
        return trainer.history, [np.array(variable) for variable in variables]


def print_row(name: str, found: tuple[Curve, list[np.ndarray]], one: tuple[Any, ...]) -> None:
    (curve, weights), (expected, others) = found, one
    relative = [
        max(abs(a[loss] / b[loss] - 1) for a, b in zip(curve, expected, strict=True))
        for loss in ("total_loss", "test_kl_loss")
    ]
    apart = max(np.abs(a - b).max() for a, b in zip(weights, others, strict=True))
    print(f"| {name} | {' | '.join(f'{each:.0e}' for each in (*relative, apart))} |", flush=True)


def main() -> None:
    context = get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes,
    ):
        write_toy_faces(Path(folder) / "faces.h5")
        one = processes.submit(train, folder, 1).result()
        print("| against one device | total_loss | kl_loss (test) | weights, the largest |")
        print("|---|---|---|---|")
        for name, options in RUNS.items():
            print_row(name, processes.submit(train, folder, *options).result(), one)


if __name__ == "__main__":
    main()
