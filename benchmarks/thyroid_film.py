"""The film of SHARED/data/vivim_vtus, one clip of Vivim's thyroid data, and scores on it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.data import read_image
from mambaseg.types import MedicalImage

__all__ = ["mean_dice", "thyroid_film"]


def thyroid_film(shared: Path) -> tuple[MedicalImage, NDArray[np.bool_]]:
    """Give the film, and the true masks (T, Y, X) of its nodule."""
    folder = shared / "data" / "vivim_vtus"
    files = sorted((folder / "Train_GT" / "0002").glob("*.png"))
    true = np.stack([np.asarray(Image.open(file).convert("L")) > 127 for file in files])
    return read_image(folder / "Train" / "0002"), true


def mean_dice(found: NDArray[Any], true: NDArray[Any], shown: Collection[int]) -> float:
    """Over the frames of masks (T, Y, X), 0 or 1, that were not shown."""
    unseen = [frame for frame in range(len(true)) if frame not in shown]
    both = (found & true)[unseen].sum((1, 2))
    sizes = (found.sum((1, 2)) + true.sum((1, 2)))[unseen]
    return float(np.mean(2 * both / np.maximum(sizes, 1)))
