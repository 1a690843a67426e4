"""What can be chosen about a model and its training, with the articles' values as defaults.

Plain dataclasses without TensorFlow, so that the command line, the weights' config.json and the
checkpoint share one list of names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from facegen.errors import InputError

KINDS = ("vae", "ae")
LOSSES = ("bce", "mse")
ACTIVATIONS = ("leaky_relu", "relu", "elu", "selu", "gelu", "silu", "tanh")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)


@dataclass(frozen=True)
class ModelOptions:
    """The network (articles X to XIII).

    Attributes:
        kind: "vae", or "ae": one output instead of mu and logvar, and no KL loss.
        image_size: height and width in pixels; a multiple of the product of the strides.
        channels: 3 for RGB.
        latent_dim: the articles' z_dim.
        filters: of the encoder's convolutions; the decoder mirrors them.
        kernels: kernel sizes, one per convolution.
        strides: strides, one per convolution.
        activation: after each convolution.
        batch_norm: batch normalisation after each convolution; None stands for the articles'
            choice, yes for a VAE and no for an AE.
        dropout: rate after each activation; 0 for none (the articles try 0.1).
        dense: size of an extra dense layer on both sides of the latent space (article XII),
            0 for none. It saves memory when latent_dim is large.
        loss: "bce" or "mse".
        kl_weight: the articles' "fact": 3 to 6 for bce, 0.012 to 0.05 for mse; None stands for
            5 or 0.01. Of no effect in an AE.
        epsilon_limit: epsilon is cut to [-limit, limit]; without it one training run of
            article XIII was thrown to another minimum by a rare large draw.
        seed: of the initial weights, the order of the images, flips and epsilon.
    """

    kind: Literal["vae", "ae"] = "vae"
    image_size: int = 96
    channels: int = 3
    latent_dim: int = 256
    filters: tuple[int, ...] = (32, 64, 128, 256)
    kernels: tuple[int, ...] = (3, 3, 3, 3)
    strides: tuple[int, ...] = (2, 2, 2, 2)
    activation: str = "leaky_relu"
    batch_norm: bool = None  # type: ignore[assignment]
    dropout: float = 0.0
    dense: int = 0
    loss: Literal["bce", "mse"] = "bce"
    kl_weight: float = None  # type: ignore[assignment]
    epsilon_limit: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("filters", "kernels", "strides"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        usual = {"batch_norm": self.kind == "vae", "kl_weight": 5.0 if self.loss == "bce" else 0.01}
        for name, value in usual.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        _check(self.kind in KINDS, f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        _check(self.loss in LOSSES, f"loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        _check(
            self.activation in ACTIVATIONS,
            f"activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}",
        )
        _check(
            0 < len(self.filters) == len(self.kernels) == len(self.strides),
            "filters, kernels and strides must be lists of one length, not of "
            f"{len(self.filters)}, {len(self.kernels)} and {len(self.strides)}",
        )
        positive = (*self.filters, *self.kernels, *self.strides, self.latent_dim, self.channels)
        _check(min(positive) >= 1, "filters, kernels, strides and latent_dim must be at least 1")
        shrink = math.prod(self.strides)
        _check(
            self.image_size > 0 and self.image_size % shrink == 0,
            f"image_size must be a multiple of {shrink}, the product of the strides, "
            f"not {self.image_size}",
        )
        _check(0 <= self.dropout < 1, f"dropout must be in [0, 1), not {self.dropout}")
        _check(self.dense >= 0, f"dense must be at least 0, not {self.dense}")
        for name in ("kl_weight", "epsilon_limit"):
            value = getattr(self, name)
            _check(math.isfinite(value) and value >= 0, f"{name} must be at least 0, not {value}")
        _check(0 <= self.seed < 2**63, f"seed must be in 0..2^63-1, not {self.seed}")

    @property
    def smallest_size(self) -> int:
        """Height and width of the innermost feature map."""
        return self.image_size // math.prod(self.strides)


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained (article X).

    Attributes:
        epochs: passes over the training images, in all (a resumed run counts on).
        batch_size: images a step.
        learning_rate: of Adam.
        flip: mirror each training image left to right with probability 1/2.
    """

    epochs: int = 24
    batch_size: int = 128
    learning_rate: float = 5e-4
    flip: bool = True

    def __post_init__(self) -> None:
        _check(self.epochs >= 1, f"epochs must be at least 1, not {self.epochs}")
        _check(self.batch_size >= 1, f"batch_size must be at least 1, not {self.batch_size}")
        _check(
            math.isfinite(self.learning_rate) and self.learning_rate > 0,
            f"learning_rate must be above 0, not {self.learning_rate}",
        )
