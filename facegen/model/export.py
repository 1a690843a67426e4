"""From a Keras model in memory to a folder of weights: arrays, graphs, checks, figures, card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from facegen.analysis.quality import cross_entropy_floor
from facegen.analysis.statistics import quantiles
from facegen.errors import FacegenError, InputError
from facegen.images.pixels import to_float, to_pixels
from facegen.images.sheets import make_sheet, write_png
from facegen.io.face_set import FaceSet
from facegen.io.files import remove
from facegen.io.temporaries import Temporary
from facegen.io.weights import (
    CARD,
    CRISP_CHECKPOINT,
    CRISP_FILES,
    CRISP_HISTORY_PLOT,
    HISTORY_PLOT,
    Weights,
    existing_weights,
)
from facegen.io.weights_writer import publish_model, write_config
from facegen.latent import random_points
from facegen.model.arrays import round_to_float16, write_arrays
from facegen.model.autoencoder import Autoencoder
from facegen.model.codec import Graph
from facegen.model.graphs import export_decoder, export_encoder
from facegen.model.history import history_csv, history_picture
from facegen.model.losses import kl_divergence, reconstruction_loss
from facegen.model.model_card import model_card, with_crisp_section
from facegen.options import recorded

if TYPE_CHECKING:
    from facegen.model.trainer import Trainer

SAMPLES = 28  # faces in samples.png, four rows of seven as in article XI
CHECK_IMAGES = 64
FIGURES_IMAGES = 2560  # at most, of either split, for the final figures
BATCH = 128


def write_samples(
    pictures: Callable[[np.ndarray], np.ndarray],
    latent_dim: int,
    temporary: Temporary,
    *,
    command: str,
) -> None:
    """Writes a sheet of 28 faces from normal points, seed 0: the same points in every epoch.

    Args:
        pictures: points to float32 pictures (N, size, size, channels) in [0, 1].
        temporary: for others to publish.
        command: "train" or "refine", for the provenance.
    """
    sheet, grid = make_sheet(
        to_pixels(pictures(random_points.normal(range(SAMPLES), latent_dim, seed=0)))
    )
    sampler = {"name": "normal", "sigma": 1.0}
    provenance = {"command": command, "sampler": sampler, "seed": 0, "rows": f"0-{SAMPLES - 1}"}
    write_png(sheet, temporary, provenance, grid=grid)


def check_difference(largest: float) -> float:
    """Returns by how much graphs' pictures, values in [0, 1], differ from those of Keras.

    Raises:
        FacegenError: it is more than 1/255, or no number.
    """
    if not largest <= 1 / 255:
        raise FacegenError(
            f"the exported graphs differ from Keras by {largest:.2g}, more than 1/255; "
            "the checkpoint is kept, please report this"
        )
    return largest


def check_graphs(
    model: Autoencoder, encoder: bytes, decoder: bytes, pixels: np.ndarray
) -> dict[str, float]:
    """Compares the exported graphs with Keras.

    Args:
        pixels: uint8 (N, size, size, 3), to reconstruct; as many normal points are decoded.

    Returns:
        The largest differences: of a picture's values in [0, 1], and of mu.

    Raises:
        FacegenError: a picture differs by more than 1/255.
    """
    images = to_float(pixels)
    points = random_points.normal(range(len(pixels)), model.options.latent_dim, seed=0)
    mu_keras = np.asarray(model.mu(images))
    mu = Graph(encoder).run(images)[:, : model.options.latent_dim]
    decoder_graph = Graph(decoder)
    largest = 0.0
    for z_keras, z in ((mu_keras, mu), (points, points)):
        expected = np.asarray(tf.sigmoid(model.decoder(z_keras, training=False)))
        largest = max(largest, float(np.abs(decoder_graph.run(z) - expected).max()))
    return {"picture": check_difference(largest), "mu": float(np.abs(mu - mu_keras).max())}


def final_figures(model: Autoencoder, faces: FaceSet, split: str) -> dict[str, float]:
    """Losses when reconstructing from mu, and how far they lie above the floor.

    The floor of the cross-entropy is that of the images with themselves; only the excess over it
    can be compared between crops.

    Returns:
        reco_loss, kl_loss, total_loss, kl_share of the total, floor, excess, images; nothing for
        an empty split.
    """
    rows = faces.rows(split)
    rows = np.sort(random_points.select(rows, FIGURES_IMAGES, seed=0))
    losses = np.zeros(2)
    floor = 0.0
    for start in range(0, len(rows), BATCH):
        pixels = faces.read(rows[start : start + BATCH])
        losses += len(pixels) * np.array(_losses_from_mu(model, to_float(pixels)))
        floor += len(pixels) * cross_entropy_floor(pixels)
    if not len(rows):
        return {}
    reco, kl = (float(loss) for loss in losses / len(rows))
    figures = {"reco_loss": reco, "kl_loss": kl, "total_loss": reco + kl}
    figures["kl_share"] = kl / (reco + kl)
    if model.options.loss == "bce":
        figures |= {"floor": floor / len(rows), "excess": reco - floor / len(rows)}
    return {**figures, "images": len(rows)}


def _losses_from_mu(model: Autoencoder, images: np.ndarray) -> tuple[float, float]:
    outputs = model.encoder(images, training=False)
    kl = 0.0
    if model.options.kind == "vae":
        mu, logvar = outputs
        kl = model.options.kl_weight * float(kl_divergence(mu, logvar))
    else:
        mu = outputs
    logits = model.decoder(mu, training=False)
    return float(reconstruction_loss(images, logits, model.options.loss)), kl


def latent_radii(model: Autoencoder, faces: FaceSet) -> dict[str, float]:
    """Quantiles of |z| over training faces, by which a point can be called usual or not."""
    rows = np.sort(random_points.select(faces.rows("train"), FIGURES_IMAGES, seed=0))
    limit = model.options.epsilon_limit
    radii = []
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        outputs = model.encoder(to_float(faces.read(some)), training=False)
        if model.options.kind == "vae":
            mu, logvar = (np.asarray(output) for output in outputs)
            z = random_points.reparameterize(mu, logvar, some, seed=0, limit=limit)
        else:
            z = np.asarray(outputs)
        radii.append(np.linalg.norm(z, axis=1))
    return quantiles(np.concatenate(radii), digits=4)


def export(trainer: Trainer) -> None:
    """Writes everything a folder of weights holds; it appears when all is written.

    The arrays are those of the best epoch, if the run has kept it, else of the last one.

    A crisp decoder that is there already stays if the encoder is still the one that it was
    trained for.

    Raises:
        FacegenError: the exported graphs don't give Keras' pictures.
        OutputError: a file can't be written.
    """
    model, folder = trainer.model, trainer.folder
    trainer.take_best()
    encoder, decoder, differences = _checked_graphs(model, trainer.faces)
    round_to_float16(model.encoder.weights)
    round_to_float16(model.decoder.weights)
    metrics = {**_figures(trainer), "export_difference": differences}
    data = _describe_data(trainer.faces, trainer.note)
    old = _same_encoder(folder, hashlib.sha256(encoder).hexdigest())
    keep = old if old is not None and "crisp" in old.config else None
    card = model_card(model.options, trainer.options, data, metrics, trainer.ancestors)
    if keep is not None:
        card = with_crisp_section(card, keep.config["crisp"])
    plot = history_picture(trainer.history, best=trainer.best.epoch if trainer.best else None)
    with publish_model(folder) as stage:
        stage("encoder.tflite").write_bytes(encoder)
        stage("decoder.tflite").write_bytes(decoder)
        write_arrays(model.encoder.weights, stage("encoder.h5"))
        write_arrays(model.decoder.weights, stage("decoder.h5"))
        write_samples(
            model.pictures, model.options.latent_dim, stage("samples.png"), command="train"
        )
        stage("history.csv").write_text(history_csv(trainer.history))
        if plot:
            write_png(plot, stage(HISTORY_PLOT), trainer.history_provenance)
        stage(CARD).write_text(card)
        write_config(
            stage,
            model=recorded(model.options),
            training=recorded(trainer.options),
            data=data,
            ancestors=trainer.ancestors,
            metrics=metrics,
            keep=keep,
        )
    if not plot:
        remove(folder / HISTORY_PLOT)
    if old is None:  # what was made for another encoder
        for name in (*CRISP_FILES, CRISP_HISTORY_PLOT, CRISP_CHECKPOINT):
            remove(folder / name)


def _checked_graphs(model: Autoencoder, faces: FaceSet) -> tuple[bytes, bytes, dict[str, float]]:
    """The graphs of encoder and decoder, and by how much they differ from Keras on some faces.

    Raises:
        FacegenError: a picture differs by more than 1/255.
    """
    rows = faces.rows("test") if faces.is_test.any() else faces.rows("train")
    pixels = faces.read(np.sort(random_points.select(rows, CHECK_IMAGES, seed=0)))
    encoder, decoder = export_encoder(model), export_decoder(model)
    return encoder, decoder, check_graphs(model, encoder, decoder, pixels)


def _figures(trainer: Trainer) -> dict[str, Any]:
    """What config.json records of how good a model is."""
    model, faces, best = trainer.model, trainer.faces, trainer.best
    return {
        "train": final_figures(model, faces, "train"),
        "test": final_figures(model, faces, "test"),
        "last_epoch": trainer.history[-1],
        **({"best_epoch": trainer.history[best.epoch - 1]} if best else {}),
        "radius_quantiles": latent_radii(model, faces),
    }


def _describe_data(faces: FaceSet, note: str) -> dict[str, Any]:
    """What config.json records of the face set."""
    return {
        "source": faces.source,
        "crop": faces.crop,
        "size": faces.size,
        "training_images": int(faces.is_train.sum()),
        "test_images": int(faces.is_test.sum()),
        "fingerprint": faces.fingerprint,
        "note": note,
    }


def _same_encoder(folder: Path, encoder_sha256: str) -> Weights | None:
    """The weights in a folder, if they have this encoder; else None."""
    try:
        weights = existing_weights(folder)
        same = weights is not None and weights.digest("encoder.tflite") == encoder_sha256
    except InputError:  # damaged, and about to be replaced
        return None
    return weights if same else None
