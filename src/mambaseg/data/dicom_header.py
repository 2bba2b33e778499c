"""What a DICOM header says of slices and frames, wherever it says it."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

__all__ = [
    "described",
    "frame_value",
    "number",
    "numbers",
    "plane_spacing",
    "rescale",
    "stored_range",
    "thickness",
    "window",
]

_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "WindowCenter": "FrameVOILUTSequence",
    "WindowWidth": "FrameVOILUTSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "FrameAcquisitionDateTime": "FrameContentSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
}
"""The functional group in which enhanced multi-frame files keep an element."""


def frame_value(header: Dataset, keyword: str, frame: int = 0) -> Any:
    """Value of an element for a frame: from its own functional group, the shared one, or the top.

    None where the header has none, or it is damaged.
    """
    try:
        if "SharedFunctionalGroupsSequence" not in header:
            return header.get(keyword)
        group = _GROUPS.get(keyword, "")
        per_frame = header.get("PerFrameFunctionalGroupsSequence")
        shared = header.get("SharedFunctionalGroupsSequence")
        own = per_frame[frame] if per_frame and frame < len(per_frame) else None
        for holder in (own, shared[0] if shared else None):
            items = None if holder is None else holder.get(group)
            if items and items[0].get(keyword) is not None:
                return items[0].get(keyword)
        return header.get(keyword)
    except Exception:  # pydicom lets through whatever a damaged element leads to
        return None


def numbers(header: Dataset, keyword: str, frame: int = 0) -> list[float]:
    """Values of an element for a frame; empty where it is missing or not made of numbers."""
    try:
        value = frame_value(header, keyword, frame)
        if value is None or value == "":
            return []
        several = hasattr(value, "__iter__") and not isinstance(value, str)
        return [float(part) for part in (value if several else [value])]
    except (TypeError, ValueError):
        return []


def number(header: Dataset, keyword: str, frame: int = 0) -> float | None:
    """Value of an element that has one; None where it is missing or no number."""
    values = numbers(header, keyword, frame)
    return values[0] if len(values) == 1 else None


def plane_spacing(header: Dataset, frame: int = 0) -> tuple[float, float] | None:
    """Millimetres between pixels along (y, x); None where they are no distances."""
    values = [_distance(value) for value in numbers(header, "PixelSpacing", frame)]
    y, x = values if len(values) == 2 else (None, None)
    return None if y is None or x is None else (y, x)


def thickness(header: Dataset, frame: int = 0) -> float | None:
    """Millimetres to the next slice, as far as the header of one slice tells; None if not."""
    return _distance(number(header, "SpacingBetweenSlices", frame)) or _distance(
        number(header, "SliceThickness", frame)
    )


def _distance(value: float | None) -> float | None:
    """Give a value if it can be a distance: headers hold zeros, negative and infinite ones."""
    return value if value is not None and 0 < value < float("inf") else None


def rescale(header: Dataset, frame: int = 0) -> tuple[float, float]:
    """Slope and intercept from stored values to the header's units; 1 and 0 if there are none."""
    slope = number(header, "RescaleSlope", frame)
    return slope or 1.0, number(header, "RescaleIntercept", frame) or 0.0


def stored_range(header: Dataset) -> tuple[int, int]:
    """Smallest and largest value that a pixel can be stored as."""
    bits = header.get("BitsStored") or header.BitsAllocated
    lowest = -(1 << (bits - 1)) if header.get("PixelRepresentation") else 0
    return lowest, lowest + (1 << bits) - 1


def window(header: Dataset) -> tuple[float, float] | None:
    """Intensities that the header wants shown as black and as white, or None.

    Those of MONOCHROME1, in which smaller is brighter, are mirrored as its pixels are.
    """
    if header.get("SamplesPerPixel", 1) != 1:
        return None
    centers, widths = numbers(header, "WindowCenter"), numbers(header, "WindowWidth")
    if not centers or not widths or not widths[0] > 1:
        return None
    black, white = centers[0] - widths[0] / 2, centers[0] + widths[0] / 2
    if header.get("PhotometricInterpretation") != "MONOCHROME1":
        return black, white
    slope, intercept = rescale(header)
    ends = sum(stored * slope + intercept for stored in stored_range(header))
    return ends - white, ends - black


def described(header: Dataset) -> dict[str, str]:
    """Give what a header says of the image in words; nothing of the patient."""
    found = {
        keyword: " ".join(str(frame_value(header, keyword) or "").split())
        for keyword in ("Modality", "SeriesDescription", "BurnedInAnnotation")
    }
    return {keyword: text for keyword, text in found.items() if text}
