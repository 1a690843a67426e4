"""What can be chosen about a model and its training, with the articles' values as defaults.

Plain dataclasses without TensorFlow, so that the command line, the weights' config.json and the
checkpoint share one list of names.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from facegen.errors import InputError

KINDS = ("vae", "ae")
LOSSES = ("bce", "mse")
PRECISIONS = ("float32", "bfloat16")
ACTIVATIONS = ("leaky_relu", "relu", "elu", "selu", "gelu", "silu", "tanh")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)


def recorded(options: ModelOptions | TrainingOptions | CrispOptions) -> dict[str, Any]:
    """Options as config.json and checkpoints record them: without those that are not chosen."""
    return {name: value for name, value in asdict(options).items() if value is not None}


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
        dense: size of an extra dense layer before mu and logvar (article XII), 0 for none. It
            saves memory when latent_dim is large.
        decoder_dense: size of an extra dense layer after z, 0 for none.
        upsampling: pixels are repeated and then convolved in the decoder, instead of transposed
            convolutions (article XI: "not yet tried"); no kernel then draws a checkerboard.
        loss: "bce" or "mse".
        kl_weight: the articles' "fact": 3 to 6 for bce, 0.012 to 0.05 for mse; None stands for
            5 or 0.02. Of no effect in an AE.
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
    decoder_dense: int = 0
    upsampling: bool = False
    loss: Literal["bce", "mse"] = "bce"
    kl_weight: float = None  # type: ignore[assignment]
    epsilon_limit: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("filters", "kernels", "strides"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        usual = {"batch_norm": self.kind == "vae", "kl_weight": 5.0 if self.loss == "bce" else 0.02}
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
        for name in ("dense", "decoder_dense"):
            value = getattr(self, name)
            _check(value >= 0, f"{name} must be at least 0, not {value}")
        for name in ("kl_weight", "epsilon_limit"):
            value = getattr(self, name)
            _check(math.isfinite(value) and value >= 0, f"{name} must be at least 0, not {value}")
        _check(0 <= self.seed < 2**63, f"seed must be in 0..2^63-1, not {self.seed}")

    @classmethod
    def from_record(cls, **values: Any) -> ModelOptions:
        """Options as a file records them; before there was decoder_dense, dense was on both sides.

        Raises:
            InputError, TypeError, ValueError: they are damaged.
        """
        return cls(**{"decoder_dense": values.get("dense", 0), **values})

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
        precision: "float32", or "bfloat16" for the arithmetic of training steps: faster where the
            processor has it (AVX512-BF16, AMX), slow elsewhere. Weights, losses and the statistics
            of batch normalisation stay float32, and so does what is stored.
        limit: train on the first so many training images in a seeded order; None for all.
        patience: end when the test loss has not fallen for so many epochs, and keep the arrays of
            the epoch where it was lowest; None for neither.
    """

    epochs: int = 24
    batch_size: int = 128
    learning_rate: float = 5e-4
    flip: bool = True
    precision: Literal["float32", "bfloat16"] = "float32"
    limit: int | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("limit", "patience"):
            value = getattr(self, name)
            _check(value is None or value >= 1, f"{name} must be at least 1, not {value}")
        _check(self.epochs >= 1, f"epochs must be at least 1, not {self.epochs}")
        _check(self.batch_size >= 1, f"batch_size must be at least 1, not {self.batch_size}")
        _check(
            math.isfinite(self.learning_rate) and self.learning_rate > 0,
            f"learning_rate must be above 0, not {self.learning_rate}",
        )
        _check(
            self.precision in PRECISIONS,
            f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}",
        )


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
    feature_weight: float = 0.5
    pixel_weight: float = 2.5
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
            "precision": self.precision in PRECISIONS,
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
