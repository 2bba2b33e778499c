"""Pictures, one after another: resized for the network, or tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.preprocessing import network_frames
from mambaseg.data.window import GreyWindow
from mambaseg.inference.classes import labels_from_probabilities, probabilities_of
from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.inference.events import CancelToken
from mambaseg.inference.forward import Forward
from mambaseg.inference.frame_runs import runs
from mambaseg.inference.homing import labels_at_size
from mambaseg.inference.lookahead import ahead
from mambaseg.inference.settings import Stitching
from mambaseg.inference.stitching import Stitcher
from mambaseg.inference.windows import window_places, window_weights
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import ImageInput
from mambaseg.types.recipe import Recipe

__all__ = ["predict_pictures", "predict_tiled"]


def predict_pictures(
    image: MedicalImage,
    forward: Forward,
    recipe: Recipe,
    *,
    frames: range,
    cancel: CancelToken,
    batch: int = 1,
    skip: frozenset[int] = frozenset(),
    meter: DoubtMeter | None = None,
) -> Iterator[tuple[range, NDArray[np.uint8]]]:
    """Segment frames of a clip, each by itself and resized, with a network for pictures.

    Parameters
    ----------
    image : MedicalImage
        Axes "CTYX"; a still image is a clip of one frame.
    forward : Forward
        Of a network that takes pictures (B, C, y, x).
    recipe : Recipe
        Whose input is an ImageInput.
    batch : int
        Frames that the network sees in one call.
    skip : frozenset of int
        Frames that are not wanted.
    meter : DoubtMeter, optional
        Is told the probabilities.

    Yields
    ------
    frames : range
        The frames that are done.
    labels : ndarray, shape (T, Y, X), uint8
        Their class values on the image's own grid.

    Raises
    ------
    Cancelled
        Ahead of a call of the network, once `cancel` asks for it.
    NotFiniteError
        If the network's output is not finite.
    """
    size = _input(recipe).size
    groups = runs((frame for frame in frames if frame not in skip), longest=batch)
    with closing(ahead(_reader(image, recipe, size, forward), groups)) as read:
        for group, x in read:
            cancel.check()
            probabilities = probabilities_of(forward(x), recipe)
            if meter is not None:
                meter.add(group.start, probabilities)
            yield group, labels_at_size(probabilities, image.spatial_shape, recipe)


def predict_tiled(
    image: MedicalImage,
    forward: Forward,
    recipe: Recipe,
    *,
    frames: range,
    tile: tuple[int, ...],
    cancel: CancelToken,
    batch: int = 1,
    stitching: Stitching = "device",
    skip: frozenset[int] = frozenset(),
    meter: DoubtMeter | None = None,
) -> Iterator[tuple[range, NDArray[np.uint8]]]:
    """Segment frames of a clip, each by itself, in overlapping tiles of its own pixels.

    Parameters and errors are those of `predict_pictures`, and what it yields. Logits
    are averaged over the tiles; a picture smaller than a tile is one tile there.

    Parameters
    ----------
    tile : (int, int)
        (y, x) of a tile, in pixels.
    batch : int
        Tiles that the network sees in one call.
    stitching : {"device", "memory", "disk"}
        Where the tiles' sums lie.
    """
    size = (image.spatial_shape[0], image.spatial_shape[1])
    tile = tuple(map(min, tile, size))
    places = window_places(size, tile, _input(recipe).overlap)
    rows = [list(row) for _, row in groupby(places, lambda place: place[0].start)]
    ends = [row[0][0].start for row in rows[1:]] + [size[0]]
    device = forward.device if stitching == "device" else torch.device("cpu")
    weights = window_weights(tile, "gaussian").to(device)
    singles = runs((frame for frame in frames if frame not in skip), longest=1)
    with closing(ahead(_reader(image, recipe, size, forward), singles)) as read:
        for frame, x in read:
            sums = Stitcher(recipe.out_channels, size[1:], weights, on_disk=stitching == "disk")
            found: list[NDArray[np.uint8]] = []
            thinned = meter.rows(frame.start, size) if meter is not None else None
            for row, end in zip(rows, ends, strict=True):
                for first in range(0, len(row), batch):
                    cancel.check()
                    group = row[first : first + batch]
                    logits = forward(torch.stack([x[0][:, *place] for place in group]))
                    for place, one in zip(group, logits, strict=True):
                        sums.add(place, one)
                for mean in sums.take(end):
                    probabilities = probabilities_of(mean, recipe)
                    found.append(labels_from_probabilities(probabilities, recipe))
                    if thinned is not None:
                        thinned.add(probabilities)
            yield frame, np.concatenate(found)[None]


def _input(recipe: Recipe) -> ImageInput:
    assert isinstance(recipe.input, ImageInput)  # noqa: S101 - the plan chose by it
    return recipe.input


def _reader(
    image: MedicalImage, recipe: Recipe, size: tuple[int, int], forward: Forward
) -> Callable[[range], Tensor]:
    """Give a function that reads frames as the network sees them, shape (T, C, y, x)."""
    window = GreyWindow.of(image)

    def read(frames: range) -> Tensor:
        return network_frames(image.frames(frames.start, frames.stop), window, recipe, size)

    return lambda frames: forward.timed("read", lambda: read(frames))
