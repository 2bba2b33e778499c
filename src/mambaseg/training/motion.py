"""Smooth motion that makes a clip of a still image."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["moving_clip"]

_KNOTS = 5
_LONGEST_PERIOD = 4.0
"""Of the motion, in clips; the shortest is one clip."""


def moving_clip(
    frame: Tensor, labels: Tensor, length: int, motion: float, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Let a still image move as tissue under a probe does.

    Every point goes along an ellipse of its own, all with the same period; neighbouring points
    go alike.

    Parameters
    ----------
    frame : Tensor, shape (C, 1, y, x)
    labels : Tensor, shape (1, 1, y, x)
        Class values.
    length : int
        Number of frames.
    motion : float
        Largest displacement, as a fraction of the frame.
    random : numpy.random.Generator

    Returns
    -------
    Tensor, shape (C, length, y, x)
    Tensor, shape (1, length, y, x)
        The class values, moved alike. What comes in from outside repeats the border.
    """
    size = frame.shape[-2:]
    knots = torch.from_numpy(random.uniform(-1, 1, (2, 2, _KNOTS, _KNOTS))).float()
    cosine, sine = F.interpolate(knots, size, mode="bicubic", align_corners=True)
    phase = random.uniform(0, 2 * math.pi)
    turn = 2 * math.pi / random.uniform(1, _LONGEST_PERIOD)
    angles = torch.linspace(phase, phase + turn, length)[:, None, None, None]
    # A grid's coordinates go from -1 to 1 over the frame.
    displacement = 2 * motion * random.uniform() * (cosine * angles.cos() + sine * angles.sin())
    rest = F.affine_grid(torch.eye(2, 3)[None], [1, 1, *size], align_corners=False)
    grid = rest + displacement.movedim(1, -1)

    def moved(x: Tensor, mode: str) -> Tensor:
        still = x.transpose(0, 1).expand(length, -1, -1, -1)
        return F.grid_sample(
            still, grid, mode=mode, padding_mode="border", align_corners=False
        ).transpose(0, 1)

    return moved(frame, "bilinear"), moved(labels, "nearest")
