"""Pictures of the frames on which a mask is worst."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.window import rgb_plane
from mambaseg.metrics import Row
from mambaseg.metrics.difference import AGREEMENT, difference, paint_difference
from mambaseg.metrics.ranking import Ranked
from mambaseg.metrics.report import Picture
from mambaseg.types import MedicalImage, Segmentation

__all__ = ["N_PICTURES", "picture_of", "present"]

N_PICTURES = 9
"""How many a report shows."""

_WIDEST = 640


def present(rows: Iterable[Row]) -> list[Row]:
    """Leave out the rows of classes that neither mask holds: nothing can be bad about them."""
    rows = list(rows)
    absent = {
        (row.case, row.frame, row.class_name)
        for row in rows
        if row.measure == "TP" and row.value == 0
    }
    missed = {
        (row.case, row.frame, row.class_name)
        for row in rows
        if row.measure in ("FP", "FN") and row.value
    }
    nothing = absent - missed
    return [row for row in rows if (row.case, row.frame, row.class_name) not in nothing]


def picture_of(
    found: Segmentation, true: Segmentation, image: MedicalImage | None, ranked: Ranked
) -> Picture:
    """Draw where a mask is wrong, on the image if it fits; of a volume, on the worst slice.

    Parameters
    ----------
    found, true : Segmentation
        On one grid.
    image : MedicalImage or None
        What they are of.
    ranked : Ranked
        The frame or case, and its values for the caption.
    """
    values, ignore = list(true.label_set.names), true.label_set.ignore
    plane = ranked.frame
    if plane is None and true.labels.ndim > 2:
        plane = _worst_plane(found, true, values, ignore)
    masks = [np.asarray(m.labels[:] if plane is None else m.labels[plane]) for m in (found, true)]
    if masks[1].ndim == 3:  # a volume at one time
        middle = masks[1].shape[0] // 2
        masks = [mask[middle] for mask in masks]
    kinds = difference(masks[0], masks[1], values, ignore)
    pixels = paint_difference(_background(image, kinds.shape, plane), kinds)
    step = -(-max(pixels.shape[:2]) // _WIDEST)
    where = {"T": "frame", "Z": "slice"}.get(true.axes[0])
    place = [ranked.case] if ranked.case else []
    place += [f"{where} {plane}"] if plane is not None else []
    told = ", ".join(
        f"{key} {value:.3g}{' ' + ranked.unit if ranked.unit else ''}"
        for key, value in ranked.values.items()
    )
    return Picture(f"{', '.join(place)}: {told}".removeprefix(": "), pixels[::step, ::step])


def _worst_plane(found: Segmentation, true: Segmentation, values: list[int], ignore: int) -> int:
    wrong = []
    for index in range(true.labels.shape[0]):
        masks = np.asarray(found.labels[index]), np.asarray(true.labels[index])
        kinds = difference(*masks, values, ignore)
        wrong.append(int(np.count_nonzero((kinds > 0) & (kinds != AGREEMENT))))
    return int(np.argmax(wrong))


def _background(
    image: MedicalImage | None, shape: tuple[int, ...], plane: int | None
) -> NDArray[np.uint8]:
    """Give the image as a picture; black where there is none that fits."""
    black = np.zeros((*shape, 3), np.uint8)
    if image is None or image.axes == "CTZYX" or tuple(image.array.shape[-2:]) != shape:
        return black
    if (plane or 0) >= (1 if image.axes == "CYX" else image.array.shape[1]):
        return black
    return rgb_plane(image, plane or 0)
