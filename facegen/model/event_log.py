"""The losses and the samples of every epoch for TensorBoard.

TensorFlow's own tf.summary.scalar and tf.summary.image need TensorBoard, which not everybody has
where a model is trained; what they write is written here: a tensor, and which plugin shows it.
Training and test losses are two runs with the same names, as Keras logs them: so TensorBoard draws
them into one plot.
"""

from __future__ import annotations

import os
import re
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
        text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(getattr(error, "message", error)))
        reason = " ".join(text.split())
        raise OutputError(f"cannot write the log in {folder}: {reason}") from error


class EventLog:
    """Files of events in the folders train and test of one that TensorBoard watches.

    Each run of facegen adds files of its own.
    """

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
        self._writers: dict[str, Any] = {}
        with _errors(self.folder):
            self._open("train")  # now, so that no epoch is trained for a log that can't be written
            for row in history:
                self._write_losses(row)
            self._flush()

    def _open(self, run: str) -> None:
        self._writers[run] = tf.summary.create_file_writer(str(self.folder / run))

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
            image_and_size = [*size, samples.read_bytes()]
            self._write("train", "samples", image_and_size, int(row["epoch"]), "images")
            self._flush()

    def _write_losses(self, row: Metrics) -> None:
        for name, value in row.items():
            if name not in NUMBERS:
                tag = name.removeprefix("test_")
                run = "train" if tag == name else "test"
                tensor = tf.constant(value, tf.float32)
                self._write(run, tag, tensor, int(row["epoch"]), "scalars")

    def _write(self, run: str, tag: str, tensor: Any, step: int, plugin: str) -> None:
        if run not in self._writers:
            self._open(run)
        kind = tf.compat.v1.SummaryMetadata
        metadata = kind(plugin_data=kind.PluginData(plugin_name=plugin))
        with self._writers[run].as_default():
            tf.summary.write(tag, tensor, step=step, metadata=metadata)

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()
