"""train: a face set to a folder of weights, resumable at every epoch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from facegen.errors import InputError, OutputError
from facegen.io.checkpoint import read_options
from facegen.io.face_set import FaceSet
from facegen.io.files import output_folder
from facegen.io.locks import exclusive
from facegen.io.weights import CHECKPOINT, CONFIG, Weights, existing_weights
from facegen.io.weights_writer import check_note, remove_unfinished
from facegen.latent import random_points
from facegen.model.ancestry import ancestors_of, check_network, check_start
from facegen.model.batches import count_batches
from facegen.model.devices import check_precision, check_tensorflow
from facegen.model.trainer import Progress, Trainer
from facegen.options import ModelOptions, TrainingOptions


def read_checkpoint_options(folder: str | os.PathLike) -> tuple[ModelOptions, TrainingOptions]:
    """The options of an interrupted or finished run.

    Raises:
        MissingFileError, InputError: there is no checkpoint to go on from.
    """
    path = Path(folder) / CHECKPOINT
    model = read_options(path, "model", ModelOptions.from_record)
    return model, read_options(path, "training", TrainingOptions)


def check_unused(output: str | os.PathLike, *, force: bool = False) -> None:
    """Raises OutputError if a new run would overwrite a model or a checkpoint."""
    folder = Path(output)
    for name in (CONFIG, CHECKPOINT):
        if (folder / name).exists() and not force:
            raise OutputError(
                f"{folder} holds a model already ({name}); --resume goes on with it, "
                "--force begins anew"
            )


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
    start_from: str | os.PathLike | None = None,
    log_dir: str | os.PathLike | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Weights:
    """Trains a model on a face set, exports it and checks the export.

    Limit the hardware first, with `facegen.model.devices.limit_hardware`.

    Args:
        faces_path: faces.h5, with at least one batch of training images.
        output: the folder for the weights; checkpoint.h5 in it is renewed after each epoch.
        model_options: the network; its image_size is taken from the face set. When resuming, by
            default the checkpoint's; with `start_from`, that of those weights.
        options: the training; when resuming, by default the checkpoint's.
        resume: go on from the checkpoint in `output`, up to `options.epochs` in all.
        force: begin anew in a folder that holds a model or a checkpoint.
        replicas: devices that train together, each on its part of every batch; give their number
            to `limit_hardware` too.
        jit: compile the steps with XLA, for one device.
        note: about the data and its licence, for the model card; when resuming, by default the
            checkpoint's.
        start_from: a folder of weights whose arrays the training begins with. The model card tells
            of them, and what they say of their licence. When resuming, the checkpoint's.
        log_dir: a folder for TensorBoard's events: losses and samples of every epoch.
        report: called after each step and each epoch.

    Raises:
        FacegenError: TensorFlow is not installed.
        InputError: the face set or the options don't fit each other, the checkpoint, the
            replicas, the processor or the weights to start from.
        TrainingError: a loss became infinite or NaN; the last good epoch's checkpoint is kept.
        OutputError: the folder is in use or can't be written.
    """
    check_tensorflow()
    folder, note = Path(output), check_note(note)
    start = _load_start(start_from, folder)
    wanted = (model_options, options, resume, force, start)
    chosen = _choose_options(folder, *wanted)
    _check_replicas(replicas, *chosen, jit=jit)  # before the folder is made
    check_precision(chosen[1].precision)
    with FaceSet.open(faces_path) as whole:
        if start is not None:
            whole.check_size(start.model.image_size, f"the weights {start.name} need")
        with output_folder(folder), exclusive(folder / CONFIG):
            model_options, options = _choose_options(folder, *wanted)
            model_options = replace(model_options, image_size=whole.size)
            faces = _limit(whole, options, seed=model_options.seed)
            _check_faces(faces, options)  # before the network is built
            trainer = Trainer(folder, faces, model_options, options, replicas=replicas, jit=jit)
            trainer.note = note
            if resume:
                _go_on(trainer, start, whole)
            elif start is not None:
                trainer.start_from(start)
            _train(trainer, log_dir, report)

            from facegen.model.export import export

            export(trainer)
            remove_unfinished(folder, CHECKPOINT)
    return Weights.load(folder)


def _load_start(start_from: str | os.PathLike | None, folder: Path) -> Weights | None:
    """The weights that a training begins with.

    Raises:
        InputError: they are in the folder that is written.
    """
    if start_from is None:
        return None
    start = Weights.load(start_from)
    if start.path.resolve() == folder.resolve():
        raise InputError(
            f"{folder} can't be both what the training starts from and its output; name another "
            "output, or go on in it with --resume"
        )
    return start


def _limit(faces: FaceSet, options: TrainingOptions, *, seed: int) -> FaceSet:
    """The face set with the first images of a seeded order as the only ones to train on."""
    if options.limit is None:
        return faces
    rows = random_points.select(faces.rows("train"), options.limit, seed=seed)
    return faces.with_training_rows(rows)


def _check_faces(faces: FaceSet, options: TrainingOptions) -> None:
    """Raises InputError for a face set that such a training can't do with."""
    count_batches(faces, options.batch_size)
    if options.patience is not None and not faces.is_test.any():
        raise InputError(
            f"{faces.path} has no test images, whose loss --patience goes by; 'facegen prepare "
            "--test-fraction 0.1' holds some out"
        )


def _train(
    trainer: Trainer, log_dir: str | os.PathLike | None, report: Callable[[Progress], None]
) -> None:
    """Runs the epochs that are left, and logs them."""
    log = None
    if log_dir is not None:
        from facegen.model.event_log import EventLog

        log = EventLog(log_dir, trainer.history)
    while not trainer.is_done:
        trainer.run_epoch(report)
        if log is not None:
            log.write(trainer.history[-1], trainer.samples)


def _choose_options(
    folder: Path,
    model: ModelOptions | None,
    training: TrainingOptions | None,
    resume: bool,
    force: bool,
    start: Weights | None = None,
) -> tuple[ModelOptions, TrainingOptions]:
    """The options of a run, once it is clear that the folder is fit for it."""
    if resume:
        old_model, old_training = read_checkpoint_options(folder)
        if model and replace(model, image_size=old_model.image_size) != old_model:
            raise InputError(
                f"the network differs from that of the checkpoint in {folder}; only --epochs, "
                "--learning-rate, --batch-size, --flip, --precision, --limit and --patience can "
                "change"
            )
        return old_model, training or old_training
    check_unused(folder, force=force)
    usual = ModelOptions() if start is None else start.model
    if start is not None:
        check_network(start, model or usual)
    return model or usual, training or TrainingOptions()


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


def _go_on(trainer: Trainer, start: Weights | None, faces: FaceSet) -> None:
    """Goes back to the checkpoint; where nothing is left to do, to the options it was made with.

    Args:
        faces: the whole face set.

    Raises:
        InputError: it is further than asked for, it has seen images that the limit leaves out, it
            began with other weights than `start`, or a crisp decoder would lose its encoder.
    """
    folder, wanted = trainer.folder, trainer.options.epochs
    _, made = read_checkpoint_options(folder)
    seen = _limit(faces, made, seed=trainer.model_options.seed)
    if trainer.faces.is_train.sum() < seen.is_train.sum():
        raise InputError(
            f"the training in {folder} has seen more than {trainer.options.limit} images, which "
            "the model card would no longer tell; leave --limit out or give a larger one"
        )
    trainer.restore()
    if start is not None:
        check_start(trainer.ancestors, ancestors_of(start), folder)
    done = trainer.epochs_done
    if done > wanted:
        raise InputError(f"{folder} has done {done} epochs already, more than --epochs {wanted}")
    if trainer.is_done:  # or it would say of itself what was never done
        trainer.options = replace(made, epochs=wanted, patience=trainer.options.patience)
        trainer.faces = seen
        return
    weights = existing_weights(folder)
    if weights is not None and "crisp" in weights.config:
        raise InputError(
            f"{folder} has a crisp decoder, which would not fit the model any more; copy "
            f"{CHECKPOINT} into a new folder, train on there, and refine again"
        )
