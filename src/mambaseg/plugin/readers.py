"""What napari calls for a file that is opened or dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.plugin.layers import LayerData

__all__ = ["get_reader"]

_MASK_MARK = b"mambaseg_"
_MASK_RECORD = "segmentation.json"


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]]:
    """Give the function that reads a path; what cannot be read, that function says.

    Parameters
    ----------
    path : str or sequence of str
        A film, DICOM file or volume, a folder of numbered images, or a mask of ours.
    """
    return _read


def _read(path: str | Sequence[str]) -> list[LayerData]:
    paths = [path] if isinstance(path, str) else path
    return [_read_one(Path(one)) for one in paths]


def _read_one(path: Path) -> LayerData:
    # Here and not above, so that a menu opens fast and whatever else is broken.
    from mambaseg.data import read_image, read_segmentation
    from mambaseg.plugin.layers import image_layer, labels_layer

    if not _is_our_mask(path):
        return image_layer(read_image(path))
    data, options, kind = labels_layer(read_segmentation(path))
    return data, options | {"name": path.stem}, kind


def _is_our_mask(path: Path) -> bool:
    if path.is_dir():
        return (path / _MASK_RECORD).is_file()
    if path.suffix.lower() != ".nrrd" or not path.is_file():
        return False
    with path.open("rb") as file:
        return _MASK_MARK in file.read(4096)
