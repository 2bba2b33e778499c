"""What the whole story is told with: a clip in a file, and a model that draws too large on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from films import encode
from scipy.ndimage import binary_dilation
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate
from verified import disc_film, nodule_model

from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import load_network, write_model

N_FRAMES = 30
RADIUS = 18
_STEPS, _RATE, _TOO_LARGE_BY = 40, 6e-3, 11


def disc_clip() -> tuple[np.ndarray, np.ndarray]:
    """The disc of `disc_film`, twice as large: frames (T, Y, X, C) and masks (T, Y, X)."""
    film, masks = disc_film(N_FRAMES)
    frames = np.moveaxis(np.asarray(film.array), 0, -1)
    wide = np.pad(frames, ((0, 0), (0, 0), (0, 4), (0, 0)), "edge")
    true = np.pad(masks.labels, ((0, 0), (0, 0), (0, 4)))
    return tuple(one.repeat(2, axis=1).repeat(2, axis=2) for one in (wide, true))


def write_clip(path: Path) -> Path:
    """Write the clip as a film that loses nothing."""
    return encode(path, iter(disc_clip()[0]), "ffv1", b_frames=0)


def generous_model(folder: Path) -> TrainedModel:
    """A network, taught for some seconds to find the disc, but with much around it."""
    model = nodule_model(folder)
    network, size = load_network(model).train(), model.recipe.video.size
    frames, true = disc_clip()
    large = np.stack([binary_dilation(mask, iterations=_TOO_LARGE_BY) for mask in true])
    scaled = torch.from_numpy(np.moveaxis(frames, -1, 0) / 255 - 0.5).float() / 0.25
    pictures, wanted = (
        interpolate(one, size, mode="area")
        for one in (scaled, torch.from_numpy(large)[None].float())
    )
    weights = [one for one in network.parameters() if one.requires_grad]
    for step in range(_STEPS):
        some = slice(first := step * 7 % (N_FRAMES - 2), first + 3)
        logits = network(pictures[None, :, some])
        target = wanted[None, :, some].reshape(logits.shape)
        found = logits.sigmoid()
        overlap = 2 * (found * target).sum() / (found.sum() + target.sum())
        loss = binary_cross_entropy_with_logits(logits, target) - overlap
        # By hand, for torch's optimizers load Triton, which does not bear Mesa beside it.
        slopes = torch.autograd.grad(loss, weights, allow_unused=True)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                if slope is not None:
                    weight -= _RATE * (1 - step / _STEPS) * slope.sign()
    return write_model(
        model.path, network.state_dict(), name=model.name, recipe=model.recipe, card=model.card
    )
