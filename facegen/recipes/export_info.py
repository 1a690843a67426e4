"""What exports for other programs say of how they were made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from facegen.errors import InputError
from facegen.io import onnx_file, parquet_file, projector_files, sqlite_file
from facegen.io.budgets import BudgetedFile

READERS: dict[bytes, Callable[[Path], dict[str, Any]]] = {  # by how the files begin
    parquet_file.MAGIC: parquet_file.read_parquet_info,
    sqlite_file.MAGIC: sqlite_file.read_sqlite_info,
    onnx_file.BEGINNING: onnx_file.read_onnx_info,
    projector_files.COMMENT.encode(): projector_files.read_projector_info,
}


def describe_export(path: Path) -> dict[str, Any] | None:
    """Describes a table or a model for other programs; None of a file that is neither.

    Returns:
        JSON values, with "kind" and "provenance".

    Raises:
        FacegenError: it is Parquet, and pyarrow is not installed.
        InputError: damaged, or another program's.
    """
    with BudgetedFile(path, size=100, reads=1) as file:
        start = file.read(max(map(len, READERS)))
    for beginning, read in READERS.items():
        if start.startswith(beginning):
            try:
                return read(path)
            except InputError as error:
                raise InputError(f"{path}: {error}") from error
    return None
