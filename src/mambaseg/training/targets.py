"""From class values to what logits are compared with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.types.network_output import Regions
from mambaseg.types.recipe import Recipe

__all__ = ["IGNORED", "agreeing", "at_size", "one_hot"]

IGNORED = -1.0
"""Label of an element that is not annotated, in training tensors."""

_SURE = 30.0
"""A logit whose probability is 0 or 1 in float32, but for 1e-13."""


def one_hot(labels: Tensor, recipe: Recipe) -> Tensor:
    """Class values (B, 1, ...) as one channel for each of the Recipe's logits, (B, K, ...)."""
    if isinstance(recipe.output, Regions):
        sets = [list(region.classes) for region in recipe.output.regions]
    else:
        sets = [[value] for value in recipe.labels]
        if recipe.output.form == "softmax":
            sets.insert(0, [0])
    values = [torch.tensor(one, device=labels.device, dtype=labels.dtype) for one in sets]
    return torch.cat([torch.isin(labels, chosen) for chosen in values], dim=1).float()


def agreeing(logits: Tensor, labels: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Give logits and targets (B, K, ...) that agree wherever the labels are `IGNORED`.

    Such elements add nothing to the loss of any class, and no gradient.
    """
    ignored = labels == IGNORED
    target = one_hot(labels.masked_fill(ignored, 0), recipe)
    sure = 2 * _SURE * target - _SURE
    return torch.where(ignored, sure, logits.float()), target


def at_size(labels: Tensor, size: torch.Size) -> Tensor:
    """Class values at the size of logits of deep supervision; the nearest ones."""
    if labels.shape[2:] == size:
        return labels
    return F.interpolate(labels, tuple(size), mode="nearest-exact")
