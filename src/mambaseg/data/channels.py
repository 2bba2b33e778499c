"""Several images as the channels of one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import ArrayLike, MedicalImage

__all__ = ["arranged", "combine_channels", "guess_channels"]

_AXES = {"T": "frames in time", "Z": "slices along z", "Y": "rows along y", "X": "columns along x"}
_SYNONYMS = (
    {"t1ce", "t1c", "t1gd", "t1contrast", "t1post"},
    {"t1", "t1n", "t1pre"},
    {"t2", "t2w"},
    {"flair", "t2f", "t2flair"},
)
"""Names of one sequence: BraTS before and after 2023, and what is common beside them."""
_ORDER = re.compile(r"_(\d{4})$")


class _Stack:
    """Arrays of one channel each that are indexed as one; read when they are indexed."""

    def __init__(self, arrays: Sequence[ArrayLike]) -> None:
        self._arrays = arrays
        self.shape = (len(arrays), *arrays[0].shape[1:])
        self.ndim = len(self.shape)
        self.dtype = np.result_type(*(array.dtype for array in arrays))

    def __getitem__(self, key: Any) -> NDArray[Any]:
        channel, *rest = key if isinstance(key, tuple) else (key,)
        if channel is Ellipsis:
            channel, rest = slice(None), [Ellipsis, *rest]
        if not isinstance(channel, slice):
            return np.asarray(self._arrays[channel][(0, *rest)], self.dtype)
        chosen = [np.asarray(array[(0, *rest)]) for array in self._arrays[channel]]
        return np.stack(chosen).astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


def combine_channels(images: Mapping[str, MedicalImage]) -> MedicalImage:
    """Make one image of several.

    Parameters
    ----------
    images : mapping of str to MedicalImage
        Each channel's name, in order, and an image of one channel.

    Returns
    -------
    MedicalImage
        Placed as the first; its channels are read when they are asked for.

    Raises
    ------
    UnsupportedImageError
        If one has several channels, or they lie on different grids.
    """
    first = next(iter(images.values()))
    for name, image in images.items():
        if image.array.shape[0] != 1:
            raise UnsupportedImageError(
                f"{image.source or name} has {image.array.shape[0]} channels, but the channel "
                f"{name!r} needs an image of one: choose another file or layer for it."
            )
        _check_same_grid(first, image)
    if len(images) == 1:
        return replace(first, channel_names=tuple(images))
    notes = tuple(dict.fromkeys(note for image in images.values() for note in image.notes))
    stack = _Stack([image.array for image in images.values()])
    return MedicalImage(stack, first.axes, first.geometry, tuple(images), first.source, notes)


def _check_same_grid(first: MedicalImage, other: MedicalImage) -> None:
    a, b = first.source or "the first image", other.source or "another one"
    if first.axes != other.axes:
        raise UnsupportedImageError(
            f"{b} is a single {other.kind} ({other.axes}), but {a} is a single {first.kind} "
            f"({first.axes}): the channels of one image must be of one kind."
        )
    for axis, n, m in zip(first.axes, first.array.shape, other.array.shape, strict=True):
        if axis != "C" and n != m:
            raise UnsupportedImageError(
                f"{b} has {m} {_AXES[axis]}, but {a} has {n}: the channels of one image must lie "
                "on one grid. Resample one onto the other."
            )
    here, there = first.geometry, other.geometry
    if here.spacing_mm and there.spacing_mm:
        spatial = [axis for axis in "ZYX" if axis in first.axes]
        for axis, p, q in zip(spatial, here.spacing_mm, there.spacing_mm, strict=True):
            if not np.isclose(p, q, rtol=1e-3):
                raise UnsupportedImageError(
                    f"{b} has a spacing of {q:.4g} mm along {axis.lower()}, but {a} has {p:.4g} "
                    "mm: the channels of one image must lie on one grid. Resample one of them."
                )
    if (
        here.direction
        and there.direction
        and not np.allclose(here.direction, there.direction, atol=1e-3)
    ):
        raise UnsupportedImageError(
            f"The axes of {b} point elsewhere in the patient than those of {a}: the channels of "
            "one image must lie on one grid. Resample one onto the other."
        )
    if here.origin_mm and there.origin_mm:
        nearest = min(here.spacing_mm or (1.0,))
        for axis, p, q in zip("xyz", here.origin_mm, there.origin_mm, strict=True):
            if abs(p - q) > 0.1 * nearest:
                raise UnsupportedImageError(
                    f"{b} begins at {axis} = {q:.4g} mm in the patient, but {a} at {p:.4g} mm: the "
                    "channels of one image must lie on one grid. Resample one onto the other."
                )


def arranged(image: MedicalImage, channels: Sequence[str]) -> MedicalImage:
    """Bring an image's channels into a network's order, where their names are the network's."""
    if image.channel_names == tuple(channels) or set(image.channel_names) != set(channels):
        return image
    if len(image.channel_names) != len(channels):
        return image
    order = [image.channel_names.index(name) for name in channels]
    array = _Stack([_one_channel(image.array, index) for index in order])
    return replace(image, array=array, channel_names=tuple(channels))


def _one_channel(array: ArrayLike, index: int) -> ArrayLike:
    chosen: ArrayLike = array[index : index + 1]
    return chosen


def guess_channels(names: Sequence[str], channels: Sequence[str]) -> dict[str, int] | None:
    """Guess which of several names is which channel.

    Parameters
    ----------
    names : sequence of str
        Names of files without suffix, or of layers.
    channels : sequence of str
        Names of the channels that a network takes, in order.

    Returns
    -------
    dict of str to int, or None
        Place in `names` of each channel; None where it is not clear for all.
        A name says its channel by a word of its own (BraTS's "case_t1ce"), or by
        nnU-Net's number at its end ("case_0000").
    """
    numbers = [_ORDER.search(name) for name in names]
    if all(numbers):
        places = {int(found[1]): place for place, found in enumerate(numbers) if found}
        if set(range(len(channels))) <= places.keys():
            return {channel: places[index] for index, channel in enumerate(channels)}
    guessed: dict[str, int] = {}
    for channel in channels:
        known = _meanings(channel)
        fitting = [place for place, name in enumerate(names) if known & _words(name)]
        if len(fitting) != 1 or fitting[0] in guessed.values():
            return None
        guessed[channel] = fitting[0]
    return guessed


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower()))


def _meanings(channel: str) -> set[str]:
    word = re.sub(r"[^a-z0-9]", "", channel.lower())
    return next((names for names in _SYNONYMS if word in names), {word})
