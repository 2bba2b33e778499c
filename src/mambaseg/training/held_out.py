"""The score of a network on frames that it never saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import mean

import numpy as np
import torch
from torch import nn

from mambaseg.inference.events import CancelToken
from mambaseg.inference.video import predict_video
from mambaseg.metrics import evaluate
from mambaseg.training.labelled_clip import OpenClip
from mambaseg.training.stored_clip import StoredClip, windows_around
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation

__all__ = ["held_out_dice", "stored_dice"]


def held_out_dice(
    network: nn.Module, recipe: Recipe, clips: Iterable[OpenClip], device: torch.device
) -> dict[str, float]:
    """Mean Dice of each class over the held-out frames that have labels.

    The frames are segmented as in use, at their own size, in clips that hold no
    training frame.

    Returns
    -------
    dict of str to float
        By a name that says what was measured on how many frames.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        chunks = predict_video(
            clip.image,
            network,
            recipe,
            frames=clip.held_out,
            clip_overlap=recipe.clip_overlap,
            device=device,
            cancel=CancelToken(),
        )
        found = np.concatenate([labels for _, labels in chunks])
        labelled = clip.labelled_held_out
        prediction = found[[frame - clip.held_out.start for frame in labelled]]
        reference = clip.labels(labelled)
        for row in evaluate(Segmentation(prediction, "TYX", recipe.label_set), reference):
            if row.measure == "Dice":
                values[row.class_name].append(row.value)
    return {
        f"{name}: mean Dice on {len(dice)} held-out frames": round(mean(dice), 4)
        for name, dice in values.items()
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
        By class name; empty where no frame is held out.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        for window in windows_around(clip.held_out, recipe.clip_length // 2, clip.image.n_frames):
            chunks = predict_video(
                clip.image,
                network,
                recipe,
                frames=window,
                clip_overlap=recipe.clip_overlap,
                device=device,
                cancel=CancelToken(),
            )
            found = np.concatenate([labels for _, labels in chunks])
            frames = [frame for frame in window if frame in clip.held_out]
            prediction = found[[frame - window.start for frame in frames]]
            reference = np.asarray(clip.masks.labels[frames])
            for row in evaluate(
                Segmentation(prediction, "TYX", recipe.label_set),
                Segmentation(reference, "TYX", clip.masks.label_set),
            ):
                if row.measure == "Dice":
                    values[row.class_name].append(row.value)
    return {name: round(mean(dice), 4) for name, dice in values.items()}
