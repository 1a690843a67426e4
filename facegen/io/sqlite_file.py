"""Tables as SQLite, as datasette and sqlite-utils read them.

points       the table, its first column the primary key; vectors are BLOBs of float32,
             little-endian, as sqlite-vec and numpy.frombuffer take them; NaN is NULL
provenance   a row with a column json: how the file was made
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from facegen.errors import InputError
from facegen.io.provenance import MAX_PROVENANCE_BYTES, parse_provenance
from facegen.io.temporaries import Temporary

FORMAT = "facegen-sqlite"
MAGIC = b"SQLite format 3\0"
TABLE = "points"
MOST_STEPS = 100_000  # of SQLite's machine, to read the provenance


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(values: Any) -> str:
    if isinstance(values, list):
        return "TEXT"
    if values.ndim == 2:
        return "BLOB"
    return "INTEGER" if values.dtype.kind == "i" else "REAL"


def _values(values: Any) -> Iterable[Any]:
    if isinstance(values, list):
        return values
    if values.ndim == 2:
        return (row.tobytes() for row in values.astype("<f4", copy=False))
    return values.tolist()  # NaN becomes NULL


def _create(file: sqlite3.Connection, batch: dict[str, Any]) -> str:
    """Makes the table of a batch; returns the statement that fills it."""
    columns = [f"{_quoted(name)} {_type(values)}" for name, values in batch.items()]
    columns[0] += " PRIMARY KEY"
    file.execute(f"CREATE TABLE {TABLE} ({', '.join(columns)})")
    return f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(columns))})"


def write_sqlite(temporary: Temporary, batches: Iterable[dict[str, Any]], provenance: str) -> None:
    """Writes a table as SQLite, a batch in memory at a time.

    Args:
        temporary: for others to publish.
        batches: columns by name, the same ones in all, the first of whole numbers: lists of texts,
            arrays of numbers (n), or of vectors float32 (n, d). At least one batch, which may have
            no rows.
        provenance: JSON.

    Raises:
        OSError: it can't be written.
    """
    try:
        with closing(sqlite3.connect(temporary.path, isolation_level=None)) as file:
            # What a journal is for, the temporary does: it appears whole or not at all.
            file.execute("PRAGMA journal_mode = OFF")
            file.execute("PRAGMA synchronous = OFF")
            file.execute("BEGIN")
            insert = ""
            for batch in batches:
                insert = insert or _create(file, batch)
                file.executemany(insert, zip(*map(_values, batch.values()), strict=True))
            file.execute("CREATE TABLE provenance (json TEXT)")
            file.execute("INSERT INTO provenance VALUES (?)", (provenance,))
            file.execute("COMMIT")
    except sqlite3.Error as error:
        raise OSError(str(error)) from error  # whoever publishes the file names it


def read_sqlite_info(path: Path) -> dict[str, Any]:
    """Columns and provenance of a SQLite file that facegen wrote.

    Raises:
        InputError: damaged, or another program's; the message is the reason alone.
    """
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as file:
            # A stranger's table may be a view without end, or a text without end.
            file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_PROVENANCE_BYTES)
            file.set_progress_handler(lambda: True, MOST_STEPS)
            file.text_factory = lambda text: text.decode(errors="replace")
            columns = [row[1] for row in file.execute(f"PRAGMA table_info({TABLE})")]
            recorded = str(file.execute("SELECT json FROM provenance").fetchone()[0])
    except (sqlite3.Error, TypeError, UnicodeError) as error:  # which is in the message
        reason = " ".join(str(error).split())
        raise InputError(f"SQLite, but damaged or none of facegen's: {reason}") from error
    return {"kind": FORMAT, "columns": columns, "provenance": parse_provenance(recorded)}
