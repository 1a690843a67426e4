"""python train_replicas.py FACES FOLDER: trains toys on one replica, on two, and on both in turn.

In a process of its own, on one thread, with two logical devices of the CPU. Batches of 29 rows
don't divide by two, and of the 30 test images the last batch has one.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from facegen.api.train import train
from facegen.errors import InputError
from facegen.io.face_set import FaceSet
from facegen.model.devices import limit_hardware
from facegen.model.trainer import Trainer
from make_toy_weights import TOY_MODEL, TOY_TRAINING
from toys import undrawn

THREE = replace(TOY_TRAINING, epochs=3, batch_size=29)


def make_trainer(folder: Path, faces: FaceSet, replicas: int) -> Trainer:
    folder.mkdir(exist_ok=True)
    return Trainer(folder, faces, TOY_MODEL, THREE, replicas=replicas)


def go_on(trainer: Trainer) -> None:
    """An epoch from the checkpoint on."""
    trainer.restore()
    trainer.run_epoch(lambda progress: None)


def copies_differ(variable: Any) -> bool:
    """Whether the replicas have not the same values in a variable of theirs."""
    first, second = (np.asarray(copy) for copy in variable.value.values)
    return bool((first != second).any())


@undrawn()
def main(faces_path: str, folder: str) -> None:
    here = Path(folder)
    (here / "gpus.json").write_text(json.dumps([too_few_gpus(found) for found in range(3)]))
    limit_hardware(cpu_only=True, cpu_threads=1, replicas=2)
    with FaceSet.open(faces_path) as faces, patch.object(Trainer, "_save_samples"):
        one = make_trainer(here / "one", faces, 1)
        one.run_epoch(lambda progress: None)
        shutil.copytree(here / "one", here / "in_turn")
        two = make_trainer(here / "in_turn", faces, 2)
        go_on(two)
        different = {v.path: copies_differ(v) for v in two._variables()}
        (here / "different.json").write_text(json.dumps(different))
        go_on(make_trainer(here / "in_turn", faces, 1))
        for _ in range(2):
            one.run_epoch(lambda progress: None)
    train(faces_path, here / "two", model_options=TOY_MODEL, options=THREE, replicas=2)
    try:
        train(faces_path, here / "three", model_options=TOY_MODEL, options=THREE, replicas=3)
    except InputError as error:
        (here / "three.txt").write_text(str(error))


def too_few_gpus(found: int) -> str:
    """What three replicas are told where there are fewer GPUs."""
    gpus = [f"GPU:{number}" for number in range(found)]
    with patch("tensorflow.config.get_visible_devices", return_value=gpus):
        try:
            limit_hardware(replicas=3)
        except InputError as error:
            return str(error)
    return "nothing"


if __name__ == "__main__":
    main(*sys.argv[1:])
