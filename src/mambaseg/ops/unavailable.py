"""What a backend raises that cannot run here although nothing is broken."""

from __future__ import annotations

__all__ = ["UnavailableError"]


class UnavailableError(ImportError):
    """A package or a device that the backend needs is not there."""
