"""HDF5 files: images that are named data sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.volume_headers import check_size
from mambaseg.types.errors import (
    MambasegError,
    UnknownNameError,
    UnreadableImageError,
    UnsupportedImageError,
)
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["list_data_sets", "open_data_set"]

_USUAL = ("image", "img", "data", "raw", "volume", "x")
_MOST_CHANNELS = 8


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (MambasegError, MemoryError):
        raise
    except Exception as error:  # whatever a damaged file leads h5py to
        raise UnreadableImageError(
            f"{path} cannot be read as HDF5: it is damaged or cut short. Copy or export it again."
        ) from error


def list_data_sets(path: Path) -> dict[str, tuple[int, ...]]:
    """Name the data sets of a file that can be images, with their shapes.

    Links to other files are not followed.

    Raises
    ------
    UnreadableImageError
        If the file is damaged.
    """
    found: dict[str, tuple[int, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and _is_image(item) and not item.external:
            found[name] = item.shape

    with _opened(path) as file:
        file.visititems(visit)
    return found


def _is_image(data: h5py.Dataset) -> bool:
    shape = data.shape or ()
    return data.dtype.kind in "biuf" and 2 <= len(shape) <= 4 and min(shape, default=0) > 0


def open_data_set(path: Path, source: str, name: str | None = None) -> MedicalImage:
    """Open a data set; its elements are read when they are indexed.

    Two axes are (y, x) and three (z, y, x), or (y, x, colour) where the last is
    3 long and the others are not. Of four axes the first, or else the last, is
    the channel, if at most 8 long; the others are (z, y, x). Spacing is what an
    attribute `element_size_um` (z, y, x) says, else unknown.

    Parameters
    ----------
    path : Path
        An existing file.
    source : str
        Where it came from, as the user wrote it.
    name : str or None
        The data set. None: the only one, or one that is called image, img,
        data, raw, volume or x.

    Raises
    ------
    UnreadableImageError
        If the file is damaged.
    UnsupportedImageError
        If it holds no image, or the data set's axes cannot be told.
    UnknownNameError
        If there is no data set of that name, or none is named and there are several.
    """
    found = list_data_sets(path)
    if not found:
        raise UnsupportedImageError(
            f"{path} is HDF5, but holds no data set of 2 to 4 axes of numbers; an image was "
            "expected."
        )
    usual = [one for one in _USUAL if one in found]
    chosen = name or (next(iter(found)) if len(found) == 1 else "".join(usual[:1]))
    if chosen not in found:
        listed = ", ".join(f"{one} {shape}" for one, shape in found.items())
        raise UnknownNameError(
            f"{path} holds the data sets {listed}: "
            f"{'choose one of them' if name is None else f'there is no {name!r}'}, for example "
            f"as {path.name}::{next(iter(found))}."
        )
    with _opened(path) as file:
        data = file[chosen]
        bytes_each = data.dtype.itemsize
        check_size(path, [*found[chosen]], bytes_each, path.stat().st_size, packed=True)
        kind = np.dtype(np.uint8) if data.dtype.kind == "b" else data.dtype.newbyteorder("=")
        kind = np.dtype(np.float32) if kind == np.float16 else kind
        size = data.attrs.get("element_size_um")
    axes, order, reading = _axes(path, chosen, found[chosen])
    moved = tuple(found[chosen][axis] for axis in order)
    full = moved if len(order) == len(axes) else (1, *moved)

    def load() -> NDArray[Any]:
        with _opened(path) as file:
            return np.transpose(file[chosen][()], order).astype(kind).reshape(full)

    def plane(index: int) -> NDArray[Any]:
        with _opened(path) as file:
            place: list[Any] = [slice(None)] * len(order)
            place[order[len(order) - 3]] = index
            part = np.expand_dims(file[chosen][tuple(place)], order[len(order) - 3])
            return np.transpose(part, order).astype(kind).reshape(full[0], *full[-2:])

    rgb = axes == "CYX" and full[0] == 3
    names = ("red", "green", "blue") if rgb else tuple(f"channel {i}" for i in range(full[0]))
    spacing = _spacing(size, len(axes) - 1)
    return MedicalImage(
        DeferredArray(full, kind, load, plane if axes == "CZYX" else None),
        axes,
        Geometry(spacing),
        names if full[0] > 1 else ("intensity",),
        source,
        (f"HDF5 names no axes: those of {chosen!r}, {found[chosen]}, are taken as {reading}.",),
    )


def _axes(path: Path, name: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...], str]:
    """Give the image's axes, the order of the data set's that they need, and it in words."""
    if len(shape) == 2:
        return "CYX", (0, 1), "(y, x)"
    if len(shape) == 3 and shape[2] == 3 and min(shape[:2]) > 3:
        return "CYX", (2, 0, 1), "(y, x, colour)"
    if len(shape) == 3:
        return "CZYX", (0, 1, 2), "(z, y, x)"
    if shape[0] <= _MOST_CHANNELS:
        return "CZYX", (0, 1, 2, 3), "(channel, z, y, x)"
    if shape[3] <= _MOST_CHANNELS:
        return "CZYX", (3, 0, 1, 2), "(z, y, x, channel)"
    raise UnsupportedImageError(
        f"{path}: the data set {name!r} has the shape {shape}, and which axis is the channel "
        f"cannot be told; one of at most {_MOST_CHANNELS} was expected, first or last."
    )


def _spacing(size: Any, n_spatial: int) -> tuple[float, ...] | None:
    values = np.asarray([] if size is None else size).ravel()
    if len(values) < n_spatial or values.dtype.kind not in "fiu" or not np.all(values > 0):
        return None
    return tuple(float(value) / 1000 for value in values[-n_spatial:])
