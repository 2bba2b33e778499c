"""Millimetres and frame times from a DICOM header, where they can be trusted."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from pydicom.dataset import Dataset

__all__ = ["frame_times", "pixel_spacing"]

_TWO_DIMENSIONAL = 1
_CENTIMETRES = 3
_FRAME_TIME_TAG = 0x00181063


def frame_times(header: Dataset, n_frames: int) -> tuple[tuple[float, ...] | None, str]:
    """Time of each frame in seconds from the first.

    Parameters
    ----------
    header : Dataset
        The elements of a multi-frame file.
    n_frames : int
        Number of its frames.

    Returns
    -------
    times : tuple of float, or None
        From the Frame Time Vector, the Frame Time, the Cine Rate or the
        Recommended Display Frame Rate, in this order; None if none is usable.
    note : str
        Why the times are unknown, or "".
    """
    increments = _numbers(header, "FrameTimeVector")
    if header.get("FrameIncrementPointer") != _FRAME_TIME_TAG and len(increments) == n_frames:
        times = tuple(time / 1000 for time in accumulate((0.0, *increments[1:])))
        if all(earlier < later for earlier, later in pairwise(times)):
            return times, ""
    milliseconds = _number(header, "FrameTime")
    if milliseconds and 0 < milliseconds < float("inf"):
        return tuple(i * milliseconds / 1000 for i in range(n_frames)), ""
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = _number(header, keyword)
        if rate and 0 < rate < float("inf"):
            return tuple(i / rate for i in range(n_frames)), ""
    return None, "The header gives no usable frame time or frame rate, so frame times are unknown."


def pixel_spacing(header: Dataset) -> tuple[tuple[float, float] | None, str]:
    """Distance between pixels along (y, x) in millimetres.

    Ultrasound gives it per region of the picture. A picture that was scaled
    after recording often keeps the regions of the original, so a region that
    does not lie inside the image proves that its calibration is wrong.

    Parameters
    ----------
    header : Dataset
        The elements of an image file.

    Returns
    -------
    spacing_mm : tuple of float, or None
        None where it is unknown.
    note : str
        Why a calibration was not trusted, or "".
    """
    if "SequenceOfUltrasoundRegions" not in header:
        values = _numbers(header, "PixelSpacing")
        if len(values) == 2 and all(0 < value < float("inf") for value in values):
            return (values[0], values[1]), ""
        return None, ""
    spacings: set[tuple[float, float]] = set()
    for region in header.SequenceOfUltrasoundRegions:
        if _number(region, "RegionSpatialFormat") != _TWO_DIMENSIONAL:
            continue
        spacing, problem = _region_spacing(region, header.Rows, header.Columns)
        if spacing is None:
            return None, f"{problem}, so spacing is unknown and no millimetres are given."
        spacings.add(spacing)
    if len(spacings) == 1:
        return spacings.pop(), ""
    if not spacings:
        return None, "The header calibrates no two-dimensional region, so spacing is unknown."
    listed = ", ".join(f"{y:g} x {x:g} mm" for y, x in sorted(spacings))
    return None, f"The header calibrates its regions differently ({listed}): spacing is unknown."


def _region_spacing(
    region: Dataset, rows: int, columns: int
) -> tuple[tuple[float, float] | None, str]:
    x0, x1 = _number(region, "RegionLocationMinX0"), _number(region, "RegionLocationMaxX1")
    y0, y1 = _number(region, "RegionLocationMinY0"), _number(region, "RegionLocationMaxY1")
    if x0 is None or x1 is None or y0 is None or y1 is None:
        return None, "The header calibrates a region without saying where it lies"
    # Some makers state the pixel after the last one.
    if not (0 <= x0 < x1 <= columns and 0 <= y0 < y1 <= rows):
        return None, (
            f"The calibrated region in the header (x {x0:g} to {x1:g}, y {y0:g} to {y1:g}) does "
            f"not lie inside the image of {columns} x {rows} pixels"
        )
    units = {_number(region, f"PhysicalUnits{axis}Direction") for axis in "XY"}
    deltas = [_number(region, f"PhysicalDelta{axis}") for axis in "YX"]
    if units != {_CENTIMETRES}:
        return None, "The header calibrates its two-dimensional region in units other than cm"
    y, x = (None if delta is None else abs(delta) * 10 for delta in deltas)
    if not y or not x:
        return None, "The header calibrates its two-dimensional region with a zero or no distance"
    return (y, x), ""


def _number(dataset: Dataset, keyword: str) -> float | None:
    values = _numbers(dataset, keyword)
    return values[0] if len(values) == 1 else None


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Values of an element; empty where it is missing or not made of numbers."""
    try:
        value: Any = dataset.get(keyword)
        if value is None or value == "":
            return []
        return [float(part) for part in (value if hasattr(value, "__iter__") else [value])]
    except (TypeError, ValueError):
        return []
