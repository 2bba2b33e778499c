"""Segmentations as DICOM SEG, beside the series that they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage, generate_uid

from mambaseg.data.file_kinds import is_dicom
from mambaseg.data.image_record import is_at
from mambaseg.data.parts import choose_part
from mambaseg.data.readers import split_part
from mambaseg.data.segmentation_record import label_block
from mambaseg.data.slice_sources import SliceSources, slice_sources
from mambaseg.files import write_whole
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.labels import PALETTE, LabelClass, LabelSet
from mambaseg.types.segmentation import Segmentation

if TYPE_CHECKING:
    import highdicom

__all__ = [
    "describe_dicom_seg",
    "is_dicom_seg",
    "read_dicom_seg",
    "series_for_seg",
    "write_dicom_seg",
]

_MAKER = "mambaseg"
_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""What the standard asks for of the patient and the study, but lets be empty."""
_KEPT = ("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "Modality")
_KEPT_GROUPS = (0x0018, 0x0020, 0x0028, 0x5200)
"""Acquisition, place, pixels and frames: all that highdicom needs besides, and nobody's name."""
_NEEDED = ("FrameOfReferenceUID", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")


def is_dicom_seg(path: Path) -> bool:
    """Tell whether a file is a DICOM SEG; False for what cannot be read."""
    if not is_dicom(path):
        return False
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    except Exception:  # whatever a damaged header leads to
        return False
    return bool(header.get("SOPClassUID") == SegmentationStorage)


def describe_dicom_seg(path: Path) -> list[tuple[str, str]]:
    """Say what a DICOM SEG holds, from its header alone; raises as `read_dicom_seg`."""
    try:
        header = dcmread(path, stop_before_pixels=True)
        names = [str(one.get("SegmentLabel", "")) for one in header.SegmentSequence]
        size = f"{header.Columns} x {header.Rows} pixels, {header.NumberOfFrames} frames"
    except Exception:
        raise UnreadableImageError(
            f"{path} cannot be read as DICOM: it is damaged or cut short. Copy or export it again."
        ) from None
    return [("Kind", "DICOM segmentation, a mask"), ("Size", size), ("Classes", ", ".join(names))]


def read_dicom_seg(path: Path) -> Segmentation:
    """Read a DICOM SEG as a volume of labels.

    Slices that it leaves out because they are empty are filled in between
    those that it holds, not beyond them.

    Raises
    ------
    UnreadableImageError
        If the file is damaged or no DICOM.
    UnsupportedImageError
        If it is no segmentation, or its segments overlap, are fractions, or do
        not make a volume.
    """
    import highdicom

    # highdicom and pydicom let through whatever a damaged file leads to; it may hold names.
    try:
        header = dcmread(path, stop_before_pixels=True)
    except Exception:
        raise UnreadableImageError(
            f"{path} cannot be read as DICOM: it is damaged or cut short. Copy or export it again."
        ) from None
    if header.get("SOPClassUID") != SegmentationStorage:
        raise UnsupportedImageError(
            f"{path} is a DICOM image; a mask was expected. Open it as an image."
        )
    if header.get("SegmentationType") == "FRACTIONAL":
        raise UnsupportedImageError(
            f"{path} holds probabilities (a fractional DICOM segmentation); a mask was expected. "
            "Export it as a binary one."
        )
    try:
        seg = highdicom.seg.segread(path)
        volume = seg.get_volume(combine_segments=True, allow_missing_positions=True)
        described = [seg.get_segment_description(number) for number in seg.segment_numbers]
    except Exception as error:
        if "overlap" in str(error):
            raise UnsupportedImageError(
                f"{path} holds segments that overlap, and a mask has one class for each voxel. "
                "Export its segments as files of their own."
            ) from None
        raise UnreadableImageError(
            f"{path} cannot be read as a volume of labels: it is damaged, or its frames lie in no "
            "even order. Export it again, or convert it to NIfTI."
        ) from None
    labels = label_block(volume.array, path)
    turn, position = np.array(volume.direction), np.array(volume.position)
    if np.linalg.det(turn) > 0:  # of z, y, x: the other way round is that of x, y, z
        position = position + turn[:, 0] * volume.spacing[0] * (len(labels) - 1)
        labels, turn = labels[::-1], turn * np.array([-1, 1, 1])
    x, y, z = position.tolist()
    geometry = Geometry(
        tuple(float(step) for step in volume.spacing),
        (x, y, z),
        tuple(turn[:, ::-1].ravel().tolist()),
    )
    return Segmentation(np.ascontiguousarray(labels), "ZYX", _label_set(described), geometry)


def _label_set(described: list[Any]) -> LabelSet:
    return LabelSet(
        tuple(
            LabelClass(
                int(one.segment_number),
                str(one.segment_label) or f"class {one.segment_number}",
                _color(one) or PALETTE[index % len(PALETTE)],
            )
            for index, one in enumerate(sorted(described, key=lambda one: one.segment_number))
        )
    )


def _color(described: Any) -> str:
    from highdicom.color import CIELabColor

    values = described.get("RecommendedDisplayCIELabValue")
    if not values:
        return ""
    red, green, blue = CIELabColor.from_dicom_value(tuple(values)).to_rgb()
    return f"#{red:02X}{green:02X}{blue:02X}"


def write_dicom_seg(
    segmentation: Segmentation, path: Path, series: str | Path | None, *, patient: bool = False
) -> tuple[str, ...]:
    """Write labels as a binary DICOM SEG that refers to the series that they lie on.

    Parameters
    ----------
    segmentation : Segmentation
        Axes "ZYX", on the series' grid.
    path : Path
        Where to write.
    series : path-like or None
        The DICOM series, or its enhanced multi-frame file, as `read_image` takes it.
    patient : bool
        Name the patient as the series does, which archives need to file it.

    Returns
    -------
    tuple of str
        What the user should know of what was written, or could not be.

    Raises
    ------
    OutputError
        If the file cannot be written.
    UnsupportedImageError
        If there is no series, it is no volume in a frame of reference, or the
        labels do not lie on its grid.
    """
    import highdicom

    shape = segmentation.labels.shape
    sources = series_for_seg(segmentation.axes, shape, segmentation.geometry, path, series)
    labels = label_block(segmentation.labels, path)
    values = segmentation.label_set.names
    numbered = np.zeros(256, np.uint8)
    numbered[list(values)] = np.arange(1, len(values) + 1)
    try:
        made = highdicom.seg.Segmentation(
            source_images=sources.headers if patient else [*map(_nameless, sources.headers)],
            pixel_array=numbered[labels[sources.order]],
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[
                _description(number, label, segmentation)
                for number, label in enumerate(segmentation.label_set.classes, 1)
            ],
            series_instance_uid=generate_uid(),
            series_number=900,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer=_MAKER,
            manufacturer_model_name=segmentation.provenance.model or _MAKER,
            software_versions=segmentation.provenance.versions.get(_MAKER, "unknown"),
            device_serial_number="0",
            omit_empty_frames=False,
        )
    # highdicom lets through whatever an incomplete header leads to; it may hold names.
    except Exception:
        raise UnsupportedImageError(
            f"{path}: a DICOM SEG cannot be made for {series}, whose headers lack what the "
            "standard asks for. Write NRRD instead."
        ) from None
    told = []
    if not patient:
        told.append(
            "The DICOM SEG names no patient, so archives will not file it beside its series."
        )
    with write_whole(path) as temporary:
        made.save_as(temporary)
    if list(values) != list(range(1, len(values) + 1)):
        told.append(f"DICOM numbers its segments from 1: the classes {list(values)} became these.")
    if np.any(labels == segmentation.label_set.ignore):
        told.append('What is "not annotated" became background, for DICOM SEG has no such value.')
    return tuple(told)


def _nameless(header: Dataset) -> Dataset:
    """Leave out what a header says of the patient and the study, which highdicom copies whole."""
    result = Dataset()
    for element in header:
        if element.tag.group in _KEPT_GROUPS or element.keyword in _KEPT:
            result.add(element)
    for keyword in _EMPTY:
        setattr(result, keyword, "")
    return result


def series_for_seg(
    axes: str,
    shape: tuple[int, ...],
    geometry: Geometry,
    path: Path,
    series: str | Path | None,
) -> SliceSources:
    """Give a series' slices, if a DICOM SEG of them can be written.

    Parameters
    ----------
    axes, shape, geometry
        Of the labels.
    path, series
        As of `write_dicom_seg`.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If not.
    """
    if axes != "ZYX":
        raise UnsupportedImageError(
            f"{path}: a DICOM SEG can be written for the slices of a volume, and these labels are "
            f"{axes}; those of clips and single frames are not supported yet. Write "
            "NRRD instead."
        )
    if series is None:
        raise UnsupportedImageError(
            f"{path}: a DICOM SEG refers to the DICOM series that it was made from, and none is "
            "known. Name the series, or write NRRD instead."
        )
    place, part = split_part(series)
    sources = slice_sources(choose_part(place, part) if place.is_dir() else place)
    for keyword in _NEEDED:
        if not all(header.get(keyword) for header in sources.headers):
            raise UnsupportedImageError(
                f"{series} has no {keyword} in its headers, which a DICOM SEG needs to refer to "
                "it. Write NRRD instead."
            )
    if shape != sources.shape or not is_at(sources.geometry, geometry):
        raise UnsupportedImageError(
            f"{path}: the labels do not lie on the grid of {series}, which has {sources.shape} "
            f"voxels (z, y, x); the labels have {shape}. Resample them to it."
        )
    return sources


def _description(number: int, label: LabelClass, segmentation: Segmentation) -> Any:
    import highdicom
    from highdicom.color import CIELabColor
    from pydicom.sr.codedict import codes

    model = segmentation.provenance.model
    kinds = highdicom.seg.SegmentAlgorithmTypeValues
    algorithm: highdicom.AlgorithmIdentificationSequence | None = None
    if model:
        algorithm = highdicom.AlgorithmIdentificationSequence(
            name=model,
            version=segmentation.provenance.weights_sha256[:12] or "unknown",
            family=codes.cid7162.ArtificialIntelligence,
        )
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label.name[:64],
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type=kinds.AUTOMATIC if model else kinds.MANUAL,
        algorithm_identification=algorithm,
        display_color=CIELabColor.from_rgb(*label.rgb),
    )
