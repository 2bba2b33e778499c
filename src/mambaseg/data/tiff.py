"""TIFF files of several pages: stacks, with what ImageJ and mambaseg write into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.volume_headers import MILLIMETRES, PACKED_AT_MOST, check_size
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["described_tiff", "open_tiff"]

_MEANING = {"S": "C", "Q": "Z", "I": "Z", "Z": "Z", "T": "T", "C": "C", "Y": "Y", "X": "X"}


def _damaged(path: Path) -> UnreadableImageError:
    return UnreadableImageError(
        f"{path} cannot be read as TIFF: it is damaged, cut short or packed in a way that is not "
        "understood. Save it again without compression."
    )


def described_tiff(path: Path) -> dict[str, Any] | None:
    """Give what mambaseg wrote into a TIFF file, or None if another program wrote the file.

    Raises
    ------
    UnreadableImageError
        If the file is damaged.
    """
    try:
        with tifffile.TiffFile(path) as file:
            text = file.pages.first.description
        content = json.loads(text) if text.startswith('{"format_version"') else None
    except Exception as error:  # whatever a damaged file leads tifffile to
        raise _damaged(path) from error
    return content if isinstance(content, dict) else None


def open_tiff(path: Path, source: str) -> MedicalImage | None:
    """Read the header of a TIFF file of several pages.

    Parameters
    ----------
    path : Path
        An existing file.
    source : str
        Where it came from, as the user wrote it.

    Returns
    -------
    MedicalImage, or None
        Pages are slices unless the file calls them frames; its array reads them
        when it is indexed. None if there is one page: a still image.

    Raises
    ------
    UnreadableImageError
        If the file is damaged.
    UnsupportedImageError
        If it has axes that an image cannot have.
    """
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            n_pages = len(file.pages)
            axes, shape, dtype = series.axes, series.shape, series.dtype
            imagej = dict(file.imagej_metadata or {})
            resolution = file.pages.first.tags.valueof("XResolution")
            vertical = file.pages.first.tags.valueof("YResolution")
    except Exception as error:  # whatever a damaged file leads tifffile to
        raise _damaged(path) from error
    if n_pages == 1 and len(shape) == 2 + axes.count("S"):
        return None
    check_size(
        path, list(shape), dtype.itemsize / PACKED_AT_MOST, path.stat().st_size, packed=False
    )
    meaning = "".join(_MEANING.get(axis, "?") for axis in axes)
    order = [meaning.index(axis) for axis in "CTZYX" if axis in meaning]
    full = "".join(axis for axis in "CTZYX" if axis in meaning or axis == "C")
    known = full in ("CYX", "CTYX", "CZYX", "CTZYX") and len({*meaning}) == len(meaning)
    if "?" in meaning or not known or dtype.kind not in "biuf":
        raise UnsupportedImageError(
            f"{path} has the axes {axes} with {shape} elements of the type {dtype}; at most time, "
            "z, y, x and colour, of numbers, were expected. Save one series of it as a file."
        )
    sizes = tuple(shape[axis] for axis in order)
    sizes = sizes if "C" in meaning else (1, *sizes)

    def load() -> NDArray[Any]:
        try:
            array = tifffile.imread(path, series=0)
        except MemoryError:
            raise
        except Exception as error:  # whatever a damaged file leads tifffile to
            raise _damaged(path) from error
        return np.transpose(array.reshape(shape), order).reshape(sizes)

    names = tuple(f"channel {i}" for i in range(sizes[0])) if sizes[0] > 1 else ("intensity",)
    if "S" in axes and sizes[0] == 3:
        names = ("red", "green", "blue")
    notes = ("The pages are taken as slices.",) if axes[0] in "QI" else ()
    interval = imagej.get("finterval")
    times = None
    if "T" in full and isinstance(interval, int | float) and interval > 0:
        times = tuple(i * float(interval) for i in range(sizes[full.index("T")]))
    geometry = Geometry(_spacing(imagej, resolution, vertical, "Z" in full), frame_times_s=times)
    return MedicalImage(DeferredArray(sizes, dtype, load), full, geometry, names, source, notes)


def _spacing(
    imagej: dict[str, Any], across: Any, down: Any, has_z: bool
) -> tuple[float, ...] | None:
    """Give what ImageJ says of the distances; plain TIFF's resolution is that of a print."""
    unit = MILLIMETRES.get(str(imagej.get("unit", "")))
    try:
        plane = [part[1] / part[0] * (unit or 0) for part in (down, across)]
        step = float(imagej.get("spacing", 0)) * (unit or 0)
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    spacing = [step, *plane] if has_z else plane
    return tuple(spacing) if min(spacing) > 0 and max(spacing) < float("inf") else None
