"""What napari calls for a file that is opened or dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.plugin.layers import LayerData

__all__ = ["get_reader"]


def get_reader(
    path: str | Sequence[str],
) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Give the function that reads a path; what cannot be read, that function says.

    Parameters
    ----------
    path : str or sequence of str
        A film, DICOM file or volume, a folder of numbered images or of DICOM
        series, or a mask of ours.

    Returns
    -------
    callable or None
        None for a file that only looks by its name as if it were DICOM.
    """
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    return _read if all(map(_is_ours, paths)) else None


def _is_ours(path: Path) -> bool:
    from mambaseg.data.file_kinds import is_dicom, known_suffixes

    return path.is_dir() or path.name.lower().endswith(known_suffixes()) or is_dicom(path)


def _read(path: str | Sequence[str]) -> list[LayerData]:
    paths = [path] if isinstance(path, str) else path
    return _what_can_be([partial(_read_one, Path(one)) for one in paths])


def _what_can_be(readings: Sequence[Callable[[], list[LayerData]]]) -> list[LayerData]:
    """Read what can be and notify of the rest; raise what was wrong first if nothing can."""
    from mambaseg.types.errors import MambasegError

    layers, problems = [], []
    for reading in readings:
        try:
            layers += reading()
        except MambasegError as error:
            problems.append(error)
    if problems and not layers:
        raise problems[0]
    if problems:
        from mambaseg.plugin.notices import report

        for problem in problems:
            report(problem)
    return layers


def _read_one(path: Path) -> list[LayerData]:
    # Here and not above, so that a menu opens fast and whatever else is broken.
    from mambaseg.data import list_parts, read_segmentation
    from mambaseg.data.mask_kinds import is_mask
    from mambaseg.plugin.layers import labels_layer

    if is_mask(path):
        data, options, kind = labels_layer(read_segmentation(path))
        return [(data, options | {"name": path.stem}, kind)]
    parts = list_parts(path)
    if parts[0].kind == "series":  # a study: each of its series is a layer
        study = [one.source for one in parts if one.kind == "series"]
        return _what_can_be([partial(_image_layers, source) for source in study])
    return _image_layers(path)


def _image_layers(source: str | Path) -> list[LayerData]:
    from mambaseg.data import read_image
    from mambaseg.plugin.layers import image_layer

    return [image_layer(read_image(source))]
