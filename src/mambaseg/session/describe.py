"""Images in words."""

from __future__ import annotations

from mambaseg.types import MedicalImage

__all__ = ["describe_image", "summarise_image"]

_KINDS = {"image": "Still image", "video": "Clip", "volume": "Volume"}


def describe_image(image: MedicalImage) -> list[tuple[str, str]]:
    """Say what an image is, one property after another.

    Parameters
    ----------
    image : MedicalImage
        Any.

    Returns
    -------
    list of (str, str)
        Name and value with its unit; what the file does not say is "unknown".
    """
    rows = [
        ("Kind", f"{_KINDS[image.kind]}, {_colour(image)}, {image.array.dtype}"),
        ("Size", _size(image)),
    ]
    if "T" in image.axes:
        rows.append(("Frames", str(image.n_frames)))
        rows.append(("Frame rate", _rate(image) or "unknown"))
    spacing = image.geometry.spacing_mm
    text = "unknown"
    if spacing is not None:
        text = " x ".join(f"{value:.4g}" for value in reversed(spacing)) + " mm"
    rows.append(("Spacing", text))
    return rows


def summarise_image(image: MedicalImage) -> str:
    """Say what an image is, in a line."""
    parts = [f"{_KINDS[image.kind]}, {_colour(image)}", _size(image)]
    if "T" in image.axes:
        parts += [f"{image.n_frames} frames", _rate(image) or "frame rate unknown"]
    return ", ".join(parts)


def _colour(image: MedicalImage) -> str:
    channels = image.array.shape[0]
    if image.channel_names == ("red", "green", "blue"):
        return "colour"
    return "grey" if channels == 1 else f"{channels} channels"


def _size(image: MedicalImage) -> str:
    return " x ".join(str(length) for length in reversed(image.spatial_shape)) + " pixels"


def _rate(image: MedicalImage) -> str:
    rate = image.geometry.frame_rate
    return f"{rate:.4g} frames/s" if rate else ""
