"""A trained model on disk: a folder of JSON, arrays and graphs, which loads without running code.

The folder holds
    config.json       format, options, data, metrics, and the SHA-256 of every other file
    encoder.h5        the arrays of the encoder and
    decoder.h5        of the decoder, float16 (vectors float32), one dataset each
    encoder.tflite    the same as LiteRT graphs
    decoder.tflite
    history.csv       losses of every epoch
    history.png       the same drawn, where that could be done
    samples.png       28 faces from normal points, seed 0
    MODEL_CARD.md     what it was made from, what it may be used for, what it can't do
and, once `refine` is done, a second decoder for the same latent space:
    crisp_decoder.h5, crisp_decoder.tflite, crisp_history.csv, crisp_history.png,
    crisp_samples.png
and, where they worked, checkpoint.h5 and crisp_checkpoint.h5, which only --resume needs.

While `train` or `refine` is at work, the history and the samples of what is not finished yet are
in (crisp_)checkpoint_history.csv, (crisp_)checkpoint_history.png and
(crisp_)checkpoint_samples.png; what belongs to a finished model changes only when the next one is
finished. One of them works in a folder at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facegen.errors import InputError, MissingFileError
from facegen.io.files import sha256_of
from facegen.options import ModelOptions

FORMAT = "facegen-weights"
FORMAT_VERSION = 1
ARRAYS_FORMAT, ARRAYS_VERSION = "facegen-arrays", 1  # of encoder.h5 and the decoders'
CONFIG = "config.json"
CARD = "MODEL_CARD.md"
CHECKPOINT = "checkpoint.h5"  # of train
CRISP_CHECKPOINT = "crisp_checkpoint.h5"  # of refine
FILES = (
    "encoder.h5",
    "decoder.h5",
    "encoder.tflite",
    "decoder.tflite",
    "history.csv",
    "samples.png",
    CARD,
)
CRISP_FILES = (
    "crisp_decoder.h5",
    "crisp_decoder.tflite",
    "crisp_history.csv",
    "crisp_samples.png",
)
# The losses drawn, of `train` and `refine`. A model may lack them: older ones do.
HISTORY_PLOT, CRISP_HISTORY_PLOT = "history.png", "crisp_history.png"
DECODERS = {"plain": "decoder", "crisp": "crisp_decoder"}  # the user's name: the files' stem
# SHA-256 of the crisp decoders that the default model had once: the last version with it.
FORMER_DECODERS = {"2f28674a6ec3f45cb8ab24924d0039ddb3ae3b72882b191245ec50739fac8e92": "0.1"}
ENVIRONMENT_VARIABLE = "FACEGEN_WEIGHTS"
DEFAULT_NAME = "celeba-vae"


def default_weights_path() -> Path:
    """FACEGEN_WEIGHTS if it is set, else the model that is installed with facegen."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named)
    package = Path(__file__).parent.parent
    installed = package / "weights_data" / DEFAULT_NAME
    in_repository = package.parent / "weights" / DEFAULT_NAME
    return installed if installed.is_dir() or not in_repository.is_dir() else in_repository


@dataclass(frozen=True)
class Weights:
    """A folder of weights, its config read and checked, its other files not read yet.

    Attributes:
        path: the folder.
        config: the parsed config.json.
        model: the network's options.
    """

    path: Path
    config: dict[str, Any]
    model: ModelOptions

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> Weights:
        """Reads a folder of weights; by default `default_weights_path()`.

        Raises:
            MissingFileError: there is no such folder, or no finished model in it.
            InputError: config.json is damaged or of a newer version.
        """
        path = default_weights_path() if path is None else Path(path)
        config_path = path / CONFIG
        try:
            config = json.loads(config_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            if (path / CHECKPOINT).exists():
                raise MissingFileError(
                    f"the training in {path} is not finished; go on with 'facegen train --resume'"
                ) from error
            raise MissingFileError(
                f"no weights in {path}: {CONFIG} is missing; name a folder that 'facegen train' "
                f"wrote with --weights or {ENVIRONMENT_VARIABLE}"
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{config_path} is damaged: {error}") from error
        if not isinstance(config, dict) or config.get("format") != FORMAT:
            raise InputError(f"{config_path} does not describe facegen weights")
        version = config.get("format_version")
        if not isinstance(version, int) or version > FORMAT_VERSION:
            raise InputError(
                f"{path} has weights of version {version}, this facegen reads up to "
                f"{FORMAT_VERSION}; upgrade facegen"
            )
        try:
            model = ModelOptions.from_record(**config["model"])
            dict(config["files"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{config_path} is damaged: {error}") from error
        return cls(path, config, model)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    def provenance(self, *halves: str) -> dict[str, str]:
        """What a result records of what made it: "encoder", "decoder" or "crisp_decoder"."""
        found = {"name": self.name}
        for half in halves:
            if half == DECODERS["crisp"]:
                found["decoder"] = "crisp"
            key = "encoder_sha256" if half == "encoder" else "decoder_sha256"
            found[key] = self.digest(f"{half}.tflite")
        return found

    def decoder(self, name: str | None = None) -> str:
        """The stem of a decoder's files.

        Args:
            name: "plain" or "crisp"; by default crisp where there is one.

        Raises:
            InputError: there is no such decoder here.
        """
        has_crisp = "crisp_decoder.tflite" in self.config["files"]
        if name is None:
            name = "crisp" if has_crisp else "plain"
        if name not in DECODERS:
            raise InputError(f"the decoder is one of {', '.join(DECODERS)}, not {name!r}")
        if name == "crisp" and not has_crisp:
            raise InputError(
                f"the weights {self.name} have no crisp decoder; 'facegen refine' trains one"
            )
        return DECODERS[name]

    def digest(self, name: str) -> str:
        """The SHA-256 that config.json records for a file."""
        try:
            return str(self.config["files"][name])
        except KeyError as error:
            raise InputError(f"{self.path / CONFIG} records no {name}") from error

    def check_encoder(
        self, path: str | os.PathLike, encoder_sha256: str, weights: str, *, instead: str = ""
    ) -> None:
        """Refuses a file of points that belong to another latent space.

        Args:
            path: the file, for the message.
            encoder_sha256, weights: what it records of the weights that it was made with.
            instead: what can be done besides naming its weights, such as "make another, or ".

        Raises:
            InputError: another encoder than that of these weights made it.
        """
        if encoder_sha256 != self.digest("encoder.tflite"):
            same = weights == self.name  # a training has gone on since
            which = f"than {weights} has now" if same else f"({weights}) than {self.name}"
            raise InputError(
                f"{path} was made with other weights {which}; {instead}name its weights with "
                "--weights"
            )

    def file(self, name: str) -> Path:
        """The path of a file, once its digest is found right.

        Raises:
            MissingFileError: it is missing.
            InputError: it is not the file that was written with this config.
        """
        path = self.path / name
        self._check(name, sha256_of(path))
        return path

    def read(self, name: str) -> bytes:
        """The bytes of a file, once their digest is found right.

        Raises:
            MissingFileError, InputError: as `file`.
        """
        try:
            content = (self.path / name).read_bytes()
        except FileNotFoundError as error:
            raise MissingFileError(f"{self.path / name} does not exist") from error
        self._check(name, hashlib.sha256(content).hexdigest())
        return content

    def _check(self, name: str, sha256: str) -> None:
        if sha256 != self.digest(name):
            path = self.path / name
            raise InputError(f"{path} is damaged: its digest is not the one in {CONFIG}")


def existing_weights(folder: Path) -> Weights | None:
    """The finished model in a folder; None if there is none.

    Raises:
        InputError: config.json is damaged or of a newer version.
    """
    return Weights.load(folder) if (folder / CONFIG).exists() else None
