"""From a crisp decoder in training to files of the model's folder: arrays, graph, checks, card."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np

from facegen.images.sheets import write_png
from facegen.io.files import remove
from facegen.io.weights import CARD, CRISP_CHECKPOINT, CRISP_HISTORY_PLOT, Weights
from facegen.io.weights_writer import add_crisp, publish_model, remove_unfinished
from facegen.latent import random_points
from facegen.model.adversarial_trainer import PANELS, AdversarialTrainer
from facegen.model.arrays import round_to_float16, write_arrays
from facegen.model.codec import Graph
from facegen.model.export import CHECK_IMAGES, check_difference
from facegen.model.graphs import export_crisp_decoder
from facegen.model.history import history_picture
from facegen.model.model_card import with_crisp_section


def export_crisp(trainer: AdversarialTrainer) -> Weights:
    """Writes the moving average as arrays and graph, checks them, and records them.

    Raises:
        FacegenError: the graph doesn't give Keras' pictures.
    """
    folder, model = trainer.weights.path, trainer.model
    graph = export_crisp_decoder(model.average)
    z = random_points.normal(range(CHECK_IMAGES), trainer.weights.model.latent_dim, seed=0)
    difference = float(np.abs(Graph(graph).run(z) - model.pictures(z)).max())
    check_difference(difference)
    round_to_float16(model.average.weights)
    last = {k: v for k, v in trainer.history[-1].items() if math.isfinite(v)}
    crisp = {
        "options": asdict(trainer.options),
        "data": {
            "fingerprint": trainer.faces.fingerprint,
            "feature_network_sha256": trainer.network_sha256,
            "note": trainer.note,
        },
        **({"ancestors": trainer.ancestors} if trainer.ancestors else {}),
        "metrics": {"last_epoch": last, "export_difference": difference},
    }
    plot = history_picture(trainer.history, PANELS)
    card = (folder / CARD).read_text(encoding="utf-8")
    with publish_model(folder) as stage:
        stage("crisp_decoder.tflite").write_bytes(graph)
        write_arrays(model.average.weights, stage("crisp_decoder.h5"))
        trainer.write_history(stage("crisp_history.csv"))
        if plot:
            write_png(plot, stage(CRISP_HISTORY_PLOT), trainer.history_provenance)
        trainer.write_samples(stage("crisp_samples.png"))
        stage(CARD).write_text(with_crisp_section(card, crisp))
        add_crisp(stage, trainer.weights, crisp)
    if not plot:
        remove(folder / CRISP_HISTORY_PLOT)
    remove_unfinished(folder, CRISP_CHECKPOINT)
    return Weights.load(folder)
