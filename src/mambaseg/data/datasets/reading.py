"""A case's image and mask, on one grid and in the data set's classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.channels import open_channels
from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.frame_folders import image_files, read_frame_folder
from mambaseg.data.label_numbers import read_numbers
from mambaseg.data.readers import in_memory, open_image
from mambaseg.data.segmentation_record import binary_as_class
from mambaseg.data.segmentations import read_segmentation
from mambaseg.data.still_images import read_pixels
from mambaseg.types.errors import DataSetError
from mambaseg.types.image import MedicalImage

__all__ = ["open_case_image", "read_case", "read_case_labels"]

_LOSSY = (".jpg", ".jpeg")


def open_case_image(case: Case, dataset: DataSet) -> MedicalImage:
    """Open a case's image by its headers.

    Raises
    ------
    MambasegError
        If it cannot be read, or its channels do not lie on one grid.
    """
    names = dataset.channels
    if case.labels.lower().endswith(".nrrd") and case.images[0].lower().endswith(".nrrd"):
        mask = read_segmentation(case.labels)
        if mask.axes == "TYX":  # as our stores keep clips, which other programs take for volumes
            image = open_channels(case.images, names)
            return replace(image, axes="CTYX", geometry=mask.geometry)
    if len(case.images) > 1:
        return open_channels(case.images, names)
    path = case.images[0]
    image = read_frame_folder(Path(path), path) if Path(path).is_dir() else open_image(path)
    if image.axes == "CTZYX" and names and len(names) == image.array.shape[1] > 1:
        # The Decathlon keeps channels where NIfTI has time.
        array = np.asarray(image.array[:])[0]
        geometry = replace(image.geometry, frame_times_s=None)
        return replace(
            image, array=array, axes="CZYX", geometry=geometry, channel_names=names, notes=()
        )
    if names and len(names) == image.array.shape[0]:
        return replace(image, channel_names=names)
    return image


def read_case(case: Case, dataset: DataSet) -> tuple[MedicalImage, NDArray[np.uint8]]:
    """Read a case.

    Returns
    -------
    image : MedicalImage
        In memory, but for a film.
    labels : ndarray of uint8
        Its axes without the channel; class values, with `dataset.ignore` where nothing is
        annotated. A frame without a mask is not annotated: 255 unless the data set says so.

    Raises
    ------
    DataSetError
        If image and mask differ in size.
    MambasegError
        If a file cannot be read.
    """
    image = in_memory(open_case_image(case, dataset))
    return image, read_case_labels(case, dataset, tuple(image.array.shape[1:]))


def read_case_labels(
    case: Case, dataset: DataSet, shape: tuple[int, ...] | None = None
) -> NDArray[np.uint8]:
    """Read a case's mask alone; as of `read_case`.

    Parameters
    ----------
    shape : tuple of int, optional
        The image's, without the channel, which the mask's must equal.
    """
    path = Path(case.labels)
    if path.is_dir():
        labels = _clip_labels(case, path)
    elif path.suffix.lower() in _LOSSY:
        labels = _one_mask(path)
    else:
        labels = np.asarray(read_segmentation(case.labels).labels)
    if shape is not None and labels.shape != shape:
        raise DataSetError(
            f"The image {case.images[0]} is {_by(shape)}, but its mask {case.labels} is "
            f"{_by(labels.shape)}: give the mask that belongs to it."
        )
    if dataset.stored:
        table = np.arange(256, dtype=np.uint8)
        table[list(dataset.stored)] = list(dataset.stored.values())
        labels = table[labels]
    return labels.astype(np.uint8, copy=False)


def _clip_labels(case: Case, folder: Path) -> NDArray[np.uint8]:
    """Labels of every frame; 255 where a frame has no mask."""
    frames = image_files(Path(case.images[0]))
    masks = {file.stem: file for file in image_files(folder)}
    found = {stem: _numbers(file) for stem, file in masks.items()}
    first = next(iter(found.values()), None)
    if first is None:
        raise DataSetError(f"{folder} holds no masks; one for each frame was expected.")
    for stem, mask in found.items():
        if mask.shape != first.shape:
            raise DataSetError(
                f"{masks[stem]} is {_by(mask.shape)}, but other masks of {folder} are "
                f"{_by(first.shape)}: mend it."
            )
    known = binary_as_class(np.stack(list(found.values())))
    rows = dict(zip(found, known, strict=True))
    missing = np.full(first.shape, 255, np.uint8)
    return np.stack([rows.get(frame.stem, missing) for frame in frames]).astype(np.uint8)


def _numbers(file: Path) -> NDArray[np.uint8]:
    if file.suffix.lower() in _LOSSY:
        return _one_mask(file)
    numbers: NDArray[np.uint8] = np.asarray(read_numbers(file).array)[0]
    return numbers


def _one_mask(file: Path) -> NDArray[np.uint8]:
    """Take a JPEG for a mask of one class: its numbers are not kept exactly."""
    grey = read_pixels(file).mean(axis=-1)
    mask: NDArray[np.uint8] = (grey > 127).astype(np.uint8)
    return mask


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
