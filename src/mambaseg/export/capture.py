"""Overlays as DICOM Secondary Capture, which archives and viewers of a hospital take."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from mambaseg import __version__
from mambaseg.files import write_whole
from mambaseg.types.errors import OutputError

__all__ = ["CaptureAbout", "write_capture"]

_MAKER = "mambaseg"
_SERIES_NUMBER = 901
_LARGEST = 2**32 - 2
_PIXEL_DATA = 0x7FE00010
_FRAME_TIME, _PAGE_NUMBERS = 0x00181063, 0x00182001
_PATIENT = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Elements that the standard asks for and lets be empty."""
_LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")


@dataclass(frozen=True)
class CaptureAbout:
    """What is written beside the pixels.

    Parameters
    ----------
    header : Dataset or None
        Of the DICOM file that the image was read from: its study is the capture's.
    patient : bool
        Name the patient as that file does.
    frames : sequence of int
        Numbers of the frames.
    frame_time_ms : float or None
        From one frame to the next; None where they are no even film.
    pixel_mm : tuple of float or None
        Distance between pixels along (y, x), where it is known.
    burned_in : bool
        Whether text about the patient may stand in the pixels.
    """

    header: Dataset | None
    patient: bool
    frames: Sequence[int]
    frame_time_ms: float | None
    pixel_mm: tuple[float, float] | None
    burned_in: bool


def write_capture(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    count: int,
    size: tuple[int, int],
    about: CaptureAbout,
) -> None:
    """Write pictures as one file, whole or not at all; they are not all held in memory.

    Parameters
    ----------
    path : Path
        The file.
    pictures : iterable of ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    count : int
        How many there are; several make a multi-frame file.
    size : tuple of int
        Their height and width.
    about : CaptureAbout
        What is written beside them.

    Raises
    ------
    OutputError
        If they are too large for one file, or it cannot be written.
    """
    n_bytes = 3 * count * size[0] * size[1]
    if n_bytes > _LARGEST or max(size) > 2**16 - 1:
        raise OutputError(
            f"{path}: {count} pictures of {size[1]} x {size[0]} pixels are too large for a DICOM "
            "file, which holds 4 GiB: choose fewer frames, a smaller enlargement, or mp4."
        )
    dataset = _described(count, size, about)
    with write_whole(path) as temporary, tempfile.TemporaryFile() as pixels:
        for picture in pictures:
            pixels.write(picture.tobytes())
        pixels.write(b"\0" * (n_bytes % 2))
        pixels.seek(0)
        dataset[_PIXEL_DATA] = DataElement(_PIXEL_DATA, "OB", pixels)
        dataset.save_as(temporary, enforce_file_format=True)


def _described(count: int, size: tuple[int, int], about: CaptureAbout) -> Dataset:
    source, now = about.header, datetime.now().astimezone()
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    named = source if source is not None and about.patient else Dataset()
    for keyword in _PATIENT:
        setattr(made, keyword, named.get(keyword, ""))
    study = source.get("StudyInstanceUID") if source is not None else None
    made.StudyInstanceUID = study or generate_uid()
    made.SeriesInstanceUID, made.SeriesNumber = generate_uid(), _SERIES_NUMBER
    made.SeriesDescription = "Segmentation overlay"
    made.Modality = (source.get("Modality") if source is not None else None) or "OT"
    made.ConversionType = "WSD"
    made.SecondaryCaptureDeviceManufacturer = _MAKER
    made.SecondaryCaptureDeviceSoftwareVersions = f"{_MAKER} {__version__}"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = "Segmentation drawn over the image, not for diagnosis"
    made.InstanceNumber, made.PatientOrientation = 1, ""
    made.ContentDate, made.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.BurnedInAnnotation = "YES" if about.burned_in else "NO"
    if source is not None:
        _refer(made, source)
    many = count > 1
    made.SOPClassUID = (
        MultiFrameTrueColorSecondaryCaptureImageStorage if many else SecondaryCaptureImageStorage
    )
    made.SOPInstanceUID = generate_uid()
    if many:
        made.NumberOfFrames = count
        if about.frame_time_ms is not None:
            made.FrameIncrementPointer, made.FrameTime = _FRAME_TIME, f"{about.frame_time_ms:.6g}"
        else:
            made.FrameIncrementPointer = _PAGE_NUMBERS
            made.PageNumberVector = list(about.frames)
    if about.pixel_mm is not None:
        made.PixelSpacing = [f"{step:.8g}" for step in about.pixel_mm]
    made.SamplesPerPixel, made.PhotometricInterpretation = 3, "RGB"
    made.PlanarConfiguration, made.PixelRepresentation = 0, 0
    made.Rows, made.Columns = size
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _refer(made: Dataset, source: Dataset) -> None:
    """Say which instance this is derived from, and that it has lost something already."""
    if source.get("SOPClassUID") and source.get("SOPInstanceUID"):
        item = Dataset()
        item.ReferencedSOPClassUID = source.SOPClassUID
        item.ReferencedSOPInstanceUID = source.SOPInstanceUID
        made.SourceImageSequence = [item]
    if source.get("LossyImageCompression") == "01":
        for keyword in _LOSSY:
            if keyword in source:
                made[keyword] = source[keyword]
