"""The losses and the samples of every epoch for TensorBoard.

TensorFlow's own tf.summary.scalar and tf.summary.image need TensorBoard, which not everybody has
where a model is trained; what they write is written here: a tensor, and which plugin shows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf
from PIL import Image

from facegen.errors import InputError, OutputError
from facegen.model.history import Metrics

NUMBERS = ("epoch", "learning_rate")  # of a row of the history, no losses


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    """Turns what TensorFlow says while the log is written into one clear line."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = " ".join(str(getattr(error, "message", error)).split())
        raise OutputError(f"cannot write the log in {folder}: {reason}") from error


class EventLog:
    """A file of events in a folder that TensorBoard watches; each run adds one."""

    def __init__(self, folder: str | os.PathLike, history: list[Metrics]):
        """Begins the log.

        Args:
            history: of the epochs that an earlier run has done: they are written again, so that
                no kill leaves a gap.

        Raises:
            InputError: the folder is a file.
            OutputError: the log can't be written.
        """
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{folder} is no folder; name one for --log-dir")
        with _errors(self.folder):
            self._writer = tf.summary.create_file_writer(str(self.folder))
            for row in history:
                self._write_losses(row)
            self._writer.flush()

    def write(self, row: Metrics, samples: Path) -> None:
        """Adds an epoch.

        Args:
            row: of the history.
            samples: a sheet of faces.
        """
        with _errors(self.folder):
            self._write_losses(row)
            with Image.open(samples) as image:
                size = [str(side).encode() for side in image.size]
            self._write("samples", [*size, samples.read_bytes()], int(row["epoch"]), "images")
            self._writer.flush()

    def _write_losses(self, row: Metrics) -> None:
        """The losses, test losses in a group of their own."""
        for name, value in row.items():
            if name not in NUMBERS:
                loss = name.removeprefix("test_")
                tag = f"{'train' if loss == name else 'test'}/{loss}"
                self._write(tag, tf.constant(value, tf.float32), int(row["epoch"]), "scalars")

    def _write(self, tag: str, tensor: Any, step: int, plugin: str) -> None:
        kind = tf.compat.v1.SummaryMetadata
        metadata = kind(plugin_data=kind.PluginData(plugin_name=plugin))
        with self._writer.as_default():
            tf.summary.write(tag, tensor, step=step, metadata=metadata)
