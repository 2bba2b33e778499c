"""What is asked of masks before they go into a store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mambaseg.corrections.dataset_file import FILE_NAME as DATASET
from mambaseg.corrections.dataset_file import DatasetFile
from mambaseg.data import base_name
from mambaseg.data.segmentation_record import label_block
from mambaseg.types.errors import StoreError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

__all__ = ["check_folder", "check_masks", "check_same", "existing", "slug"]


def check_folder(path: Path) -> None:
    """Refuse to begin a store in a folder that holds something else."""
    if not path.is_dir() or any((path / name).exists() for name in (DATASET, "imagesTr")):
        return
    others = sorted(file.name for file in path.iterdir() if not file.name.startswith("."))
    if others:
        raise StoreError(
            f"{path} holds {others[0]!r} and is no store of corrections: choose a folder that is "
            "new or empty to begin one."
        )


def check_same(path: Path, content: DatasetFile, wanted: DatasetFile) -> None:
    """Refuse other classes or channels than those of a store."""
    if content.label_set.names != wanted.label_set.names:
        raise StoreError(
            f"{path} holds the classes {content.label_set.names}, but these masks have "
            f"{wanted.label_set.names}: keep them in another folder."
        )
    if content.channel_names != wanted.channel_names:
        raise StoreError(
            f"{path} holds images with the channels {content.channel_names}, but this one "
            f"has {wanted.channel_names}: keep it in another folder."
        )


def slug(source: str) -> str:
    """Turn an image's source into a word for file names."""
    name = re.sub("[^A-Za-z0-9]+", "-", base_name(source) if source else "").strip("-")
    return name[:40].strip("-") or "clip"


def existing(frames: Iterable[int], n_frames: int) -> list[int]:
    """Sort frames, and refuse those that a clip does not have."""
    chosen = sorted(set(frames))
    if not chosen or chosen[0] < 0 or chosen[-1] >= n_frames:
        raise StoreError(
            f"Frames {chosen} were asked for, but the clip has the frames 0 to {n_frames - 1}: "
            "choose from them."
        )
    return chosen


def check_masks(
    image: MedicalImage, segmentation: Segmentation, frames: Iterable[int]
) -> tuple[list[int], NDArray[np.uint8]]:
    """Frames to verify and their labels, once they are known to fit."""
    what = image.source or "the image"
    if image.axes not in ("CTYX", "CZYX"):
        raise StoreError(
            f"A store of corrections keeps clips (CTYX) and volumes (CZYX), but {what} is "
            f"{image.axes}: a still image is kept as a clip of one frame."
        )
    if segmentation.axes != image.axes[1:] or segmentation.labels.shape != image.array.shape[1:]:
        raise StoreError(
            f"The masks have the shape {segmentation.labels.shape} ({segmentation.axes}), but "
            f"{what} needs {image.array.shape[1:]} ({image.axes[1:]}): give the clip's own masks."
        )
    chosen = existing(frames, image.array.shape[1])
    masks = np.stack([label_block(segmentation.labels[i], Path(what)) for i in chosen])
    classes = segmentation.label_set
    for frame, mask in zip(chosen, masks, strict=True):
        strange = set(np.unique(mask).tolist()) - {0, *classes.names, classes.ignore}
        if strange:
            raise StoreError(
                f"The mask of frame {frame} of {what} holds the values {sorted(strange)}, which "
                f"are none of the classes {classes.names}: repaint them."
            )
        if (mask == classes.ignore).all():
            raise StoreError(
                f"Frame {frame} of {what} is not annotated (its mask holds {classes.ignore} "
                "everywhere): draw it, or leave it out."
            )
    return chosen, masks
