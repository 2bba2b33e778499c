"""Measures of a mask against a reference."""

from mambaseg.metrics.overlap import Row, evaluate

__all__ = ["Row", "evaluate"]
