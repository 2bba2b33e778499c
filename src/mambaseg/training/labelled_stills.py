"""Still images with their masks, checked against each other and against the Recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data import read_image
from mambaseg.data.fitting import as_clip, check_fits
from mambaseg.data.index_png import read_index_png
from mambaseg.data.preprocessing import resized_frames
from mambaseg.data.window import GreyWindow
from mambaseg.training.look_alikes import group_look_alikes, hold_out_groups
from mambaseg.training.scored_frames import ScoredFrames
from mambaseg.types.errors import TrainingError
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation
from mambaseg.types.training_config import LabelledStills

__all__ = ["OpenStills"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True, eq=False)
class OpenStills:
    """Open still images, their masks, and which train and are held out.

    Parameters
    ----------
    recipe : Recipe
    images : list of MedicalImage
        Each a clip (CTYX) of one frame.
    masks : list of ndarray, shape (Y, X), uint8
        Class values.
    held_out : list of int
        Which of them train nothing.
    """

    recipe: Recipe
    images: list[MedicalImage]
    masks: list[NDArray[np.uint8]]
    held_out: list[int]

    unit: ClassVar[str] = "images"

    @classmethod
    def open(cls, stills: LabelledStills, recipe: Recipe, folder: Path, seed: int) -> Self:
        """Open what a configuration names, before any time is spent on it.

        Parameters
        ----------
        stills : LabelledStills
        recipe : Recipe
            Of the network that will learn from them.
        folder : Path
            Folder that relative paths start from.
        seed : int
            Of the split.

        Raises
        ------
        TrainingError
            If there are no images, a mask holds other classes than the Recipe, or the split
            leaves one side empty.
        MambasegError
            If a file is missing or cannot be read.
        """
        images, masks = [], []
        for file in _image_files(folder / stills.images):
            image = as_clip(read_image(file))
            check_fits(image, recipe)
            mask_file = folder / stills.masks / f"{file.stem}.png"
            mask = read_index_png(mask_file, image.spatial_shape)
            unknown = set(np.unique(mask).tolist()) - {0, *recipe.labels}
            if unknown:
                raise TrainingError(
                    f"{mask_file} holds the values {sorted(unknown)}, but the Recipe's are 0 and "
                    f"{recipe.labels}: make them agree."
                )
            images.append(image)
            masks.append(mask)
        frames = [_frames(image, recipe) for image in images]
        groups = group_look_alikes(frames, stills.look_alike)
        held_out = hold_out_groups(groups, stills.held_out, seed)
        if not held_out:
            raise TrainingError(
                f"None of the {len(images)} images in {folder / stills.images} can be held out: "
                f"at most {stills.held_out:.0%} are to be, and look-alikes stay together. Raise "
                "held_out or look_alike, or add images."
            )
        return cls(recipe, images, masks, held_out)

    def training_tensors(self) -> list[tuple[Tensor, Tensor]]:
        """Give each training image, (C, 1, y, x) from 0 to 1, and its class values, (1, 1, y, x).

        Both are float32 and at the network's size.
        """
        found = []
        for number in sorted(set(range(len(self.images))) - set(self.held_out)):
            mask = torch.from_numpy(self.masks[number]).float()[None, None]
            labels = F.interpolate(mask, self.recipe.video.size, mode="nearest-exact")
            found.append((_frames(self.images[number], self.recipe), labels))
        return found

    def scored_frames(self) -> Iterator[ScoredFrames]:
        """Give what is held out, one image after the other."""
        for number in self.held_out:
            labels = self.masks[number][None]
            reference = Segmentation(labels, "TYX", self.recipe.label_set)
            yield ScoredFrames(self.images[number], range(1), [0], reference)


def _image_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}: mend `images` in the configuration.")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise TrainingError(
            f"{folder} holds no images ({', '.join(sorted(_SUFFIXES))}): mend `images` in the "
            "configuration."
        )
    return files


def _frames(image: MedicalImage, recipe: Recipe) -> Tensor:
    """Give the network's input ahead of normalisation, (C, 1, y, x), from 0 to 1."""
    window = GreyWindow.of(image)
    return resized_frames(image.frames(0, 1), window, len(recipe.channels), recipe.video.size)
