"""The text at the head of an NRRD file, for labels and for images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.geometry import Geometry

__all__ = ["NRRD_TYPES", "nrrd_header"]

NRRD_TYPES: Final = {
    "int8": "int8",
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "uint16",
    "int32": "int32",
    "uint32": "uint32",
    "int64": "int64",
    "uint64": "uint64",
    "float32": "float",
    "float64": "double",
}
"""NRRD's name of each type of element, by numpy's."""

_SPACES = {"ZYX": "space: left-posterior-superior", "TZYX": "space: left-posterior-superior-time"}


def nrrd_header(
    axes: str,
    shape: tuple[int, ...],
    dtype: str,
    geometry: Geometry,
    *,
    encoding: str,
    keys: Mapping[str, str],
) -> bytes:
    """Compose a header with its closing empty line.

    The time axis comes last in the file, its step being the mean time between
    frames in seconds; unknown steps are 1.

    Parameters
    ----------
    axes : {"YX", "TYX", "ZYX", "TZYX"}
        Meaning of each axis of `shape`.
    shape : tuple of int
        In array order.
    dtype : str
        A key of `NRRD_TYPES`; elements follow in little-endian order.
    geometry : Geometry
        Of the image.
    encoding : {"gzip", "raw"}
        How the elements follow.
    keys : mapping of str to str
        Further key/value pairs, each value on one line.
    """
    n_spatial = sum(axis in "ZYX" for axis in axes)
    size = len(axes)
    steps = [*reversed(geometry.spacing_mm or (1.0,) * n_spatial)]
    units = ["mm" if geometry.spacing_mm else ""] * n_spatial
    kinds = ["domain"] * n_spatial
    turn = np.eye(size)
    origin = np.zeros(size)
    if n_spatial == 3:
        # A plane has no place in a three-dimensional patient system.
        turn[:3, :3] = np.reshape(geometry.direction or np.eye(3), (3, 3))
        origin[:3] = geometry.origin_mm or np.zeros(3)
    if "T" in axes:
        rate = geometry.frame_rate
        steps.append(1 / rate if rate else 1.0)
        units.append("s" if rate else "")
        kinds.append("time")
    lines = [
        "NRRD0005",
        "# Written by mambaseg",
        f"type: {NRRD_TYPES[dtype]}",
        f"dimension: {size}",
        _SPACES.get(axes, f"space dimension: {size}"),
        f"sizes: {' '.join(str(length) for length in reversed(shape))}",
        f"space directions: {' '.join(_vector(turn[:, i] * steps[i]) for i in range(size))}",
        f"kinds: {' '.join(kinds)}",
        "endian: little",
        f"encoding: {encoding}",
        f"space origin: {_vector(origin)}",
        "space units: " + " ".join(f'"{unit}"' for unit in units),
        *(f"{key}:={value}" for key, value in keys.items()),
    ]
    return ("\n".join(lines) + "\n\n").encode("ascii")


def _vector(values: NDArray[Any]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"
