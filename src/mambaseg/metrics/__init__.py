"""Measures of a mask against a reference.

Each is defined once, with its source, in the docstrings of `overlap`, `surface`, `size`,
`motion` and `instances`; docs/metrics.md says where other libraries differ.
"""

from mambaseg.metrics.catalogue import BASIC, MEASURES, Measure
from mambaseg.metrics.evaluation import evaluate
from mambaseg.metrics.instances import evaluate_instances
from mambaseg.metrics.options import MeasureOptions
from mambaseg.metrics.pooling import pooled
from mambaseg.metrics.row import ALL_CLASSES, POOLED, Row
from mambaseg.metrics.statistics import Difference, Summary, compare, mean_interval, summarize
from mambaseg.metrics.table import TABLE_SUFFIXES, check_table, write_csv, write_table

__all__ = [
    "ALL_CLASSES",
    "BASIC",
    "MEASURES",
    "POOLED",
    "TABLE_SUFFIXES",
    "Difference",
    "Measure",
    "MeasureOptions",
    "Row",
    "Summary",
    "check_table",
    "compare",
    "evaluate",
    "evaluate_instances",
    "mean_interval",
    "pooled",
    "summarize",
    "write_csv",
    "write_table",
]
