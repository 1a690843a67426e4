"""What can be chosen about the crisp decoder and its adversarial training.

A plain dataclass without TensorFlow, as in options.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from facegen.errors import InputError


@dataclass(frozen=True)
class CrispOptions:
    """The crisp decoder and how it is trained against its opponents.

    Attributes:
        epochs: passes over the training images, in all; the first `imitation_epochs` of them
            imitate the plain decoder, without an opponent.
        batch_size: real faces a step, and as many generated ones.
        learning_rate: of the decoder's Adam (beta1 0).
        discriminator_learning_rate: of the opponents' Adam (beta1 0).
        decay_from: from this share of the epochs on, both rates fall in a straight line to 0.
        filters: after each doubling of the size; a model with fewer strides takes the last ones.
        mapping: units of the hidden layers that mix a point before it becomes a map.
        residual_blocks: before each doubling; a model with fewer strides takes the last ones.
        feature_weight: of the difference of reconstructions from their originals as the frozen
            network sees it (L1 relative to each map's size, summed over four maps).
        pixel_weight: of the pixel loss on reconstructions (L1, mean).
        latent_weight: of the squared error of mu(decoder(z)) on points of the prior, which
            keeps a face at its point, and faces of different points apart.
        settling_epochs: after the imitation, in which the weights of features and pixels fall from
            four times as much; without that the faces, still blurred, all become one face.
        average_decay: of the exponential moving average of the decoder's weights, per step.
        precision: "float32", or "bfloat16" for both networks' arithmetic: twice as fast where the
            processor has it (AVX512-BF16, AMX), slow elsewhere. Weights and losses stay float32.
        seed: of weights, order, flips and points.
    """

    epochs: int = 24
    imitation_epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    decay_from: float = 0.7
    filters: tuple[int, ...] = (96, 64, 40, 16)
    mapping: tuple[int, ...] = (512, 512)
    residual_blocks: tuple[int, ...] = (2, 1, 0, 0)
    feature_weight: float = 1.0
    pixel_weight: float = 5.0
    latent_weight: float = 1.0
    settling_epochs: int = 5
    average_decay: float = 0.998
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("filters", "mapping", "residual_blocks"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        checks = {
            "epochs": self.epochs >= 1,
            "imitation_epochs": 0 <= self.imitation_epochs <= self.epochs,
            "batch_size": self.batch_size >= 4 and self.batch_size % 2 == 0,
            "learning_rate": self.learning_rate > 0,
            "discriminator_learning_rate": self.discriminator_learning_rate > 0,
            "decay_from": 0 <= self.decay_from <= 1,
            "filters": len(self.filters) > 0 and min(self.filters) >= 1,
            "mapping": min(self.mapping, default=1) >= 1,
            "residual_blocks": len(self.residual_blocks) == len(self.filters)
            and min(self.residual_blocks, default=0) >= 0,
            "feature_weight": self.feature_weight >= 0,
            "pixel_weight": self.pixel_weight >= 0,
            "latent_weight": self.latent_weight >= 0,
            "settling_epochs": self.settling_epochs >= 0,
            "average_decay": 0 <= self.average_decay < 1,
            "precision": self.precision in ("float32", "bfloat16"),
            "seed": 0 <= self.seed < 2**63,
        }
        for name, good in checks.items():
            value = getattr(self, name)
            if not good or (isinstance(value, float) and not math.isfinite(value)):
                raise InputError(f"{name} can't be {value!r}")

    def rate_factor(self, epoch: float) -> float:
        """By what to multiply the learning rates after so many epochs."""
        begin = self.decay_from * self.epochs
        if epoch < begin:
            return 1.0
        return max(0.0, (self.epochs - epoch) / max(self.epochs - begin, 1e-9))

    def pull(self, epoch: float) -> float:
        """By what to multiply the weights of features and pixels after so many epochs."""
        done = epoch - self.imitation_epochs
        return 1.0 + 3.0 * max(0.0, 1.0 - done / max(self.settling_epochs, 1e-9))
