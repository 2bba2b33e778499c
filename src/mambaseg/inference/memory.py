"""What a run needs, and what is free."""

from __future__ import annotations

from dataclasses import dataclass

from mambaseg.inference.rungs import Rung

__all__ = ["Estimate", "gigabytes"]


@dataclass(frozen=True)
class Estimate:
    """What a segmentation will need, told before it runs.

    Parameters
    ----------
    needed_bytes : int
        Memory at its peak as planned, before giving way.
    free_bytes : int
        What the device has left.
    text : str
        One sentence for people.
    rungs : tuple of str
        The ways in which the engine will give way from the start.
    """

    needed_bytes: int
    free_bytes: int
    text: str
    rungs: tuple[Rung, ...] = ()


def gigabytes(count: int) -> str:
    """Say a number of bytes, for example "9.1 GB"."""
    return f"{count / 1e9:.1f} GB"
