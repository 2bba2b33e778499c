"""The score of a network on what it never saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
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
from mambaseg.metrics import MeasureOptions, Row, evaluate, mean_interval
from mambaseg.training.scored_frames import Scored
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation

__all__ = ["Look", "dice_rows", "mean_dices", "named_scores"]

_DICE = MeasureOptions(measures=("Dice",))

Look = Callable[[Scored, Segmentation, Sequence[Row]], None]
"""Is shown what was scored, the labels found where it has some, and how good they are."""


def dice_rows(
    network: nn.Module,
    recipe: Recipe,
    held_out: Iterable[Scored],
    device: torch.device,
    *,
    mirror: bool | None = None,
    look: Look | None = None,
) -> list[Row]:
    """Dice of each class on each held-out frame, picture or volume.

    They are segmented as in use, at their own size. What is not annotated does not count.

    Parameters
    ----------
    mirror : bool or None
        Whether what the network sees is mirrored too, which takes up to eight times as long; None:
        as the Recipe says.
    look : callable, optional
        Is shown each of them.

    Returns
    -------
    list of Row
        Empty where nothing is held out. A class that nothing held out shows has none: its Dice
        would be 1 or 0 on a pixel's whim.
    """
    rows: list[Row] = []
    shown: set[str] = set()
    for scored in held_out:
        found = _segment(network, recipe, scored, device, mirror)
        if scored.labelled is not None and scored.frames is not None:
            found = found[[frame - scored.frames.start for frame in scored.labelled]]
        prediction = Segmentation(found, scored.reference.axes, recipe.label_set)
        measured = [
            replace(row, frame=_numbered(scored, row.frame))
            for row in evaluate(prediction, scored.reference, options=_DICE, case=scored.case)
        ]
        rows += measured
        if look is not None:
            look(scored, prediction, measured)
        present = set(np.unique(np.asarray(scored.reference.labels)).tolist())
        shown |= {name for value, name in recipe.labels.items() if value in present}
    return [row for row in rows if row.class_name in shown]


def _numbered(scored: Scored, index: int | None) -> int | None:
    return index if index is None or scored.labelled is None else scored.labelled[index]


def _by_class(rows: Iterable[Row]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        values[row.class_name].append(row.value)
    return values


def mean_dices(rows: Iterable[Row]) -> dict[str, float]:
    """Give the mean Dice of each class."""
    return {name: round(mean(dice), 4) for name, dice in _by_class(rows).items()}


def named_scores(rows: Sequence[Row], unit: str) -> dict[str, float]:
    """Give the mean Dice of each class under a name that says of what, as a card has it.

    Parameters
    ----------
    rows : sequence of Row
    unit : str
        "images", "volumes" or "frames"; frames of a clip are alike, so that theirs has no
        interval.
    """
    values = _by_class(rows)
    return {
        f"{name}: mean Dice on {len(values[name])} held-out {unit}"
        + ("" if unit == "frames" else _interval(values[name])): dice
        for name, dice in mean_dices(rows).items()
    }


def _interval(values: list[float]) -> str:
    low, high = mean_interval(np.array(values))
    return f" (95 % interval {low:.3f} to {high:.3f})" if low == low else ""


def _segment(
    network: nn.Module, recipe: Recipe, scored: Scored, device: torch.device, mirror: bool | None
) -> NDArray[Any]:
    """Segment as in use; gives class values, TYX or ZYX."""
    plan = plan_for(scored.image, recipe, Options(frames=scored.frames, mirror=mirror))
    forward = Forward(network, device, recipe.kind, mirror_axes=plan.mirror_axes)
    settings = Settings(str(device), window=plan.window)
    steps = plan.steps(forward, settings, CancelToken(), plan.finals.start)
    return np.concatenate([step.final.labels for step in steps if step.final is not None])
