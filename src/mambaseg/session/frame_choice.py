"""Which frames of a mask are exported, and what is said of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mambaseg.metrics import MeasureOptions, evaluate
from mambaseg.metrics.options import Level
from mambaseg.metrics.ranking import worst
from mambaseg.session.worst_pictures import present
from mambaseg.types import Geometry, Segmentation
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError

if TYPE_CHECKING:
    from mambaseg.export import ExportPreset
    from mambaseg.inference.record import DoubtRecord

__all__ = ["FrameChoice", "choose_frames", "rank_by_reference"]

_MEASURE = "Dice"


@dataclass(frozen=True)
class FrameChoice:
    """Frames in the order in which they are written.

    Parameters
    ----------
    frames : sequence of int
        A range where they are consecutive.
    remarks : mapping of int to str
        Why a frame was chosen.
    """

    frames: Sequence[int]
    remarks: Mapping[int, str] = field(default_factory=dict)

    def captions(self, word: str) -> dict[int, str]:
        """Name each frame, "frame 3" or "slice 3" as `word` is, with its remark."""
        parts = {frame: (f"{word} {frame}", self.remarks.get(frame, "")) for frame in self.frames}
        return {frame: ", ".join(filter(None, both)) for frame, both in parts.items()}


def choose_frames(
    preset: ExportPreset,
    among: range,
    segmentation: Segmentation,
    reference: Segmentation | None,
    doubt: DoubtRecord | None,
    check: Callable[[], None] = lambda: None,
) -> FrameChoice:
    """Choose the frames that a preset asks for.

    Parameters
    ----------
    preset : ExportPreset
        Its `frames`, `count` and `sheet`.
    among : range
        Frames that there are to choose from.
    segmentation : Segmentation
        What is exported.
    reference : Segmentation or None
        By which the worst are told: those of least Dice.
    doubt : DoubtRecord or None
        By which they are told where there is no reference.
    check : callable
        Called before each frame is measured; what it raises ends the work.

    Raises
    ------
    InvalidOptionError
        If the worst are asked for, and nothing says which they are.
    UnsupportedImageError
        If mask and reference do not fit together, or none of the frames has a rank.
    """
    from mambaseg.export.sheet import evenly

    if preset.frames == "all":
        return FrameChoice(evenly(among, preset.count) if preset.sheet else among)
    if reference is not None:
        ranked = rank_by_reference(segmentation, reference, check)
    elif doubt is not None:
        pairs = zip(doubt.ranked, doubt.scores, strict=True)
        ranked = {frame: f"doubt {100 * score:.0f} %" for frame, score in pairs}
    else:
        raise InvalidOptionError(
            "Nothing says which frames are worst: choose a reference mask to compare with, or a "
            "mask whose run told its doubt."
        )
    chosen = [frame for frame in ranked if frame in among][: preset.count]
    if not chosen:
        raise UnsupportedImageError(
            "None of the frames has a rank, so none is the worst: choose all frames, or another "
            "reference."
        )
    return FrameChoice(chosen, ranked)


def rank_by_reference(
    segmentation: Segmentation,
    reference: Segmentation,
    check: Callable[[], None] = lambda: None,
) -> dict[int, str]:
    """Say the mean Dice over classes of each frame or slice, the worst first.

    Those on which neither mask holds a class have none.

    Raises
    ------
    UnsupportedImageError
        If the masks do not fit together.
    """
    levels: tuple[Level, ...] = ("frame",)
    options = MeasureOptions(measures=(_MEASURE, "TP", "FP", "FN"), levels=levels)
    # Overlap knows no millimetres, and not every format of masks keeps them.
    masks = [replace(mask, geometry=Geometry()) for mask in (segmentation, reference)]
    rows = present(evaluate(*masks, options=options, check=check))
    ranked = worst(rows, _MEASURE, len(rows))
    return {one.frame: f"{_MEASURE} {one.mean:.3f}" for one in ranked if one.frame is not None}
