"""train: a face set to a folder of weights, resumable at every epoch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from facegen.errors import InputError, OutputError
from facegen.io.checkpoint import read_options
from facegen.io.face_set import FaceSet
from facegen.io.files import output_errors
from facegen.io.locks import exclusive
from facegen.io.weights import CHECKPOINT, CONFIG, Weights, existing_weights
from facegen.io.weights_writer import check_note, remove_unfinished
from facegen.model.devices import check_precision, check_tensorflow
from facegen.model.trainer import Progress, Trainer, count_batches
from facegen.options import ModelOptions, TrainingOptions


def read_checkpoint_options(folder: str | os.PathLike) -> tuple[ModelOptions, TrainingOptions]:
    """The options of an interrupted or finished run.

    Raises:
        MissingFileError, InputError: there is no checkpoint to go on from.
    """
    path = Path(folder) / CHECKPOINT
    model = read_options(path, "model", ModelOptions.from_record)
    return model, read_options(path, "training", TrainingOptions)


def train(
    faces_path: str | os.PathLike,
    output: str | os.PathLike,
    *,
    model_options: ModelOptions | None = None,
    options: TrainingOptions | None = None,
    resume: bool = False,
    force: bool = False,
    replicas: int = 1,
    jit: bool = False,
    note: str = "",
    report: Callable[[Progress], None] = lambda progress: None,
) -> Weights:
    """Trains a model on a face set, exports it and checks the export.

    Limit the hardware first, with `facegen.model.devices.limit_hardware`.

    Args:
        faces_path: faces.h5, with at least one batch of training images.
        output: the folder for the weights; checkpoint.h5 in it is renewed after each epoch.
        model_options: the network; its image_size is taken from the face set. When resuming, by
            default the checkpoint's.
        options: the training; when resuming, by default the checkpoint's.
        resume: go on from the checkpoint in `output`, up to `options.epochs` in all.
        force: begin anew in a folder that holds a model or a checkpoint.
        replicas: devices that train together, each on its part of every batch; give their number
            to `limit_hardware` too.
        jit: compile the steps with XLA, for one device.
        note: about the data and its licence, for the model card.
        report: called after each step and each epoch.

    Raises:
        FacegenError: TensorFlow is not installed.
        InputError: the face set or the options don't fit each other, the checkpoint, the
            replicas or the processor.
        TrainingError: a loss became infinite or NaN; the last good epoch's checkpoint is kept.
        OutputError: the folder is in use or can't be written.
    """
    check_tensorflow()
    folder, note = Path(output), check_note(note)
    chosen = _choose_options(folder, model_options, options, resume, force)
    _check_replicas(replicas, *chosen, jit=jit)  # before the folder is made
    check_precision(chosen[1].precision)
    with FaceSet.open(faces_path) as faces:
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / CONFIG):
            model_options, options = _choose_options(folder, model_options, options, resume, force)
            count_batches(faces, options.batch_size)  # before the network is built
            model_options = replace(model_options, image_size=faces.size)
            trainer = Trainer(folder, faces, model_options, options, replicas=replicas, jit=jit)
            if resume:
                _go_on(trainer)
            while trainer.epochs_done < options.epochs:
                trainer.run_epoch(report)

            from facegen.model.export import export

            export(trainer.model, folder, faces, options, trainer.history, note=note)
            remove_unfinished(folder, CHECKPOINT)
    return Weights.load(folder)


def _choose_options(
    folder: Path,
    model: ModelOptions | None,
    training: TrainingOptions | None,
    resume: bool,
    force: bool,
) -> tuple[ModelOptions, TrainingOptions]:
    """The options of a run, once it is clear that the folder is fit for it."""
    if resume:
        old_model, old_training = read_checkpoint_options(folder)
        if model and replace(model, image_size=old_model.image_size) != old_model:
            raise InputError(
                f"the network differs from that of the checkpoint in {folder}; only --epochs, "
                "--learning-rate, --batch-size, --flip and --precision can change"
            )
        return old_model, training or old_training
    for name in (CONFIG, CHECKPOINT):
        if (folder / name).exists() and not force:
            raise OutputError(
                f"{folder} holds a model already ({name}); --resume goes on with it, "
                "--force begins anew"
            )
    return model or ModelOptions(), training or TrainingOptions()


def _check_replicas(
    replicas: int, model: ModelOptions, training: TrainingOptions, *, jit: bool
) -> None:
    """Raises InputError for what replicas can't train as one device does."""
    if replicas == 1:
        return
    if jit:
        raise InputError("--jit compiles for one device; leave it or --replicas out")
    if model.dropout:
        raise InputError(
            f"--replicas {replicas} needs --dropout 0: each replica would drop the same units, "
            "which is another training than that of one device"
        )
    if training.batch_size < replicas:
        raise InputError(
            f"a batch of {training.batch_size} can't be divided by {replicas} replicas; raise "
            "--batch-size or lower --replicas"
        )


def _go_on(trainer: Trainer) -> None:
    """Goes back to the checkpoint.

    Raises:
        InputError: it is further than asked for, or a crisp decoder would lose its encoder.
    """
    folder, wanted = trainer.folder, trainer.options.epochs
    trainer.restore()
    done = trainer.epochs_done
    if done > wanted:
        raise InputError(f"{folder} has done {done} epochs already, more than --epochs {wanted}")
    weights = existing_weights(folder)
    if done < wanted and weights is not None and "crisp" in weights.config:
        raise InputError(
            f"{folder} has a crisp decoder, which would not fit the model any more; copy "
            f"{CHECKPOINT} into a new folder, train on there, and refine again"
        )
