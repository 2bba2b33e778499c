"""Choices for one segmentation."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """Choices for one segmentation; None leaves a choice to the Recipe.

    Parameters
    ----------
    frames : range or None
        Consecutive frames of a film to segment; the others stay background. None: all.
    clip_overlap : int or None
        Frames that successive clips of a video model share.
    mirror : bool or None
        Whether a volume's windows are mirrored too, along the Recipe's axes,
        or along all three where it names none.
    by_slice : bool
        Have a model for pictures segment a volume, one slice after another.
    """

    frames: range | None = None
    clip_overlap: int | None = None
    mirror: bool | None = None
    by_slice: bool = False
