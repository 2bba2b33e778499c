"""What a backend raises that cannot run here, in a sentence that needs nothing added."""

from __future__ import annotations

__all__ = ["BrokenError", "UnavailableError"]


class UnavailableError(ImportError):
    """A package or a device that the backend needs is not there, which few miss."""


class BrokenError(ImportError):
    """What the backend needs is there and does not work, which its owner is told."""
