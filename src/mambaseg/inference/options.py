"""Choices for one segmentation."""

from __future__ import annotations

from dataclasses import dataclass

from mambaseg.inference.settings import Precision
from mambaseg.types.postprocessing import PostProcessing

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """Choices for one segmentation; None leaves a choice to the Recipe.

    Parameters
    ----------
    frames : range or None
        Consecutive frames of a film to segment; the others stay background. None: all.
    skip : frozenset of int
        Frames among these that a person has verified: they are not computed, but a
        model for clips may see them beside others. Their labels stay background and
        are in no Chunk.
    box : tuple of slice or None
        Rows and columns (y, x) of a film or picture, or slices, rows and columns
        (z, y, x) of a volume, with a start and a stop each: only what lies inside
        gets labels, the rest stays background. The network sees what it always does:
        whole pictures, or of a volume half a window around the box.
    clip_overlap : int or None
        Frames that successive clips of a video model share.
    mirror : bool or None
        Whether what the network sees is mirrored too: a volume's windows along the
        Recipe's axes, or along all three where it names none; frames and pictures
        left to right and upside down.
    by_slice : bool
        Have a model for pictures segment a volume, one slice after another.
    postprocessing : PostProcessing or None
        In the place of the Recipe's.
    precision : {"float32", "bfloat16"} or None
        Of the network's products; the scans' states are float32 with either. None:
        bfloat16 where the device computes it, and float32 if that fails.
    batch : int or None
        Clips, pictures or windows in one call of the network. None: 1 on the CPU,
        where more gain nothing, and 4 elsewhere.
    """

    frames: range | None = None
    skip: frozenset[int] = frozenset()
    box: tuple[slice, ...] | None = None
    clip_overlap: int | None = None
    mirror: bool | None = None
    by_slice: bool = False
    postprocessing: PostProcessing | None = None
    precision: Precision | None = None
    batch: int | None = None
