"""python train_toys.py FACES FOLDER: trains toys in the ways test_training.py asks about.

One process, on one thread, so that sums are always taken in the same order and equal runs are
equal to the bit.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from facegen.api.train import train
from facegen.errors import FacegenError
from facegen.model.devices import limit_hardware
from make_toy_weights import TOY_MODEL, TOY_TRAINING


class StoppedError(Exception):
    """Stands for a kill in the middle of the export."""


def main(faces: str, folder: str) -> None:
    limit_hardware(cpu_only=True, cpu_threads=1)
    here = Path(folder)
    three = replace(TOY_TRAINING, epochs=3)
    model = replace(TOY_MODEL, dropout=0.1)
    train(faces, here / "unbroken", model_options=model, options=three)
    train(faces, here / "resumed", model_options=model, options=TOY_TRAINING)
    train(faces, here / "resumed", options=three, resume=True)
    steep = replace(TOY_TRAINING, epochs=4, learning_rate=1e30)
    try:
        train(faces, here / "resumed", options=steep, resume=True)
    except FacegenError as error:
        (here / "error.json").write_text(json.dumps([type(error).__name__, str(error)]))
    other = replace(TOY_MODEL, upsampling=True, dense=12)
    with patch("facegen.model.devices.computes_bfloat16", return_value=None):  # slow will do
        short = replace(TOY_TRAINING, precision="bfloat16")
        train(faces, here / "other", model_options=other, options=short)
    train(faces, here / "other", options=replace(TOY_TRAINING, epochs=2), resume=True)
    ae = replace(TOY_MODEL, kind="ae", batch_norm=False)
    train(faces, here / "ae", model_options=ae, options=TOY_TRAINING, jit=True)
    with suppress(StoppedError), patch("facegen.model.export.model_card", side_effect=StoppedError):
        train(faces, here / "half_exported", model_options=ae, options=TOY_TRAINING)


if __name__ == "__main__":
    main(*sys.argv[1:])
