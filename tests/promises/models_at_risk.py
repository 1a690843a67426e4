"""python models_at_risk.py FACES FOLDER: what test_models.py asks about, in one process.

FOLDER/toy is a finished model of one epoch. Each case works on a copy of its own; what was raised
goes to FOLDER/outcomes.json, by case.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen.api.refine import refine
from facegen.api.train import train
from facegen.model import adversarial_trainer
from facegen.model.adversarial_trainer import AdversarialTrainer
from facegen.model.devices import limit_hardware
from make_toy_weights import TOY_MODEL, TOY_TRAINING
from refine_toys import OPTIONS
from toys import undrawn

TWO = replace(TOY_TRAINING, epochs=2)
OTHER = replace(TOY_MODEL, seed=77)
ONE_EPOCH = replace(OPTIONS, epochs=1, imitation_epochs=0)


class StoppedError(Exception):
    """Stands for a kill."""


def stop(progress: object) -> None:
    raise StoppedError


def cases(faces: str) -> dict[str, tuple[str, Callable[[Path], object]]]:
    """By name: the folder that a case begins with, and what is done to a copy of it."""

    def at_the_last_step(path: Path) -> None:
        """Refines, killed at the last step of the epoch; the third leaves a copy of the folder."""
        save = AdversarialTrainer.save

        def save_and_die(trainer: AdversarialTrainer) -> None:
            save(trainer)
            if trainer.step == 3:
                shutil.copytree(path, path.with_name("at_the_third_step"))
            if trainer.step == trainer.steps:
                raise StoppedError

        with suppress(StoppedError), patch.object(AdversarialTrainer, "save", save_and_die):
            refine(path, faces, options=ONE_EPOCH)
        refine(path, faces, resume=True)

    def other_batch_size(path: Path) -> None:
        refine(path, faces, options=replace(ONE_EPOCH, batch_size=16), resume=True)

    def stopped_while_exporting(path: Path) -> None:
        with patch("facegen.model.export.write_config", side_effect=StoppedError):
            train(faces, path, model_options=OTHER, options=TOY_TRAINING, force=True)

    def trained_on_for_an_epoch(path: Path) -> None:
        def stop_after_epoch(progress: adversarial_trainer.Progress) -> None:
            if progress.test_metrics is not None:
                raise StoppedError

        train(faces, path, options=TWO, resume=True, report=stop_after_epoch)

    return {
        "at_the_last_step": ("toy", at_the_last_step),
        "other_batch_size": ("at_the_third_step", other_batch_size),
        "refined": ("toy", lambda path: refine(path, faces, options=ONE_EPOCH)),
        "refined_again": ("refined", lambda path: refine(path, faces, resume=True, note="Twice.")),
        "trained_on": ("refined", lambda path: train(faces, path, options=TWO, resume=True)),
        "exported_again": ("refined", lambda path: train(faces, path, resume=True)),
        "begun_anew": (
            "refined",
            lambda path: train(
                faces, path, model_options=OTHER, options=TOY_TRAINING, force=True, report=stop
            ),
        ),
        "stopped_while_exporting": ("refined", stopped_while_exporting),
        "replaced": (
            "refined",
            lambda path: train(faces, path, model_options=OTHER, options=TOY_TRAINING, force=True),
        ),
        "trained_on_for_an_epoch": ("toy", trained_on_for_an_epoch),
        "unwritable_note": (
            "toy",
            lambda path: train(faces, path, options=TWO, resume=True, note="\udcff", report=stop),
        ),
        "unwritable_refine_note": (
            "toy",
            lambda path: refine(path, faces, options=ONE_EPOCH, note="\udcff", report=stop),
        ),
    }


def main(faces: str, folder: str) -> None:
    limit_hardware(cpu_only=True, cpu_threads=1)
    adversarial_trainer.CHECKPOINT_SECONDS = -1  # a checkpoint after every step
    here = Path(folder)
    outcomes: dict[str, list[str] | None] = {}
    for name, (start, act) in cases(faces).items():
        shutil.copytree(here / start, here / name)
        try:
            with undrawn():
                act(here / name)
            outcomes[name] = None
        except Exception as error:
            outcomes[name] = [type(error).__name__, str(error)]
    (here / "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
