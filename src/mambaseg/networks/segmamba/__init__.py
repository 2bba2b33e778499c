"""SegMamba: long-range modelling of whole volumes (arXiv 2401.13560)."""

from mambaseg.networks.segmamba.model import SegMamba

__all__ = ["SegMamba"]
