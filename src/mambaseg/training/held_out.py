"""The score of a network on what it never saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import mean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mambaseg.inference.events import CancelToken
from mambaseg.inference.forward import Forward
from mambaseg.inference.options import Options
from mambaseg.inference.plans import plan_for
from mambaseg.inference.settings import Settings
from mambaseg.metrics import MeasureOptions, evaluate, mean_interval
from mambaseg.training.scored_frames import Scored
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation

__all__ = ["dice_values", "mean_dices", "named_scores"]

_DICE = MeasureOptions(measures=("Dice",))


def dice_values(
    network: nn.Module,
    recipe: Recipe,
    held_out: Iterable[Scored],
    device: torch.device,
    *,
    mirror: bool | None = None,
) -> dict[str, list[float]]:
    """Dice of each class on each held-out frame, picture or volume.

    They are segmented as in use, at their own size. What is not annotated does not count.

    Parameters
    ----------
    mirror : bool or None
        Whether a volume's windows are mirrored too, which takes up to eight times as long; None:
        as the Recipe says.

    Returns
    -------
    dict of str to list of float
        By class name; empty where nothing is held out. A class that nothing held out shows
        has none: its Dice would be 1 or 0 on a pixel's whim.
    """
    values: dict[str, list[float]] = defaultdict(list)
    shown: set[str] = set()
    for scored in held_out:
        found = _segment(network, recipe, scored, device, mirror)
        if scored.labelled is not None and scored.frames is not None:
            found = found[[frame - scored.frames.start for frame in scored.labelled]]
        prediction = Segmentation(found, scored.reference.axes, recipe.label_set)
        for row in evaluate(prediction, scored.reference, options=_DICE):
            values[row.class_name].append(row.value)
        present = set(np.unique(np.asarray(scored.reference.labels)).tolist())
        shown |= {name for value, name in recipe.labels.items() if value in present}
    return {name: found for name, found in values.items() if name in shown}


def mean_dices(values: dict[str, list[float]]) -> dict[str, float]:
    """Give the mean Dice of each class."""
    return {name: round(mean(dice), 4) for name, dice in values.items()}


def named_scores(values: dict[str, list[float]], unit: str) -> dict[str, float]:
    """Give the mean Dice of each class under a name that says of what, as a card has it.

    Parameters
    ----------
    values : dict of str to list of float
        By class name.
    unit : str
        "images", "volumes" or "frames"; frames of a clip are alike, so that theirs has no
        interval.
    """
    return {
        f"{name}: mean Dice on {len(values[name])} held-out {unit}"
        + ("" if unit == "frames" else _interval(values[name])): dice
        for name, dice in mean_dices(values).items()
    }


def _interval(values: list[float]) -> str:
    low, high = mean_interval(np.array(values))
    return f" (95 % interval {low:.3f} to {high:.3f})" if low == low else ""


def _segment(
    network: nn.Module, recipe: Recipe, scored: Scored, device: torch.device, mirror: bool | None
) -> NDArray[Any]:
    """Segment as in use; gives class values, TYX or ZYX."""
    plan = plan_for(scored.image, recipe, Options(frames=scored.frames, mirror=mirror))
    forward = Forward(network, device, recipe.kind)
    settings = Settings(str(device), window=plan.window)
    steps = plan.steps(forward, settings, CancelToken(), plan.finals.start)
    return np.concatenate([step.final.labels for step in steps if step.final is not None])
