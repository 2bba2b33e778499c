"""The ways from frame to frame of a mask that is corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_info

from mambaseg.inference import Doubt

if TYPE_CHECKING:
    import napari

    from mambaseg.plugin.correction import Correction

__all__ = ["FrameWalk"]

_AHEAD = 20
"""Frames that the key leads to before it begins again."""

_NO_DOUBT = (
    "No other frame is in doubt: a run of the Segment panel ranks its frames, and those that were "
    "corrected or verified are left out."
)


class FrameWalk:
    """Shows the frames that want a look.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose slider moves.
    correction : Correction
        Of the mask.
    """

    def __init__(self, viewer: napari.Viewer, correction: Correction) -> None:
        self._viewer, self._correction = viewer, correction
        self._doubt: Doubt | None = None
        self._ranked: list[int] = []
        self._led_to = -1

    @property
    def _run_doubt(self) -> Doubt | None:
        layer = self._correction.layer
        doubt = layer.metadata.get("doubt") if layer is not None else None
        return doubt if isinstance(doubt, Doubt) else None

    def doubtful(self, most: int) -> list[int]:
        """Of the frames that the model was in `most` doubt of those still its own, worst first."""
        doubt = self._run_doubt
        if doubt is None:
            return []
        if doubt is not self._doubt:
            self._doubt, self._ranked = doubt, doubt.ranked()
        states = self._correction.states()
        return [frame for frame in self._ranked[:most] if states[frame] == "unverified"]

    def to(self, frame: int) -> None:
        """Show a frame."""
        layer = self._correction.layer
        if layer is None:
            return
        place = layer.data_to_world((frame, *(0 for _ in layer.data.shape[1:])))[0]
        self._viewer.dims.set_point(self._viewer.dims.ndim - layer.ndim, place)

    def on(self) -> None:
        """Show the next frame that is not verified."""
        shown = self._correction.edits.shown
        self._first(range(shown + 1, self._correction.n_frames), "after")

    def back(self) -> None:
        """Show the frame before that is not verified."""
        self._first(range(self._correction.edits.shown - 1, -1, -1), "before")

    def _first(self, frames: range, way: str) -> None:
        states = self._correction.states()
        frame = next((n for n in frames if states[n] not in ("verified", "saving")), None)
        if frame is None:
            show_info(f"All frames {way} this one are verified.")
        else:
            self.to(frame)

    def to_doubtful(self) -> None:
        """Show the frame most worth correcting; asked again there, the next one."""
        doubt, shown = self._run_doubt, self._correction.edits.shown
        known = self._correction.known
        frames = doubt.worth_correcting(_AHEAD, known) if doubt is not None else []
        others = [frame for frame in frames if frame != shown]
        if not others:
            show_info(_NO_DOUBT)
            return
        if shown == self._led_to and shown in frames:
            place = frames.index(shown)
            others = frames[place + 1 :] + frames[:place]
        self._led_to = others[0]
        self.to(others[0])
