"""Rows of measures as a file that spreadsheets read."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import astuple, fields

from mambaseg.files import write_whole
from mambaseg.metrics.overlap import Row

__all__ = ["write_csv"]


def write_csv(rows: Iterable[Row], path: str | os.PathLike[str]) -> None:
    """Write one line per row, under a line of the fields' names, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with write_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Row))
        writer.writerows(astuple(row) for row in rows)
