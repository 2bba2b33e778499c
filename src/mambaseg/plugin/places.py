"""Where layers lie: napari's scale, translate and affine for a geometry, and back again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.reorienting import nearest_axes
from mambaseg.types import Geometry

__all__ = ["geometry_of", "length_in", "placement", "steps_of", "tilt_degrees"]

_FLIP = np.eye(3)[::-1]
"""Between (x, y, z), as in DICOM, and (z, y, x), as in arrays and in napari's world."""


def placement(axes: str, geometry: Geometry, *, straighten: bool = False) -> dict[str, Any]:
    """Say where a layer lies: in seconds and in the patient's millimetres where they are known.

    napari's world is (z, y, x) of the patient system LPS, in mm.

    Parameters
    ----------
    axes : str
        Of the layer's data, such as "TYX".
    geometry : Geometry
        Of the image or mask.
    straighten : bool
        Leave out a volume's tilt: napari draws slices of tilted volumes without
        it, and would paint on others than those that it shows.

    Returns
    -------
    dict
        scale, translate, units and axis_labels, as every napari layer takes
        them, and affine for volumes that are turned.
    """
    spacing = geometry.spacing_mm
    n_space = len(axes.removeprefix("T"))
    scale = list(spacing or (1.0,) * n_space)
    units = ["pixel" if spacing is None else "mm"] * n_space
    translate = [0.0] * n_space
    affine = np.eye(len(axes) + 1)
    if spacing is not None and n_space == 3:
        origin = [*reversed(geometry.origin_mm or (0.0, 0.0, 0.0))]
        turn = np.reshape(geometry.direction or np.eye(3), (3, 3))
        turn = _FLIP @ (_straight(turn) if straighten else turn) @ _FLIP
        if np.allclose(turn, np.eye(3), atol=1e-12):
            translate = origin
        else:
            affine[-4:-1, -4:-1], affine[-4:-1, -1] = turn, origin
    if axes.startswith("T"):
        times, rate = geometry.frame_times_s, geometry.frame_rate
        step, unit, start = (1 / rate, "s", times[0]) if times and rate else (1.0, "pixel", 0.0)
        scale, units, translate = [step, *scale], [unit, *units], [start, *translate]
    return {
        "scale": tuple(scale),
        "translate": tuple(translate),
        "affine": affine,
        "units": tuple(units),
        "axis_labels": tuple(axes.lower()),
    }


def tilt_degrees(geometry: Geometry) -> float:
    """By how much a volume's axes are off the patient's, in degrees; 0 where none is known."""
    if geometry.direction is None or len(geometry.spacing_mm or ()) != 3:
        return 0.0
    turn = np.reshape(geometry.direction, (3, 3))
    cosines = np.abs(turn * _straight(turn)).sum(axis=0)
    return float(np.degrees(np.arccos(np.clip(cosines.min(), 0, 1))))


def _straight(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the directions along the patient's axes that are nearest."""
    straight = np.zeros((3, 3))
    for axis, patient in enumerate(nearest_axes(turn)):
        straight[patient, axis] = np.sign(turn[patient, axis])
    return straight


def geometry_of(layer: Any, axes: str, shape: tuple[int, ...]) -> Geometry:
    """Give the geometry of a layer, whoever made it.

    Where the layer still lies as its metadata say it was read, that is given,
    which is exact; else what scale, translate and affine amount to. A shear is
    left out. Scale counts where its unit is one of length or time.

    Parameters
    ----------
    layer : napari layer
        An image or a mask.
    axes : str
        Of its data without channel and colours, such as "TYX".
    shape : tuple of int
        Length of each.
    """
    known = layer.metadata.get("geometry")
    if isinstance(known, Geometry) and _lies_as(layer, axes, known, shape):
        return known
    corner, steps = steps_of(layer, len(axes))
    lengths = np.linalg.norm(steps, axis=1)
    spacing, times = [], None
    for axis, unit, step, start, length in zip(
        axes, layer.units, lengths, corner, shape, strict=True
    ):
        known_step = length_in(unit, "s" if axis == "T" else "mm") * float(step)
        if axis != "T":
            spacing.append(known_step)
        elif known_step > 0:
            first = length_in(unit, "s") * float(start)
            times = tuple(first + known_step * index for index in range(length))
    if not min(spacing) > 0:
        return Geometry(frame_times_s=times)
    if len(spacing) < 3:
        return Geometry(tuple(spacing), frame_times_s=times)
    to_mm = length_in(layer.units[-1], "mm")
    x, y, z = (corner[-3:][::-1] * to_mm).tolist()
    columns = (steps[-3:, -3:] / lengths[-3:, None]).T
    turn = _FLIP @ columns @ _FLIP
    return Geometry(tuple(spacing), (x, y, z), tuple(turn.ravel().tolist()), times)


def steps_of(layer: Any, n_axes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give where a layer's first element lies, and the way from it to the next along each axis.

    Of all transforms of the layer together, in array order.
    """
    corner = np.array(layer.data_to_world((0,) * n_axes))
    return corner, np.array([layer.data_to_world(row) for row in np.eye(n_axes)]) - corner


def length_in(unit: Any, name: str) -> float:
    """How many seconds or millimetres a unit is; 0 where it is of another kind."""
    target = type(unit)(name)
    if unit.dimensionality != target.dimensionality:
        return 0.0
    return float((1 * unit).to(target).magnitude)


def _lies_as(layer: Any, axes: str, geometry: Geometry, shape: tuple[int, ...]) -> bool:
    times, spacing = geometry.frame_times_s, geometry.spacing_mm
    if times is not None and ("T" not in axes or len(times) != shape[axes.index("T")]):
        return False
    if spacing is not None and len(spacing) != len(axes.removeprefix("T")):
        return False
    place = placement(axes, geometry, straighten=bool(layer.metadata.get("straightened")))
    return (
        np.allclose(layer.scale, place["scale"])
        and np.allclose(layer.translate, place["translate"])
        and np.allclose(np.asarray(layer.affine), place["affine"], atol=1e-6)
        and np.allclose(layer.rotate, np.eye(len(axes)))
        and not np.any(np.asarray(layer.shear))
        and all(
            unit == type(unit)(name) for unit, name in zip(layer.units, place["units"], strict=True)
        )
    )
