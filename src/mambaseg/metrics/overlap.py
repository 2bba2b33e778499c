"""Overlap of a mask with a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError
from mambaseg.types.labels import LabelSet
from mambaseg.types.segmentation import Segmentation

__all__ = ["Row", "evaluate"]

_MEASURES: dict[str, Callable[[int, int, int], float]] = {
    "Dice": lambda both, found, true: 2 * both / (found + true),
    "Jaccard": lambda both, found, true: both / (found + true - both),
    "Precision": lambda both, found, true: both / found,
    "Recall": lambda both, found, true: both / true,
}
"""From the numbers of pixels in both masks, in the prediction and in the reference."""


@dataclass(frozen=True)
class Row:
    """One value of one measure: the line of a table.

    Parameters
    ----------
    frame : int or None
        Frame of a clip; None for a still image or a volume.
    class_name, measure, unit : str
        `unit` is "" for a ratio.
    value : float
        Of the measure.
    """

    frame: int | None
    class_name: str
    measure: str
    value: float
    unit: str = ""


def evaluate(
    prediction: Segmentation, reference: Segmentation, *, frames: Iterable[int] | None = None
) -> list[Row]:
    """Compare a mask with a reference, class by class and frame by frame.

    Dice is 2 |P & R| / (|P| + |R|) (Dice 1945), Jaccard |P & R| / |P or R|
    (Jaccard 1912), precision |P & R| / |P| and recall |P & R| / |R|, over the
    pixels of a frame that are annotated, that is, whose reference is not
    `label_set.ignore`. All are 1 where prediction and reference are empty, and
    0 where one of them is.

    Parameters
    ----------
    prediction, reference : Segmentation
        Of equal axes and shape. The reference's classes are measured.
    frames : iterable of int, optional
        Frames to compare; None: all. Frames without annotation give no rows.

    Returns
    -------
    list of Row
        Ordered by frame, class, measure.

    Raises
    ------
    UnsupportedImageError
        If the masks' shapes differ.
    InvalidOptionError
        If a frame does not exist.
    """
    if prediction.axes != reference.axes or prediction.labels.shape != reference.labels.shape:
        raise UnsupportedImageError(
            f"The prediction has the shape {prediction.labels.shape} ({prediction.axes}) and the "
            f"reference {reference.labels.shape} ({reference.axes}): compare masks of one image."
        )
    timed = "T" in reference.axes
    chosen: Iterable[int | None] = [None]
    if timed:
        n_frames = reference.labels.shape[0]
        chosen = range(n_frames) if frames is None else list(frames)
        if any(frame not in range(n_frames) for frame in chosen):
            raise InvalidOptionError(
                f"Frames {chosen} were asked for, but the masks have 0 to {n_frames - 1}."
            )
    rows: list[Row] = []
    for frame in chosen:
        key = slice(None) if frame is None else frame
        found, true = np.asarray(prediction.labels[key]), np.asarray(reference.labels[key])
        annotated = true != reference.label_set.ignore
        if annotated.any():
            rows += _rows(frame, found[annotated], true[annotated], reference.label_set)
    return rows


def _rows(
    frame: int | None, found: NDArray[Any], true: NDArray[Any], classes: LabelSet
) -> Iterator[Row]:
    for label in classes.classes:
        masks = found == label.value, true == label.value
        both = int(np.count_nonzero(masks[0] & masks[1]))
        sizes = [int(np.count_nonzero(mask)) for mask in masks]
        for measure, compute in _MEASURES.items():
            value = compute(both, *sizes) if all(sizes) else float(not any(sizes))
            yield Row(frame, label.name, measure, value)
