"""From class values to what logits are compared with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.types.network_output import Regions
from mambaseg.types.recipe import Recipe

__all__ = ["IGNORED", "at_size", "masked_target", "one_hot"]

IGNORED = -1.0
"""Label of an element that is not annotated, in training tensors."""


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


def masked_target(labels: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Give the target (B, K, ...), all 0 where the labels are `IGNORED`, and 1 where they are not.

    Returns
    -------
    Tensor, shape (B, K, ...)
    Tensor, shape (B, 1, ...)
        Of 0 and 1: which elements are annotated, and so count in a loss.
    """
    known = (labels != IGNORED).float()
    return one_hot(labels.masked_fill(known == 0, 0), recipe) * known, known


def at_size(labels: Tensor, size: torch.Size) -> Tensor:
    """Class values at the size of logits of deep supervision; the nearest ones."""
    if labels.shape[2:] == size:
        return labels
    return F.interpolate(labels, tuple(size), mode="nearest-exact")
