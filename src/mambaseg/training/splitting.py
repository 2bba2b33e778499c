"""Which cases of a data set train, and which measure what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from mambaseg.data.datasets import Case, DataSet
from mambaseg.data.datasets.look_alikes import group_look_alikes
from mambaseg.types.errors import TrainingError
from mambaseg.types.training_data import LabelledSet

__all__ = ["hold_out_cases", "hold_out_groups"]

_THUMBNAIL = (32, 32)


def hold_out_cases(
    dataset: DataSet, entry: LabelledSet, seed: int, pictures: Sequence[Tensor] | None = None
) -> list[int]:
    """Choose the cases that train nothing.

    Parameters
    ----------
    dataset : DataSet
        Its own split is taken where it has one.
    entry : LabelledSet
    seed : int
    pictures : sequence of Tensor, shape (C, 1, y, x), optional
        Of all cases, where those that look alike are to stay together.

    Returns
    -------
    list of int
        Ascending.

    Raises
    ------
    TrainingError
        If one side would be empty, or a patient or recording is on both.
    """
    cases = dataset.cases
    if dataset.has_split:
        held_out = [number for number, case in enumerate(cases) if case.held_out]
        _check_apart(dataset, held_out)
        return held_out
    if not entry.held_out:
        return []
    groups = _groups(cases)
    if pictures is not None and entry.look_alike is not None:
        thumbnails = [
            F.interpolate(x.mean(0)[None], _THUMBNAIL, mode="area").flatten().numpy()
            for x in pictures
        ]
        groups = _joined(groups, group_look_alikes(thumbnails, entry.look_alike))
    held_out = hold_out_groups(groups, entry.held_out, seed)
    if not held_out:
        raise TrainingError(
            f"None of the {len(cases)} cases in {dataset.path} can be held out: at most "
            f"{entry.held_out:.0%} are to be, and those of one patient or recording, and "
            "look-alikes, stay together. Raise held_out or look_alike, set held_out to 0 to do "
            "without a score, or add cases."
        )
    return held_out


def hold_out_groups(groups: NDArray[np.int32], fraction: float, seed: int) -> list[int]:
    """Choose whole groups at random, as many cases as `fraction` allows.

    Returns
    -------
    list of int
        The cases that are held out, ascending.
    """
    allowed = fraction * len(groups)
    held_out: list[int] = []
    for group in np.random.default_rng(seed).permutation(np.unique(groups)):
        members = np.flatnonzero(groups == group).tolist()
        if len(held_out) + len(members) <= allowed:
            held_out += members
    return sorted(held_out)


def _groups(cases: Sequence[Case]) -> NDArray[np.int32]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(case.group, len(numbers)) for case in cases], np.int32)


def _joined(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the groups of what is in one group by either of two ways."""
    together = (one[:, None] == one) | (other[:, None] == other)
    groups: NDArray[np.int32] = connected_components(together, directed=False)[1]
    return groups


def _check_apart(dataset: DataSet, held_out: list[int]) -> None:
    sides = [{dataset.cases[i].group for i in held_out}, set[str]()]
    sides[1] = {c.group for i, c in enumerate(dataset.cases) if i not in set(held_out)}
    if both := sorted(sides[0] & sides[1]):
        raise TrainingError(
            f"{both[0]} of {dataset.path} is on both sides of its split: a score would flatter. "
            "Move all of a patient's or recording's images to one side, or give it another name "
            "on one side if these are two; mambaseg data check names them."
        )
