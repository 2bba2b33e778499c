"""What a person does to masks of whole frames by a key or a button, each undone in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info
from numpy.typing import NDArray

from mambaseg.corrections import History
from mambaseg.editing import interpolate
from mambaseg.plugin.notices import report
from mambaseg.session import event_now

if TYPE_CHECKING:
    from mambaseg.plugin.correction import Correction

__all__ = ["clean", "copy_previous", "interpolate_around", "reject"]

Mask = NDArray[np.integer[Any]]


def copy_previous(correction: Correction) -> None:
    """Put the mask of the frame before the one that is shown into it."""
    layer, frame = correction.layer, correction.edits.shown
    if layer is None or not _free(correction, [frame]):
        return
    if frame == 0:
        show_info("This is the first frame: there is none before it to copy from.")
        return
    mask = np.array(layer.data[frame - 1])
    if not correction.writer.write({frame: mask}, event_now("copied"), drawn=True):
        show_info(f"Frame {frame} holds the same mask as the one before.")


def interpolate_around(correction: Correction) -> None:
    """Blend the corrected or verified masks on both sides of what is shown, between them."""
    shown = correction.edits.shown
    if not correction.check_ready():
        return
    known = correction.known
    nearest = (
        max((frame for frame in known if frame < shown), default=None),
        shown if shown in known else None,
        min((frame for frame in known if frame > shown), default=None),
    )
    ends = [frame for frame in nearest if frame is not None]
    gaps = [(a, b) for a, b in pairwise(ends) if b - a > 1]
    if not gaps:
        show_info(
            "There is no open frame here between two that are corrected or verified: draw or "
            "verify the masks on both sides first."
        )
        return

    def blend(masks: dict[int, Mask]) -> None:
        def work(task: Any) -> dict[int, Mask]:
            found: dict[int, Mask] = {}
            for before, after in gaps:
                frames = range(before + 1, after)
                between = interpolate(masks[before], masks[after], len(frames))
                found |= dict(zip(frames, between, strict=True))
            return found

        _compute(correction, work, "interpolated")

    correction.masks(ends, blend)


def reject(correction: Correction, frames: Iterable[int]) -> None:
    """Set frames back to what the model predicted; where none did, to what they held at first."""
    recorder, wanted = correction.recorder, _free(correction, frames)
    if not wanted:
        return
    if recorder is None:
        show_info("What was predicted is not known: the layer's type of labels has no journal.")
        return
    recorder.capture()

    def answer(history: History) -> dict[int, Mask]:
        return {frame: history.predicted(frame) for frame in wanted}

    def put(masks: dict[int, Mask]) -> None:
        free = {n: mask for n, mask in masks.items() if n in correction.unprotected(masks)}
        if not correction.writer.write(free, event_now("rejected")):
            show_info("The mask is as it was predicted: there is nothing to set back.")

    recorder.journal.ask(answer, put)


def clean(correction: Correction, tool: Callable[[Mask], Mask], what: str, *, every: bool) -> None:
    """Clean up the mask of the frame that is shown, or of every frame that is still open.

    Parameters
    ----------
    correction : Correction
    tool : callable
        Gives a new mask of shape (Y, X) for one; it may be called in another thread.
    what : str
        Its name, for the history.
    every : bool
        Whether all open frames are meant: they stay open.
    """
    layer, shown = correction.layer, correction.edits.shown
    if layer is None or not correction.check_ready():
        return
    if not every:
        if _free(correction, [shown]):
            masks = {shown: tool(np.asarray(layer.data[shown]))}
            if not correction.writer.write(masks, event_now("cleaned", text=what), drawn=True):
                show_info(f"{what}: there was nothing to change in frame {shown}.")
        return
    frames = [n for n, state in enumerate(correction.states()) if state == "unverified"]
    data = layer.data

    def work(task: Any) -> dict[int, Mask]:
        found = {}
        for frame in frames:
            task.check()
            found[frame] = tool(np.asarray(data[frame]))
        return found

    _compute(correction, work, "cleaned", what)


def _compute(
    correction: Correction, work: Callable[[Any], dict[int, Mask]], kind: str, text: str = ""
) -> None:
    """Have masks computed beside the viewer; frames that were drawn on meanwhile stay."""

    def put(masks: dict[int, Mask]) -> None:
        states = correction.states()
        open_ones = {n: mask for n, mask in masks.items() if states[n] == "unverified"}
        if not correction.writer.write(open_ones, event_now(kind, text=text)):
            show_info("There was nothing to change in the open frames.")

    correction.say_if_it_waits()
    correction.session.editing.submit(work, put, report)


def _free(correction: Correction, frames: Iterable[int]) -> list[int]:
    """Give those of the frames that are not verified; says so where all are."""
    wanted = list(frames)
    free = correction.unprotected(wanted)
    if wanted and not free and correction.check_ready():
        words = f"Frame {wanted[0]} is" if len(wanted) == 1 else "These frames are"
        show_info(f"{words} verified, and so kept as they are: take that back first (V).")
    return free
