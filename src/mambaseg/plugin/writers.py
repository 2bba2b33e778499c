"""What napari calls to save a layer."""

from __future__ import annotations

from typing import Any

__all__ = [
    "write_dicom_seg",
    "write_dicom_seg_with_patient",
    "write_image_nifti",
    "write_image_nrrd",
    "write_mha",
    "write_nifti",
    "write_nrrd",
    "write_tiff",
]


def write_nrrd(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as an NRRD mask, whole or not at all.

    What a format cannot keep, napari notifies of.

    Parameters
    ----------
    path : str
        Gets the suffix .nrrd where it has none, as napari's dialog leaves it.
    data : array-like of int
        The layer's data.
    meta : dict
        Its other attributes.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    OutputError, UnsupportedImageError
        If it cannot be written, or does not fit the format.
    """
    return _write_mask(path, (".nrrd",), data, meta)


def write_nifti(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as a NIfTI mask (.nii.gz or .nii); otherwise as `write_nrrd`."""
    return _write_mask(path, (".nii.gz", ".nii"), data, meta)


def write_mha(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as an MHA mask; otherwise as `write_nrrd`."""
    return _write_mask(path, (".mha",), data, meta)


def write_tiff(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as a TIFF mask, a page per frame; otherwise as `write_nrrd`."""
    return _write_mask(path, (".tif", ".tiff"), data, meta)


def write_dicom_seg(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as DICOM SEG of the series that it lies on; otherwise as `write_nrrd`."""
    return _write_mask(path, (".dcm",), data, meta)


def write_dicom_seg_with_patient(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save as `write_dicom_seg`, with the patient's name and id, as archives need it."""
    return _write_mask(path, (".dcm",), data, meta, patient=True)


def write_image_nrrd(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save an Image layer as NRRD; otherwise as `write_nrrd`."""
    return _write_image(path, (".nrrd", ".mha"), data, meta)


def write_image_nifti(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save an Image layer as NIfTI (.nii.gz or .nii); otherwise as `write_nrrd`."""
    return _write_image(path, (".nii.gz", ".nii"), data, meta)


def _write_mask(
    path: str,
    suffixes: tuple[str, ...],
    data: Any,
    meta: dict[str, Any],
    *,
    patient: bool = False,
) -> list[str]:
    # Here and not above, so that napari's menus open fast.
    from napari.layers import Labels

    from mambaseg.data import write_segmentation
    from mambaseg.plugin.from_layers import segmentation_of

    path = _named(path, suffixes)
    mask = segmentation_of(Labels(data, **meta), one_leading_axis="Z", send_home=True)
    series = meta.get("metadata", {}).get("file")
    _tell(write_segmentation(mask, path, series=series, patient=patient))
    return [path]


def _write_image(
    path: str, suffixes: tuple[str, ...], data: Any, meta: dict[str, Any]
) -> list[str]:
    from napari.layers import Image

    from mambaseg.data import write_image
    from mambaseg.plugin.from_layers import image_of

    path = _named(path, suffixes)
    _tell(write_image(image_of(Image(data, **meta), send_home=True), path))
    return [path]


def _named(path: str, suffixes: tuple[str, ...]) -> str:
    return path if path.lower().endswith(suffixes) else path + suffixes[0]


def _tell(sentences: tuple[str, ...]) -> None:
    from napari.utils.notifications import show_warning

    for sentence in sentences:
        show_warning(sentence)
