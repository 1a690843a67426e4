"""Tables as Parquet, as DuckDB, Polars, pandas and Spark read them.

A column of texts is a string column, one of vectors a list of float32 of a fixed size. NaN is null
in a column of numbers; within vectors numbers stay what they are. A batch is a row group. The key
"facegen" of the file's metadata has the provenance, as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facegen.errors import FacegenError, InputError
from facegen.io.budgets import BudgetedFile
from facegen.io.provenance import MAX_PROVENANCE_BYTES, parse_provenance
from facegen.io.temporaries import Temporary

if TYPE_CHECKING:
    import pyarrow

FORMAT = "facegen-parquet"
MAGIC = b"PAR1"
KEY = b"facegen"
FOOTER_BYTES = 8 << 20  # that are read of a stranger's file: of 5 million rows with 40 labels
MOST_GROUPS = 100_000


def check_parquet() -> None:
    """Raises FacegenError if pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise FacegenError("Parquet needs pyarrow: pip install 'facegen[parquet]'") from error


def _column(values: Any) -> pyarrow.Array:
    import pyarrow

    if isinstance(values, list):
        return pyarrow.array(values, pyarrow.string())
    if values.ndim == 2:
        return pyarrow.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
    return pyarrow.array(values, from_pandas=True)  # NaN is null


def write_parquet(temporary: Temporary, batches: Iterable[dict[str, Any]], provenance: str) -> None:
    """Writes a table as Parquet, a batch in memory at a time.

    Args:
        temporary: for others to publish.
        batches: columns by name, the same ones in all: lists of texts, arrays of numbers (n), or of
            vectors float32 (n, d). At least one batch, which may have no rows.
        provenance: JSON.

    Raises:
        FacegenError: pyarrow is not installed.
    """
    check_parquet()

    import pyarrow
    from pyarrow import parquet

    writer = None
    try:
        for batch in batches:
            columns = {name: _column(values) for name, values in batch.items()}
            table = pyarrow.table(columns, metadata={KEY: provenance})
            if writer is None:
                # A dictionary of numbers that are all different would be made and thrown away.
                small = [name for name, values in batch.items() if getattr(values, "ndim", 1) == 1]
                writer = parquet.ParquetWriter(temporary.file, table.schema, use_dictionary=small)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    except BaseException:
        if writer is not None:
            writer.is_open = False  # else it would end the file when it is collected, and say so
        raise


def read_parquet_info(path: Path) -> dict[str, Any]:
    """Rows, columns and provenance of a Parquet file that facegen wrote.

    Raises:
        FacegenError: pyarrow is not installed.
        InputError: damaged, or another program's; the message is the reason alone.
    """
    check_parquet()

    import pyarrow
    from pyarrow import parquet

    limits = {"thrift_string_size_limit": 2 * MAX_PROVENANCE_BYTES}
    limits["thrift_container_size_limit"] = MOST_GROUPS
    try:
        with (
            BudgetedFile(path, size=FOOTER_BYTES, reads=100) as content,
            parquet.ParquetFile(content, **limits) as file,
        ):
            rows, columns = file.metadata.num_rows, file.schema_arrow.names
            recorded = (file.metadata.metadata or {}).get(KEY)
    except (pyarrow.ArrowException, OSError, UnicodeError) as error:
        raise InputError(f"damaged: {' '.join(str(error).split())}") from error
    if recorded is None:
        raise InputError("Parquet, but none of facegen's")
    found = parse_provenance(recorded.decode(errors="replace"))
    return {"kind": FORMAT, "rows": rows, "columns": columns, "provenance": found}
