"""A clip with its drawn labels, checked against each other and against the Recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from mambaseg.data import DrawnLabels, read_drawn_labels, read_image, sample_path
from mambaseg.data.fitting import check_fits
from mambaseg.data.preprocessing import resized_frames
from mambaseg.data.window import GreyWindow
from mambaseg.training.patches import Volume
from mambaseg.training.scored_frames import Scored
from mambaseg.types.errors import TrainingError
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation
from mambaseg.types.training_data import LabelledClip

__all__ = ["OpenClip"]


@dataclass(frozen=True, eq=False)
class OpenClip:
    """An open clip, its labels, and which of its frames train and are held out.

    Parameters
    ----------
    recipe : Recipe
    image : MedicalImage
        The clip, CTYX.
    drawn : DrawnLabels
        Labels on some of its frames, among them all training frames.
    training, held_out : range
        Frames that share none; some held-out ones have labels.
    """

    recipe: Recipe
    image: MedicalImage
    drawn: DrawnLabels
    training: range
    held_out: range

    unit: ClassVar[str] = "frames"

    @classmethod
    def open(cls, clip: LabelledClip, recipe: Recipe, folder: Path) -> Self:
        """Open what a configuration names, before any time is spent on it.

        Parameters
        ----------
        clip : LabelledClip
        recipe : Recipe
            Of the network that will learn from it.
        folder : Path
            Folder that relative paths start from.

        Raises
        ------
        TrainingError
            If the labels are not the clip's, not the Recipe's, or missing.
        MambasegError
            If a file cannot be read.
        """
        path = _resolve(clip.image, folder)
        image, drawn = read_image(path), read_drawn_labels(_resolve(clip.labels, folder))
        check_fits(image, recipe)
        if drawn.image_size != image.spatial_shape:
            raise TrainingError(
                f"{clip.labels} is drawn on frames of {drawn.image_size}, but {clip.image} has "
                f"{image.spatial_shape}: give the labels that belong to the clip."
            )
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != drawn.image_sha256:
            raise TrainingError(
                f"{clip.labels} is drawn on another file than {clip.image}, by its SHA-256: "
                "give the labels that belong to the clip."
            )
        unknown = drawn.label_set.names.items() - recipe.labels.items()
        if unknown:
            raise TrainingError(
                f"{clip.labels} holds the classes {dict(unknown)}, but the Recipe's are "
                f"{recipe.labels}: make values and names agree."
            )
        training, held_out = range(*clip.train_frames), range(*clip.held_out_frames)
        opened = cls(recipe, image, drawn, training, held_out)
        opened._check_frames(clip)
        return opened

    def _check_frames(self, clip: LabelledClip) -> None:
        last = self.image.n_frames - 1
        for name, frames in (("train_frames", self.training), ("held_out_frames", self.held_out)):
            if frames[-1] > last:
                raise TrainingError(
                    f"{name} of {clip.image} are {frames[0]} to {frames[-1]}, but it has the "
                    f"frames 0 to {last}: mend {name}."
                )
        missing = sorted(set(self.training) - set(self.drawn.frame_indices))
        if missing:
            raise TrainingError(
                f"{clip.labels} has no labels on the training frames {missing} of {clip.image}: "
                "draw them, or mend train_frames."
            )
        if not self.labelled_held_out:
            raise TrainingError(
                f"{clip.labels} has no labels on any held-out frame of {clip.image} "
                f"({self.held_out[0]} to {self.held_out[-1]}): draw some, or mend held_out_frames."
            )

    @property
    def training_names(self) -> list[str]:
        """The frames that train."""
        return [f"{Path(self.image.source).name} {self.training.start} to {self.training.stop - 1}"]

    @property
    def held_out_names(self) -> list[str]:
        """The frames that are held out."""
        return [f"{Path(self.image.source).name} {self.held_out.start} to {self.held_out.stop - 1}"]

    @property
    def labelled_held_out(self) -> list[int]:
        """Held-out frames that have labels."""
        return [frame for frame in self.held_out if frame in set(self.drawn.frame_indices)]

    def labels(self, frames: Iterable[int]) -> Segmentation:
        """Labels of some frames at the clip's own size, TYX."""
        masks = np.stack([self.drawn.mask(frame) for frame in frames])
        return Segmentation(masks, "TYX", self.drawn.label_set)

    def training_tensors(self) -> list[tuple[Tensor, Tensor]]:
        """Give the training frames, (C, T, y, x) from 0 to 1, and class values, (1, T, y, x).

        Both are float32 and at the network's size.
        """
        size = self.recipe.video.size
        frames = resized_frames(
            self.image.frames(self.training.start, self.training.stop),
            GreyWindow.of(self.image),
            len(self.recipe.channels),
            size,
        )
        labels = torch.from_numpy(np.asarray(self.labels(self.training).labels)).float()[None]
        # Nearest, so that class values stay class values.
        return [(frames, torch.nn.functional.interpolate(labels, size, mode="nearest-exact"))]

    def volume_readers(self) -> list[Callable[[], Volume]]:
        """Give none: a clip is no volume."""
        return []

    def scored(self, most: int | None = None) -> Iterator[Scored]:
        """Give what is held out, in one stretch; it is one case."""
        labelled = self.labelled_held_out
        name = Path(self.image.source).name
        yield Scored(self.image, self.labels(labelled), self.held_out, labelled, name)


def _resolve(reference: str, folder: Path) -> Path:
    """Path of "sample:NAME", or of a path relative to the configuration's folder."""
    scheme, _, name = reference.partition(":")
    return sample_path(name) if scheme == "sample" else folder / reference
