"""Images in words."""

from __future__ import annotations

from mambaseg.data.dicom_patient import patient_of
from mambaseg.data.file_kinds import is_dicom
from mambaseg.data.parts import Part
from mambaseg.types import MedicalImage

__all__ = ["describe_image", "describe_part", "summarise_image"]

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
        rows.append(("Times" if "Z" in image.axes else "Frames", str(image.n_frames)))
        rows.append(("Frame rate", _rate(image) or "unknown"))
    spacing = image.geometry.spacing_mm
    text = "unknown"
    if spacing is not None:
        text = " x ".join(f"{value:.4g}" for value in reversed(spacing)) + " mm"
    rows.append(("Spacing", text))
    if image.array.shape[0] > 1 and not _is_colour(image):
        rows.append(("Channels", ", ".join(image.channel_names)))
    if "Modality" in image.header:
        rows.insert(0, ("Modality", image.header["Modality"]))
    return rows


def describe_part(part: Part, *, patient: bool = False) -> list[tuple[str, str]]:
    """Say what can be opened at a path, from its header alone.

    Parameters
    ----------
    part : Part
        Any.
    patient : bool
        Tell the patient's name and id too, where DICOM has them. They are told
        nowhere else.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If it cannot be read.
    """
    from mambaseg.data.dicom_seg import describe_dicom_seg, is_dicom_seg

    file = part.files[0]
    if part.kind == "file" and is_dicom_seg(file):
        rows = describe_dicom_seg(file)
    else:
        image = part.open()
        rows = describe_image(image)
        rows += [("Note", note) for note in image.notes]
    if patient:
        rows += patient_of(file) if file.is_file() and is_dicom(file) else []
    return rows


def summarise_image(image: MedicalImage) -> str:
    """Say what an image is, in a line."""
    parts = [f"{_KINDS[image.kind]}, {_colour(image)}", _size(image)]
    if "T" in image.axes:
        parts += [f"{image.n_frames} frames", _rate(image) or "frame rate unknown"]
    return ", ".join(parts)


def _colour(image: MedicalImage) -> str:
    channels = image.array.shape[0]
    if _is_colour(image):
        return "colour"
    return "grey" if channels == 1 else f"{channels} channels"


def _is_colour(image: MedicalImage) -> bool:
    return image.channel_names == ("red", "green", "blue")


def _size(image: MedicalImage) -> str:
    elements = "voxels" if image.kind == "volume" else "pixels"
    return " x ".join(str(length) for length in reversed(image.spatial_shape)) + f" {elements}"


def _rate(image: MedicalImage) -> str:
    rate = image.geometry.frame_rate
    return f"{rate:.4g} frames/s" if rate else ""
