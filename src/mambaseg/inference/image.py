"""Pictures, one after another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from mambaseg.data.preprocessing import network_frames
from mambaseg.data.window import GreyWindow
from mambaseg.inference.classes import labels_from_probabilities, probabilities_of
from mambaseg.inference.events import CancelToken
from mambaseg.inference.logits import segmentation_logits
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import ImageInput
from mambaseg.types.recipe import Recipe

__all__ = ["predict_pictures"]


def predict_pictures(
    image: MedicalImage,
    network: nn.Module,
    recipe: Recipe,
    *,
    frames: range,
    device: torch.device,
    cancel: CancelToken,
) -> Iterator[tuple[range, NDArray[np.uint8]]]:
    """Segment frames of a clip, each by itself, with a network for pictures.

    Parameters
    ----------
    image : MedicalImage
        Axes "CTYX"; a still image is a clip of one frame.
    network : Module
        Takes pictures (B, C, y, x).
    recipe : Recipe
        Whose input is an ImageInput.

    Yields
    ------
    frames : range
        The frame that is done.
    labels : ndarray, shape (1, Y, X), uint8
        Its class values on the image's own grid.

    Raises
    ------
    Cancelled
        Ahead of a frame, once `cancel` asks for it.
    MambasegError
        If the network's output is not finite.
    """
    assert isinstance(recipe.input, ImageInput)  # noqa: S101 - the plan chose by it
    window = GreyWindow.of(image)
    for frame in frames:
        cancel.check()
        x = network_frames(image.frames(frame, frame + 1), window, recipe, recipe.input.size)
        with torch.inference_mode():
            logits = segmentation_logits(network, x.to(device), "image").float()
            probabilities = F.interpolate(
                probabilities_of(logits, recipe),
                image.spatial_shape,
                mode="bilinear",
                align_corners=False,
            )
            labels = labels_from_probabilities(probabilities, recipe)
        yield range(frame, frame + 1), labels
