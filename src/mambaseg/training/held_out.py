"""The score of a network on frames that it never saw."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from torch import nn

from mambaseg.data import read_drawn_labels, read_image
from mambaseg.inference.events import CancelToken
from mambaseg.inference.video import predict_video
from mambaseg.metrics import evaluate
from mambaseg.training.dataset import resolve
from mambaseg.types.segmentation import Segmentation
from mambaseg.types.training_config import TrainingConfig

__all__ = ["held_out_dice"]


def held_out_dice(network: nn.Module, config: TrainingConfig, folder: Path) -> dict[str, float]:
    """Mean Dice of each class over the held-out frames that have labels.

    The frames are segmented as in use, at their own size, in clips that hold no
    training frame.

    Returns
    -------
    dict of str to float
        By a name that says what was measured on how many frames.
    """
    recipe = config.recipe
    values: dict[str, list[float]] = defaultdict(list)
    for clip in config.data:
        image = read_image(resolve(clip.image, folder))
        drawn = read_drawn_labels(resolve(clip.labels, folder))
        frames = range(*clip.held_out_frames)
        predicted = [
            labels
            for _, labels in predict_video(
                image,
                network,
                recipe,
                frames=frames,
                clip_overlap=recipe.clip_overlap,
                device=torch.device("cpu"),
                cancel=CancelToken(),
            )
        ]
        labelled = [frame for frame in frames if frame in set(drawn.frame_indices)]
        reference = np.stack([drawn.mask(frame) for frame in labelled])
        found = np.concatenate(predicted)[[frame - frames.start for frame in labelled]]
        for row in evaluate(
            Segmentation(found, "TYX", recipe.label_set),
            Segmentation(reference, "TYX", recipe.label_set),
        ):
            if row.measure == "Dice":
                values[row.class_name].append(row.value)
    return {
        f"{name}: mean Dice on {len(dice)} held-out frames": round(mean(dice), 4)
        for name, dice in values.items()
    }
