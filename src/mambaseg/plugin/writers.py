"""What napari calls to save a Labels layer."""

from __future__ import annotations

from typing import Any

__all__ = ["write_labels"]


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer as a mask, whole or not at all.

    Parameters
    ----------
    path : str
        Ends in .nrrd, .nii.gz or .nii.
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
    from napari.layers import Labels

    from mambaseg.data import write_segmentation
    from mambaseg.plugin.from_layers import segmentation_of

    layer = Labels(data, **meta)
    write_segmentation(segmentation_of(layer, one_leading_axis="Z"), path)
    return [path]
