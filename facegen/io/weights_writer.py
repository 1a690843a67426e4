"""Writing a folder of weights (`facegen.io.weights`): its files appear together, or none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from facegen.errors import InputError, MissingFileError
from facegen.io.files import atomic_output, output_errors, remove, sha256_of
from facegen.io.temporaries import Temporary
from facegen.io.weights import (
    CARD,
    CONFIG,
    CRISP_FILES,
    CRISP_HISTORY_PLOT,
    FILES,
    FORMAT,
    FORMAT_VERSION,
    HISTORY_PLOT,
    Weights,
)
from facegen.strict_json import to_json
from facegen.version import __version__


class ModelStage:
    """Files of a folder of weights that are written and have not appeared yet."""

    def __init__(self, folder: Path, stack: ExitStack):
        self._folder = folder
        self._stack = stack
        self._files: dict[str, Temporary] = {}

    def __call__(self, name: str) -> Temporary:
        """The temporary file for a file's content."""
        if name not in self._files:
            self._files[name] = self._stack.enter_context(atomic_output(self._folder / name))
        return self._files[name]

    def names(self, *names: str, drawn: str) -> list[str]:
        """The names of files, and that of a plot if it was drawn."""
        return [*names, *([drawn] if drawn in self._files else [])]

    def digest(self, name: str) -> str:
        """The SHA-256 of a file's content.

        Raises:
            MissingFileError: it has not been written.
        """
        if name not in self._files:
            raise MissingFileError(f"{self._folder / name} has not been written")
        temporary = self._files[name]
        temporary.file.flush()
        return sha256_of(temporary.path)

    def sync(self) -> None:
        """Brings all of them to the disk, which may turn out to be full."""
        for temporary in self._files.values():
            with output_errors(self._folder):
                temporary.sync()


@contextmanager
def publish_model(folder: Path) -> Iterator[ModelStage]:
    """Gives temporary files for those of a folder of weights, which all appear at the end.

    They are put in place one right after the other, config.json last. A reader between two of
    these steps, or after a kill there, finds files whose digests config.json does not record, and
    refuses them; the checkpoint then exports them again (`facegen train --resume`).
    """
    with ExitStack() as stack:
        stage = ModelStage(folder, stack)
        stage(CONFIG)  # first, since a stack ends with what it began with
        yield stage
        stage.sync()


def write_config(
    stage: ModelStage,
    *,
    model: dict[str, Any],
    training: dict[str, Any],
    data: dict[str, Any],
    metrics: dict[str, Any],
    ancestors: list[dict[str, Any]] | None = None,
    keep: Weights | None = None,
) -> None:
    """Writes config.json with the digests of the files that `publish_model` has staged.

    Args:
        ancestors: what the training began with (`facegen.model.ancestry`), if not from scratch.
        keep: weights with the same encoder, whose crisp decoder stays valid.
    """
    crisp = {} if keep is None else {"crisp": keep.config["crisp"]}
    kept = {} if keep is None else {name: keep.digest(name) for name in _crisp_files(keep)}
    names = stage.names(*FILES, drawn=HISTORY_PLOT)
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "facegen_version": __version__,
        "model": model,
        "training": training,
        "data": data,
        **({"ancestors": ancestors} if ancestors else {}),
        "metrics": metrics,
        "files": {**{name: stage.digest(name) for name in names}, **kept},
        **crisp,
    }
    _write(stage(CONFIG), config)


def _crisp_files(weights: Weights) -> list[str]:
    """The files of the crisp decoder of weights that have one."""
    drawn = CRISP_HISTORY_PLOT in weights.config["files"]
    return [*CRISP_FILES, *([CRISP_HISTORY_PLOT] * drawn)]


def add_crisp(stage: ModelStage, weights: Weights, crisp: dict[str, Any]) -> None:
    """Writes config.json with the crisp decoder, its staged files and the model card; all else
    stays.

    Args:
        weights: as they are in the folder now.
        crisp: JSON values: options, data and metrics of the crisp decoder.
    """
    names = stage.names(*CRISP_FILES, CARD, drawn=CRISP_HISTORY_PLOT)
    files = {k: v for k, v in weights.config["files"].items() if k != CRISP_HISTORY_PLOT}
    files |= {name: stage.digest(name) for name in names}
    _write(stage(CONFIG), {**weights.config, "crisp": crisp, "files": files})


def _write(temporary: Temporary, config: dict[str, Any]) -> None:
    temporary.write_text(to_json(config, indent=2) + "\n")


def unfinished(folder: Path, checkpoint: str) -> tuple[Path, Path, Path]:
    """Where table and plot of the losses and the samples of a run are until it is finished: beside
    its checkpoint.
    """
    stem = checkpoint.removesuffix(".h5")
    names = ("history.csv", "history.png", "samples.png")
    table, plot, samples = (folder / f"{stem}_{name}" for name in names)
    return table, plot, samples


def remove_unfinished(folder: Path, checkpoint: str) -> None:
    """Removes them, once they stand in their place."""
    for path in unfinished(folder, checkpoint):
        remove(path)


def check_note(note: str) -> str:
    """Returns the note for a model card.

    Raises:
        InputError: it can't be written as UTF-8.
    """
    try:
        note.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the note can't be written as UTF-8: {note!a}") from error
    return note
