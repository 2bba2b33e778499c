"""Sliding clip windows over a video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.preprocessing import network_frames
from mambaseg.data.window import GreyWindow
from mambaseg.inference.classes import probabilities_of
from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.inference.events import CancelToken
from mambaseg.inference.forward import Forward
from mambaseg.inference.frame_runs import runs
from mambaseg.inference.homing import labels_at_size
from mambaseg.inference.lookahead import ahead
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe

__all__ = ["clip_weights", "clip_windows", "predict_video"]


def clip_windows(frames: range, length: int, overlap: int) -> list[range]:
    """Cut frames into clips of equal length.

    Parameters
    ----------
    frames : range
        Consecutive frames, at least one.
    length : int
        Frames in a clip; a shorter film is one clip.
    overlap : int
        Least number of frames that neighbouring clips share; the last clip is
        moved back to end with the film and may share more.
    """
    length = min(length, len(frames))
    last = frames.stop - length
    starts = [*range(frames.start, last, length - min(overlap, length - 1)), last]
    return [range(start, start + length) for start in starts]


def clip_weights(length: int) -> list[float]:
    """Weights of a clip's frames in the average: falling to its ends, where it knows less."""
    return [float(min(frame + 1, length - frame)) for frame in range(length)]


def predict_video(
    image: MedicalImage,
    forward: Forward,
    recipe: Recipe,
    *,
    frames: range,
    clip_overlap: int,
    cancel: CancelToken,
    clip_length: int | None = None,
    batch: int = 1,
    start: int | None = None,
    skip: frozenset[int] = frozenset(),
    meter: DoubtMeter | None = None,
) -> Iterator[tuple[range, NDArray[np.uint8]]]:
    """Segment frames of a video in order.

    A frame's probabilities are averaged over all clips that hold it, at the
    network's size, and brought to the image's size once no clip will add to
    them. The next clips are read while the network computes.

    Parameters
    ----------
    clip_length : int, optional
        Frames in a clip; the Recipe's by default.
    batch : int
        Clips that the network sees in one call.
    start : int, optional
        The first frame that is wanted; clips that end before it are passed over.
    skip : frozenset of int
        Frames that are not wanted; clips of such frames alone are passed over.
    meter : DoubtMeter, optional
        Is told the probabilities.

    Yields
    ------
    frames : range
        Frames that are final.
    labels : ndarray, shape (T, Y, X), uint8
        Their class values on the image's own grid.

    Raises
    ------
    Cancelled
        Ahead of a call of the network, once `cancel` asks for it.
    NotFiniteError
        If the network's output is not finite.
    """
    start = frames.start if start is None else start
    clips = clip_windows(frames, clip_length or recipe.video.clip_length, clip_overlap)
    clips = [clip for clip in clips if clip.stop > start and not skip.issuperset(clip)]
    if not clips:
        return
    groups = [clips[first : first + batch] for first in range(0, len(clips), batch)]
    ends = [group[0].start for group in groups[1:]] + [frames.stop]
    weights = clip_weights(len(clips[0]))
    sums: dict[int, Tensor] = {}  # probabilities (K, y, x) of the frames that are not final yet
    totals: dict[int, float] = {}
    reader = _Reader(image, recipe)
    read = ahead(lambda group: forward.timed("read", lambda: reader(group)), groups)
    with closing(read):  # an error, too, ends its thread
        for (group, x), end in zip(read, ends, strict=True):
            cancel.check()
            probabilities = probabilities_of(forward(x).flatten(0, 1), recipe)
            for number, clip in enumerate(group):
                for place, frame in enumerate(clip):
                    found = probabilities[number * len(clip) + place]
                    added = found * weights[place]
                    if frame in sums:
                        if meter is not None:
                            meter.compare(frame, sums[frame], totals[frame], found)
                        added += sums[frame]
                    sums[frame] = added
                    totals[frame] = totals.get(frame, 0.0) + weights[place]
            for frame in [frame for frame in sums if frame < start or frame in skip]:
                del sums[frame], totals[frame]
            for final in runs(frame for frame in range(start, end) if frame in sums):
                mean = torch.stack([sums.pop(frame) / totals.pop(frame) for frame in final])
                if meter is not None:
                    meter.add(final.start, mean)
                yield final, labels_at_size(mean, image.spatial_shape, recipe)
            start = end


class _Reader:
    """Reads clips as their network sees them; frames that two clips share are read once."""

    def __init__(self, image: MedicalImage, recipe: Recipe) -> None:
        self._image, self._recipe = image, recipe
        self._window = GreyWindow.of(image)
        self._frames: dict[int, Tensor] = {}

    def __call__(self, clips: list[range]) -> Tensor:
        """Give clips, shape (B, T, C, y, x)."""
        first, stop = clips[0].start, clips[-1].stop
        self._frames = {frame: x for frame, x in self._frames.items() if frame >= first}
        missing = range(max(self._frames, default=first - 1) + 1, stop)
        if missing:
            read = self._image.frames(missing.start, missing.stop)
            x = network_frames(read, self._window, self._recipe, self._recipe.video.size)
            self._frames.update(zip(missing, x, strict=True))
        return torch.stack([torch.stack([self._frames[t] for t in clip]) for clip in clips])
