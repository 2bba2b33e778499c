"""What napari calls to save a Labels layer."""

from __future__ import annotations

from typing import Any

__all__ = ["write_nifti", "write_nrrd"]


def write_nrrd(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as an NRRD mask, whole or not at all.

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
    return _write(path, (".nrrd",), data, meta)


def write_nifti(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as a NIfTI mask (.nii.gz or .nii); otherwise as `write_nrrd`."""
    return _write(path, (".nii.gz", ".nii"), data, meta)


def _write(path: str, suffixes: tuple[str, ...], data: Any, meta: dict[str, Any]) -> list[str]:
    # Here and not above, so that napari's menus open fast.
    from napari.layers import Labels

    from mambaseg.data import write_segmentation
    from mambaseg.plugin.from_layers import segmentation_of

    if not path.lower().endswith(suffixes):
        path += suffixes[0]
    write_segmentation(segmentation_of(Labels(data, **meta), one_leading_axis="Z"), path)
    return [path]
