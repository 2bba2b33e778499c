"""Rows of measures as files that other programs read."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Any

from mambaseg.files import write_whole
from mambaseg.metrics.row import Row
from mambaseg.types.errors import InvalidOptionError

__all__ = [
    "TABLE_SUFFIXES",
    "check_table",
    "write_csv",
    "write_json",
    "write_parquet",
    "write_table",
]

TABLE_SUFFIXES = (".csv", ".json", ".parquet")

_FORMAT_VERSION = 1


def check_table(path: str | os.PathLike[str]) -> None:
    """Refuse a path that no table can be written to, before long work begins.

    Raises
    ------
    InvalidOptionError
        If its suffix is of no format, or Parquet cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise InvalidOptionError(
            f"A table cannot be written as {path}; choose {', '.join(TABLE_SUFFIXES)}."
        )
    if suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise InvalidOptionError(
            f"{path} cannot be written: Parquet needs pyarrow, which is not installed. Install it "
            "with pip install 'mambaseg[parquet]', or write CSV."
        )


def write_table(
    rows: Sequence[Row], path: str | os.PathLike[str], about: Mapping[str, Any] | None = None
) -> None:
    """Write rows as CSV, JSON or Parquet, as the path's suffix says.

    Raises
    ------
    InvalidOptionError
        If the suffix is another one, or Parquet cannot be written.
    OutputError
        If it cannot be written.
    """
    check_table(path)
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        write_csv(rows, path)
    elif suffix == ".json":
        write_json(rows, path, about)
    else:
        write_parquet(rows, path)


def write_csv(rows: Iterable[Row], path: str | os.PathLike[str]) -> None:
    """Write one line per row, under a line of the fields' names, whole or not at all.

    What has no frame, and what is not defined, is an empty cell.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with write_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Row))
        for row in rows:
            writer.writerow("" if cell != cell else cell for cell in astuple(row))


def write_json(
    rows: Iterable[Row], path: str | os.PathLike[str], about: Mapping[str, Any] | None = None
) -> None:
    """Write an object with the list `rows`, and what else there is to say; null: not defined.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    lines = [
        {key: None if cell != cell else cell for key, cell in asdict(row).items()} for row in rows
    ]
    record = {"format_version": _FORMAT_VERSION, **(about or {}), "rows": lines}
    with write_whole(path) as temporary:
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def write_parquet(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Write a column per field; null: no frame, not defined.

    Needs pyarrow.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import pyarrow
    from pyarrow import parquet

    kinds = {"frame": pyarrow.int64(), "value": pyarrow.float64()}
    columns = {
        field.name: pyarrow.array(
            [None if _missing(cell) else cell for cell in (getattr(r, field.name) for r in rows)],
            kinds.get(field.name, pyarrow.string()),
        )
        for field in fields(Row)
    }
    with write_whole(path) as temporary:
        parquet.write_table(pyarrow.table(columns), temporary)


def _missing(cell: object) -> bool:
    return isinstance(cell, float) and math.isnan(cell)
