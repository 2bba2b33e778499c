"""From logits to classes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.types.network_output import Regions, Softmax
from mambaseg.types.recipe import Recipe

__all__ = ["labels_from_probabilities", "probabilities_of"]


def probabilities_of(logits: Tensor, recipe: Recipe) -> Tensor:
    """Turn logits (B, K, ...) into probabilities of the same shape, as the Recipe's output says."""
    return logits.softmax(dim=1) if isinstance(recipe.output, Softmax) else logits.sigmoid()


def labels_from_probabilities(probabilities: Tensor, recipe: Recipe) -> NDArray[np.uint8]:
    """Decide on the class of each pixel or voxel.

    Parameters
    ----------
    probabilities : Tensor, shape (B, K, ...)
        K classes, with the background first where the output is Softmax; or K regions.

    Returns
    -------
    ndarray, shape (B, ...), uint8
        Class values; 0 is background.
    """
    output, thresholds = recipe.output, recipe.postprocessing.thresholds
    if isinstance(output, Regions):
        labels = torch.zeros_like(probabilities[:, 0], dtype=torch.uint8)
        channels = {region.name: place for place, region in enumerate(output.regions)}
        for name in output.painted:
            place = channels[name]
            reached = probabilities[:, place] >= thresholds.get(name, output.threshold)
            labels[reached] = output.regions[place].value
        return labels.cpu().numpy()
    values = torch.tensor([0, *recipe.labels], dtype=torch.uint8, device=probabilities.device)
    if thresholds:
        return values[_reaching(probabilities, recipe)].cpu().numpy()
    best, index = probabilities.max(dim=1)
    if not isinstance(output, Softmax):
        index = torch.where(best >= output.threshold, index + 1, 0)
    return values[index].cpu().numpy()


def _reaching(probabilities: Tensor, recipe: Recipe) -> Tensor:
    """Place, from 1 on, of the most probable class that reaches its threshold, or 0."""
    output, thresholds = recipe.output, recipe.postprocessing.thresholds
    classes = probabilities[:, 1:] if isinstance(output, Softmax) else probabilities
    counted = torch.empty_like(classes)
    for place, name in enumerate(recipe.labels.values()):
        own = classes[:, place]
        if name in thresholds:
            reached = own >= thresholds[name]
        elif isinstance(output, Softmax):
            reached = own > probabilities[:, 0]
        else:
            reached = own >= output.threshold
        counted[:, place] = torch.where(reached, own, -1.0)
    best, index = counted.max(dim=1)
    return torch.where(best >= 0, index + 1, 0)
