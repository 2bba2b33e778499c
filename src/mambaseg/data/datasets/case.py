"""What a data set lists: cases of image files with a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Case", "DataSet"]


@dataclass(frozen=True)
class Case:
    """An image and its mask.

    Parameters
    ----------
    name : str
        Unique in its data set.
    images : tuple of str
        Paths, as `mambaseg.data.read_image` takes them: one for each channel, or a
        single one with all channels; a folder of frames for a clip.
    labels : str
        Path of the mask; a folder of masks, named as the frames, for a clip.
    group : str
        The patient or recording: cases of one group belong on one side of a split.
    held_out : bool or None
        Whether the data set's own split keeps it from training; None where it has none.
    """

    name: str
    images: tuple[str, ...]
    labels: str
    group: str
    held_out: bool | None = None


@dataclass(frozen=True)
class DataSet:
    """The cases of a folder.

    Parameters
    ----------
    path : Path
    layout : str
        What it was taken for, in words.
    cases : tuple of Case
        Sorted by name.
    channels : tuple of str or None
        Names of the channels; None: those that the files have.
    classes : mapping of int to str, or None
        Names by value, background left out; None where the folder names none: then the
        values that occur are the classes.
    ignore : int or None
        Value in the files for "not annotated".
    stored : mapping of int to int
        Values in the files that stand for another class value, such as BraTS's 4 for 3.
    incomplete : tuple of str
        Images without a mask and masks without an image, one sentence each.
    """

    path: Path
    layout: str
    cases: tuple[Case, ...]
    channels: tuple[str, ...] | None = None
    classes: Mapping[int, str] | None = None
    ignore: int | None = None
    stored: Mapping[int, int] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()

    @property
    def has_split(self) -> bool:
        """Whether it says itself which cases are held out, and holds both kinds."""
        return {case.held_out for case in self.cases} == {True, False}
