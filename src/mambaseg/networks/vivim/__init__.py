"""Vivim: a video vision Mamba (arXiv 2401.14168)."""

from mambaseg.networks.vivim.model import Vivim

__all__ = ["Vivim"]
