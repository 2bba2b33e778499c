"""DICOM images and clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import EnhancedUSVolumeStorage, SegmentationStorage

from mambaseg.data.dicom_frames import are_placed, open_frames
from mambaseg.data.dicom_geometry import frame_times, image_region, pixel_spacing
from mambaseg.data.dicom_header import described, window
from mambaseg.data.dicom_pixels import DicomFrames
from mambaseg.data.frame_array import FrameArray
from mambaseg.data.still_images import channel_names
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["DicomFrameArray", "open_dicom"]

_SLICE_MODALITIES = ("CT", "MR", "PT", "NM", "MG")
"""Whose frames are slices even where the header does not say where they lie."""


class DicomFrameArray(FrameArray):
    """The frames of a multi-frame DICOM file, decoded when indexed; axes "CTYX".

    Parameters
    ----------
    frames : DicomFrames
        The file.
    path : Path
        Where it lies, for messages.
    """

    def __init__(self, frames: DicomFrames, path: Path) -> None:
        first = frames.frame(0)
        rows, columns, channels = first.shape
        super().__init__((channels, frames.n_frames, rows, columns), first.dtype)
        self._frames = frames
        self._path = path

    def _load(self, index: int) -> NDArray[Any]:
        pixels = self._frames.frame(index)
        channels, _, rows, columns = self.shape
        if pixels.shape != (rows, columns, channels):
            raise UnreadableImageError(
                f"{self._path}: frame {index} is of another size than the first; the file is "
                "damaged. Export it again."
            )
        return pixels


def open_dicom(path: Path, source: str, *, resample: bool = False) -> MedicalImage:
    """Read a DICOM file; a clip lazily, frame by frame, a volume when it is first indexed.

    Parameters
    ----------
    path : Path
        An existing file.
    source : str
        Where it came from, as the user wrote it.
    resample : bool
        Take slices that lie unevenly, and resample them.

    Returns
    -------
    MedicalImage
        Axes "CTYX" for several frames, "CYX" for one, "CZYX" or "CTZYX" for
        slices. Colour is RGB whatever
        the file stores, grey is one channel in which larger is brighter.
        Spacing and frame times are None where the header gives none that can
        be trusted; `notes` says why.

    Raises
    ------
    UnreadableImageError
        If the file is damaged, cut short or holds no frames.
    UnsupportedImageError
        If it holds a mask, slices that do not make a volume, or pixels that
        no installed decoder understands.
    """
    frames = DicomFrames(path)
    header = frames.header
    sop_class, modality = header.get("SOPClassUID"), header.get("Modality")
    if sop_class == SegmentationStorage:
        raise UnsupportedImageError(
            f"{path} is a DICOM segmentation, that is a mask; an image or clip was expected. "
            "Open it as a mask."
        )
    is_stack = (
        are_placed(header) or modality in _SLICE_MODALITIES or sop_class == EnhancedUSVolumeStorage
    )
    if frames.n_frames > 1 and is_stack:
        return open_frames(frames, source, resample=resample)
    spacing, spacing_note = pixel_spacing(header)
    about: dict[str, Any] = {
        "source": source,
        "region": image_region(header),
        "window": window(header),
        "header": described(header),
    }
    if frames.n_frames == 1:
        pixels = np.ascontiguousarray(np.moveaxis(frames.frame(0), -1, 0))
        notes = tuple(filter(None, (spacing_note,)))
        names = channel_names(len(pixels))
        return MedicalImage(pixels, "CYX", Geometry(spacing), names, notes=notes, **about)
    times, times_note = frame_times(header, frames.n_frames)
    array = DicomFrameArray(frames, path)
    return MedicalImage(
        array,
        "CTYX",
        Geometry(spacing, frame_times_s=times),
        channel_names(array.shape[0]),
        notes=tuple(filter(None, (spacing_note, times_note))),
        **about,
    )
