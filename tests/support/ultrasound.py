"""Ultrasound clips as DICOM, with text about the patient in header and pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

NAME, IDENTIFIER = "Secret^Person", "ID-4711"
REGION = (10, 12, 42, 60)  # first row and column, and those after the last


def write_clip(path: Path, n_frames: int = 4, **elements: Any) -> Path:
    """Write a colour clip of 48 x 64 pixels: grey 90 inside the region, white text outside it."""
    pixels = np.full((n_frames, 48, 64, 3), 255, np.uint8)
    y0, x0, y1, x1 = REGION
    pixels[:, y0:y1, x0:x1] = 90
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = dataset.StudyInstanceUID = generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.Modality = NAME, IDENTIFIER, "US"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape[:3]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    dataset.PlanarConfiguration, dataset.FrameTime = 0, "40"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    region = Dataset()
    region.RegionSpatialFormat = region.RegionDataType = 1
    region.RegionLocationMinX0, region.RegionLocationMinY0 = x0, y0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = x1 - 1, y1 - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.05
    dataset.SequenceOfUltrasoundRegions = [region]
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB"
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path
