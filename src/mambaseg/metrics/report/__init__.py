"""A report of a comparison as one HTML file."""

from mambaseg.metrics.report.page import Picture, write_report

__all__ = ["Picture", "write_report"]
