"""Who a DICOM file is of: told only to those who ask."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread

__all__ = ["patient_of"]

_ASKED = {"PatientName": "Patient", "PatientID": "Patient id"}


def patient_of(path: Path) -> list[tuple[str, str]]:
    """Give the patient's name and id with their titles; empty where the file has none.

    Nothing else in mambaseg reads them.

    Parameters
    ----------
    path : Path
        A DICOM file.
    """
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(_ASKED))
        found = [(title, str(header.get(keyword) or "")) for keyword, title in _ASKED.items()]
    except Exception:  # whatever a damaged header leads to
        return []
    return [(title, value) for title, value in found if value]
