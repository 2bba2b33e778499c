"""Sliding clip windows over a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mambaseg.data.preprocessing import network_frames
from mambaseg.data.window import GreyWindow
from mambaseg.inference.classes import labels_from_probabilities, probabilities_of
from mambaseg.inference.events import CancelToken
from mambaseg.inference.logits import segmentation_logits
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe

__all__ = ["clip_windows", "predict_video"]


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


def predict_video(
    image: MedicalImage,
    network: nn.Module,
    recipe: Recipe,
    *,
    frames: range,
    clip_overlap: int,
    device: torch.device,
    cancel: CancelToken,
) -> Iterator[tuple[range, NDArray[np.uint8]]]:
    """Segment frames of a video in order.

    A frame's probabilities are averaged over all clips that hold it, at the
    network's size, and brought to the image's size once no clip will add to
    them. No more than one clip is in memory at a time.

    Yields
    ------
    frames : range
        Frames that are final.
    labels : ndarray, shape (T, Y, X), uint8
        Their class values on the image's own grid.

    Raises
    ------
    Cancelled
        Ahead of a clip, once `cancel` asks for it.
    MambasegError
        If the network's output is not finite.
    """
    window = GreyWindow.of(image)
    clips = clip_windows(frames, recipe.video.clip_length, clip_overlap)
    sums: dict[int, Tensor] = {}  # probabilities (K, y, x) of the frames that are not final yet
    counts: Counter[int] = Counter()
    final_from = frames.start
    for clip, final_until in zip(clips, [*(c.start for c in clips[1:]), frames.stop], strict=True):
        cancel.check()
        x = network_frames(image.frames(clip.start, clip.stop), window, recipe, recipe.video.size)
        final = range(final_from, final_until)
        with torch.inference_mode():
            logits = segmentation_logits(network, x[None].to(device))[0].float()
            probabilities = probabilities_of(logits, recipe)
            for frame, probability in zip(clip, probabilities, strict=True):
                sums[frame] = sums[frame] + probability if frame in sums else probability
                counts[frame] += 1
            mean = torch.stack([sums.pop(frame) / counts.pop(frame) for frame in final])
            mean = F.interpolate(mean, image.spatial_shape, mode="bilinear", align_corners=False)
            labels = labels_from_probabilities(mean, recipe)
        yield final, labels
        final_from = final_until
