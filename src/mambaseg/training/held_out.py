"""The score of a network on frames that it never saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import mean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mambaseg.inference.events import CancelToken
from mambaseg.inference.forward import Forward
from mambaseg.inference.video import predict_video
from mambaseg.metrics import evaluate
from mambaseg.training.labelled_clip import OpenClip
from mambaseg.training.labelled_stills import OpenStills
from mambaseg.training.stored_clip import StoredClip, windows_around
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation

__all__ = ["held_out_dice", "stored_dice"]


def held_out_dice(
    network: nn.Module,
    recipe: Recipe,
    sources: Iterable[OpenClip | OpenStills],
    device: torch.device,
) -> dict[str, float]:
    """Mean Dice of each class over the held-out frames that have labels.

    The frames are segmented as in use, at their own size, in clips that hold no
    training frame.

    Returns
    -------
    dict of str to float
        By a name that says what was measured on how many frames or images.
    """
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for source in sources:
        for image, frames, labelled, reference in source.scored_frames():
            found = _segment(network, recipe, image, frames, device)
            prediction = found[[frame - frames.start for frame in labelled]]
            for name, dice in _dice(prediction, recipe, reference):
                values[name, source.unit].append(dice)
    return {
        f"{name}: mean Dice on {len(dice)} held-out {unit}": round(mean(dice), 4)
        for (name, unit), dice in values.items()
    }


def stored_dice(
    network: nn.Module, recipe: Recipe, clips: Iterable[StoredClip], device: torch.device
) -> dict[str, float]:
    """Mean Dice of each class over the held-out frames of a store.

    The frames are segmented as in use, each in the middle of a clip where the
    film goes on for long enough. Pixels that are not annotated do not count.

    Returns
    -------
    dict of str to float
        By class name; empty where no frame is held out. A class that no
        held-out frame shows has none: its Dice would be 1 or 0 on a pixel's whim.
    """
    values: dict[str, list[float]] = defaultdict(list)
    shown: set[str] = set()
    for clip in clips:
        for window in windows_around(
            clip.held_out, recipe.video.clip_length // 2, clip.image.n_frames
        ):
            found = _segment(network, recipe, clip.image, window, device)
            frames = [frame for frame in window if frame in clip.held_out]
            labels = np.asarray(clip.masks.labels[frames])
            reference = Segmentation(labels, "TYX", clip.masks.label_set)
            prediction = found[[frame - window.start for frame in frames]]
            for name, dice in _dice(prediction, recipe, reference):
                values[name].append(dice)
            present = set(np.unique(labels).tolist())
            shown |= {name for value, name in recipe.labels.items() if value in present}
    return {name: round(mean(dice), 4) for name, dice in values.items() if name in shown}


def _segment(
    network: nn.Module, recipe: Recipe, image: MedicalImage, frames: range, device: torch.device
) -> NDArray[Any]:
    """Segment frames as in use; gives class values, TYX."""
    chunks = predict_video(
        image,
        Forward(network, device, "video"),
        recipe,
        frames=frames,
        clip_overlap=recipe.video.clip_overlap,
        cancel=CancelToken(),
    )
    return np.concatenate([labels for _, labels in chunks])


def _dice(
    prediction: NDArray[Any], recipe: Recipe, reference: Segmentation
) -> Iterator[tuple[str, float]]:
    rows = evaluate(Segmentation(prediction, "TYX", recipe.label_set), reference)
    return ((row.class_name, row.value) for row in rows if row.measure == "Dice")
