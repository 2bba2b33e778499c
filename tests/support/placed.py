"""Images, masks and DICOM series that lie anywhere in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from mambaseg.types import Geometry, MedicalImage


def directions(*, left_handed: bool = True) -> st.SearchStrategy[tuple[float, ...]]:
    """Direction matrices: rotations, by a right angle or any other, mirrored too."""

    def direction(seed: int) -> tuple[float, ...]:
        random = np.random.default_rng(seed)
        if seed % 2:
            q = np.eye(3)[random.permutation(3)] * random.choice([-1, 1], 3)
        else:
            q, _ = np.linalg.qr(random.normal(size=(3, 3)))
        if not left_handed:
            q = q * np.sign(np.linalg.det(q))
        return tuple(q.ravel().tolist())

    return st.integers(0, 2**32 - 1).map(direction)


@st.composite
def images(
    draw: st.DrawFn,
    all_axes: str = "CYX CTYX CZYX CTZYX",
    dtypes: Sequence[Any] = (np.uint8, np.int16, np.uint16, np.float32, np.float64),
    *,
    placed: bool = False,
) -> MedicalImage:
    """Draw an image; `placed` ones know their spacing and place."""
    axes = draw(st.sampled_from(all_axes.split()))
    shape = tuple(draw(st.integers(1, 5)) for _ in axes)
    array = draw(
        hnp.arrays(
            draw(st.sampled_from(dtypes)), shape, elements=st.integers(0, 200), fill=st.nothing()
        )
    )
    n_spatial = sum(axis in "ZYX" for axis in axes)
    steps = draw(st.lists(st.floats(1e-3, 2.0), min_size=5, max_size=5))
    times = tuple(np.cumsum([0.0, *steps])[: shape[1]].tolist())
    optional = (lambda strategy: strategy) if placed else (lambda strategy: st.none() | strategy)
    geometry = Geometry(
        draw(optional(st.tuples(*[st.floats(0.05, 100.0)] * n_spatial))),
        draw(optional(st.tuples(*[st.floats(-1e3, 1e3)] * 3))),
        draw(optional(directions())),
        draw(st.sampled_from([None, times])) if "T" in axes else None,
    )
    names = tuple(f"channel {i}" for i in range(shape[0])) if shape[0] > 1 else ("intensity",)
    return MedicalImage(array, axes, geometry, names, "drawn")


def write_series(
    folder: Path,
    volume: np.ndarray,
    *,
    spacing: tuple[float, float, float] = (2.0, 0.5, 0.75),
    origin: tuple[float, float, float] = (-10.0, 20.0, 30.0),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    depths: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    **elements: Any,
) -> Path:
    """Write (Z, Y, X) int16 slices as a CT series; file names do not tell the order."""
    folder.mkdir(parents=True, exist_ok=True)
    x, y = np.array(orientation[:3], float), np.array(orientation[3:], float)
    normal = np.cross(x, y)
    shared = {
        "SeriesInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
    }
    order = np.random.default_rng(1).permutation(len(volume))
    for z, pixels in enumerate(volume):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PatientName, dataset.PatientID, dataset.Modality = "Secret^Person", "ID-4711", "CT"
        dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = ""
        dataset.StudyDate = dataset.StudyTime = dataset.StudyID = dataset.ReferringPhysicianName = (
            ""
        )
        dataset.InstanceNumber, dataset.SeriesNumber = z + 1, 3
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.PixelSpacing = list(spacing[1:])
        dataset.ImageOrientationPatient = list(orientation)
        depth = z * spacing[0] if depths is None else depths[z]
        dataset.ImagePositionPatient = (np.array(origin) + normal * depth).tolist()
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = 1
        dataset.PixelData = pixels.astype("<i2").tobytes()
        dataset["PixelData"].VR = "OW"
        for name, value in {**shared, **elements}.items():
            setattr(dataset, name, value)
        name = f"{order[z]:04}" if names is None else names[z]
        dataset.save_as(folder / name, enforce_file_format=True)
    return folder
