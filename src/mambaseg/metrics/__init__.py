"""Measures of a mask against a reference."""

from mambaseg.metrics.overlap import Row, evaluate
from mambaseg.metrics.table import write_csv

__all__ = ["Row", "evaluate", "write_csv"]
