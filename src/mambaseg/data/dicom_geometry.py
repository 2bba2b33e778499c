"""Millimetres and frame times from a DICOM header, where they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from pydicom.dataset import Dataset

from mambaseg.data.dicom_header import number, numbers, plane_spacing

__all__ = ["frame_times", "image_region", "pixel_spacing"]

Box = tuple[int, int, int, int]
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
    increments = numbers(header, "FrameTimeVector")
    if header.get("FrameIncrementPointer") != _FRAME_TIME_TAG and len(increments) == n_frames:
        times = tuple(time / 1000 for time in accumulate((0.0, *increments[1:])))
        if all(earlier < later for earlier, later in pairwise(times)):
            return times, ""
    milliseconds = number(header, "FrameTime")
    if milliseconds and 0 < milliseconds < float("inf"):
        return tuple(i * milliseconds / 1000 for i in range(n_frames)), ""
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = number(header, keyword)
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
        Why a calibration was not trusted, or where alone it holds, or "".
    """
    if "SequenceOfUltrasoundRegions" not in header:
        return plane_spacing(header), ""
    spacings: set[tuple[float, float]] = set()
    boxes = []
    for region in header.SequenceOfUltrasoundRegions:
        if number(region, "RegionSpatialFormat") != _TWO_DIMENSIONAL:
            continue
        spacing, problem = _region_spacing(region, header.Rows, header.Columns)
        if spacing is None:
            return None, f"{problem}, so spacing is unknown and no millimetres are given."
        spacings.add(spacing)
        boxes.append(_box(region, header.Rows, header.Columns))
    if len(spacings) == 1:
        return spacings.pop(), _limits(_hull(boxes), header)
    if not spacings:
        return None, "The header calibrates no two-dimensional region, so spacing is unknown."
    listed = ", ".join(f"{y:g} x {x:g} mm" for y, x in sorted(spacings))
    return None, f"The header calibrates its regions differently ({listed}): spacing is unknown."


def image_region(header: Dataset) -> Box | None:
    """First row and column of the ultrasound picture, and those after its last.

    None where the header names no regions, or one that does not lie inside the
    image, so that it tells nothing of where the picture lies.
    """
    regions = header.get("SequenceOfUltrasoundRegions") or ()
    boxes = [_box(region, header.Rows, header.Columns) for region in regions]
    return _hull(boxes)


def _hull(boxes: Sequence[Box | None]) -> Box | None:
    """Smallest box around others; None if one of them is None."""
    sure = [box for box in boxes if box is not None]
    if not sure or len(sure) < len(boxes):
        return None
    y0, x0, y1, x1 = zip(*sure, strict=True)
    return min(y0), min(x0), max(y1), max(x1)


def _limits(box: Box | None, header: Dataset) -> str:
    """Say where a calibration holds, if not everywhere."""
    if box is None or box == (0, 0, header.Rows, header.Columns):
        return ""
    y0, x0, y1, x1 = box
    return (
        f"Millimetres hold only inside the region that the header calibrates (x {x0} to {x1 - 1}, "
        f"y {y0} to {y1 - 1})."
    )


def _box(region: Dataset, rows: int, columns: int) -> Box | None:
    """First row and column of a region and those after its last; None if it lies outside."""
    ends = [number(region, f"RegionLocation{end}") for end in ("MinY0", "MinX0", "MaxY1", "MaxX1")]
    y0, x0, y1, x1 = (-1 if end is None else int(end) for end in ends)
    # Some makers state the pixel after the last one.
    if not (0 <= x0 < x1 <= columns and 0 <= y0 < y1 <= rows):
        return None
    return y0, x0, min(y1 + 1, rows), min(x1 + 1, columns)


def _region_spacing(
    region: Dataset, rows: int, columns: int
) -> tuple[tuple[float, float] | None, str]:
    x0, x1 = number(region, "RegionLocationMinX0"), number(region, "RegionLocationMaxX1")
    y0, y1 = number(region, "RegionLocationMinY0"), number(region, "RegionLocationMaxY1")
    if x0 is None or x1 is None or y0 is None or y1 is None:
        return None, "The header calibrates a region without saying where it lies"
    if _box(region, rows, columns) is None:
        return None, (
            f"The calibrated region in the header (x {x0:g} to {x1:g}, y {y0:g} to {y1:g}) does "
            f"not lie inside the image of {columns} x {rows} pixels"
        )
    units = {number(region, f"PhysicalUnits{axis}Direction") for axis in "XY"}
    deltas = [number(region, f"PhysicalDelta{axis}") for axis in "YX"]
    if units != {_CENTIMETRES}:
        return None, "The header calibrates its two-dimensional region in units other than cm"
    y, x = (None if delta is None else abs(delta) * 10 for delta in deltas)
    if not y or not x:
        return None, "The header calibrates its two-dimensional region with a zero or no distance"
    return (y, x), ""
