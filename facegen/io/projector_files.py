"""Tables as TensorBoard's projector reads them: a folder for `tensorboard --logdir`.

    tensors.tsv            a line of coordinates for each row, nine digits, tabs between
    metadata.tsv           a header, then the other columns of each row
    sprite.png             if there is one: a small picture of each row
    projector_config.pbtxt which of these belong together; its first line says how they were made

projector.tensorflow.org loads the two tables. The projector also has a binary form of tensors, but
takes it for text where its first bytes happen to be text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from facegen.io.budgets import BudgetedFile
from facegen.io.files import atomic_outputs
from facegen.io.provenance import MAX_PROVENANCE_BYTES, parse_provenance
from facegen.io.temporaries import Temporary

FORMAT = "facegen-projector"
TENSORS, METADATA, SPRITE = "tensors.tsv", "metadata.tsv", "sprite.png"
CONFIG = "projector_config.pbtxt"
COMMENT = "# facegen "  # before the provenance
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def _line(values: Iterable[Any]) -> str:
    return "\t".join(CONTROLS.sub(" ", str(value)) for value in values) + "\n"


def _write_tables(
    tensors: Temporary, metadata: Temporary, batches: Iterable[dict[str, Any]]
) -> str:
    """Writes both tables; returns the lines of the configuration that tell of them."""
    header: list[str] = []
    rows = dimensions = 0
    for batch in batches:
        *columns, vectors = batch.values()
        if not header:
            header, dimensions = list(batch), vectors.shape[1]
            metadata.write_text(_line(header[:-1]))
        form = "\t".join(["%.9g"] * dimensions) + "\n"
        tensors.write_text("".join(form % tuple(vector) for vector in vectors.tolist()))
        lists = (column if isinstance(column, list) else column.tolist() for column in columns)
        metadata.write_text("".join(map(_line, zip(*lists, strict=True))))
        rows += len(vectors)
    return f"""  tensor_name: "{header[-1]}"
  tensor_path: "{TENSORS}"
  tensor_shape: {rows}
  tensor_shape: {dimensions}
  metadata_path: "{METADATA}"
"""


def write_projector(
    folder: str | os.PathLike,
    batches: Iterable[dict[str, Any]],
    provenance: str,
    *,
    write_sprite: Callable[[Temporary], int] | None = None,
    force: bool = False,
) -> None:
    """Writes a table for the projector; its files appear when all are done.

    Args:
        batches: columns by name, as of `facegen.io.parquet_file`; the last one has the vectors.
        provenance: JSON.
        write_sprite: writes a PNG of the rows' pictures, side by side in a square, and returns how
            many pixels high and wide each of them is.

    Raises:
        OutputError: one of the files exists (without `force`) or can't be written.
    """
    names = [TENSORS, METADATA, *([SPRITE] if write_sprite else []), CONFIG]
    with atomic_outputs(folder, names, force=force) as files:
        embedding = _write_tables(files[0], files[1], batches)
        if write_sprite:
            size = write_sprite(files[2])
            embedding += (
                f'  sprite {{ image_path: "{SPRITE}" single_image_dim: {size} '
                f"single_image_dim: {size} }}\n"
            )
        _write_config(files[-1], embedding, provenance)


def _write_config(config: Temporary, embedding: str, provenance: str) -> None:
    config.write_text(f"{COMMENT}{provenance}\nembeddings {{\n{embedding}}}\n")


def read_projector_info(path: Path) -> dict[str, Any]:
    """The provenance in a configuration, its first line.

    Raises:
        InputError: damaged; the message is the reason alone.
    """
    with BudgetedFile(path, size=2 * MAX_PROVENANCE_BYTES, reads=1) as file:
        start = file.read(min(path.stat().st_size, 2 * MAX_PROVENANCE_BYTES))
    text = start.partition(b"\n")[0].decode(errors="replace").removeprefix(COMMENT)
    return {"kind": FORMAT, "provenance": parse_provenance(text)}
