"""Images and masks out of napari's layers, whoever made the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mambaseg.plugin.layers import RGB, placement
from mambaseg.types import (
    Geometry,
    LabelClass,
    LabelSet,
    MedicalImage,
    Provenance,
    Segmentation,
)
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import AXES

if TYPE_CHECKING:
    from napari.layers import Image, Labels

__all__ = ["image_of", "segmentation_of"]

_MEANINGS = {
    "T": ("t", "time", "frame", "frames"),
    "Z": ("z", "slice", "slices", "plane", "depth"),
    "C": ("c", "channel", "channels"),
}


def image_of(layer: Image) -> MedicalImage:
    """Take an image layer as a medical image, without copying its data.

    What a leading axis means, its axis label says; else its unit; else one
    leading axis is time and two are time and z. Scale counts where its unit is
    one of length or time.

    Parameters
    ----------
    layer : napari.layers.Image
        With axes (y, x), (t, y, x), (z, y, x) or (t, z, y, x), and colours last
        if it has them.

    Returns
    -------
    MedicalImage
        Its source is the layer's name.

    Raises
    ------
    UnsupportedImageError
        If the layer has other axes.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    axes = _axes(layer, data.ndim - int(layer.rgb), "T")
    array = _sliceable(data)
    names: tuple[str, ...] = ("intensity",)
    if layer.rgb:
        array, names = np.moveaxis(array, -1, 0)[:3], RGB
    elif axes.startswith("C"):
        names = tuple(f"channel {index}" for index in range(array.shape[0]))
    else:
        array = array[None]
    spatial = axes.removeprefix("C")
    return MedicalImage(
        array, "C" + spatial, _geometry(layer, spatial, array.shape[1:]), names, layer.name
    )


def segmentation_of(layer: Labels, *, one_leading_axis: str = "T") -> Segmentation:
    """Take a Labels layer as a mask, in the colours that it has on the screen.

    Parameters
    ----------
    layer : napari.layers.Labels
        With axes (y, x), (t, y, x), (z, y, x) or (t, z, y, x).
    one_leading_axis : {"T", "Z"}
        What it is where neither axis label nor unit says so.

    Returns
    -------
    Segmentation
        Shares the layer's data.

    Raises
    ------
    UnsupportedImageError
        If the layer has other axes, or labels above 254.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    axes = _axes(layer, data.ndim, one_leading_axis)
    if axes not in ("YX", "TYX", "ZYX", "TZYX"):
        raise UnsupportedImageError(
            f"The layer {layer.name!r} has the axes {axes}, but a mask has no channels."
        )
    provenance = layer.metadata.get("provenance")
    return Segmentation(
        data,
        axes,
        _label_set(layer, data),
        _geometry(layer, axes, data.shape),
        Provenance(**provenance) if isinstance(provenance, dict) else Provenance(),
    )


def _axes(layer: Any, ndim: int, one_leading_axis: str) -> str:
    leading = {2: "", 3: one_leading_axis, 4: "TZ"}.get(ndim)
    if leading is not None:
        names, units = layer.axis_labels[:-2], layer.units[:-2]
        leading = "".join(map(_meaning, names, units, leading))
    if leading is None or f"C{leading.removeprefix('C')}YX" not in AXES:
        raise UnsupportedImageError(
            f"The layer {layer.name!r} has {ndim} axes {tuple(layer.axis_labels)}; expected "
            "(y, x) with t, z or both in front. Split it, or give its axes those labels."
        )
    return leading + "YX"


def _meaning(name: str, unit: Any, otherwise: str) -> str:
    for axis, names in _MEANINGS.items():
        if name.lower() in names:
            return axis
    if unit.dimensionality == {"[time]": 1}:
        return "T"
    return "Z" if unit.dimensionality == {"[length]": 1} else otherwise


def _sliceable(data: Any) -> Any:
    """Give data that numpy's functions take and leave lazy."""
    if isinstance(data, np.ndarray) or hasattr(data, "__array_function__"):
        return data
    import dask.array

    return dask.array.from_array(data, name=False)  # type: ignore[no-untyped-call]


def _geometry(layer: Any, axes: str, shape: tuple[int, ...]) -> Geometry:
    known = layer.metadata.get("geometry")
    if isinstance(known, Geometry) and _lies_as(layer, axes, known, shape):
        return known  # exact, where scale and units hold but a mean
    spacing, times = [], None
    for axis, scale, unit, start, length in zip(
        axes, layer.scale, layer.units, layer.translate, shape, strict=True
    ):
        step = _in(unit, "s" if axis == "T" else "mm") * float(scale)
        if axis != "T":
            spacing.append(step)
        elif step > 0:
            first = _in(unit, "s") * float(start)
            times = tuple(first + step * index for index in range(length))
    return Geometry(tuple(spacing) if min(spacing) > 0 else None, frame_times_s=times)


def _lies_as(layer: Any, axes: str, geometry: Geometry, shape: tuple[int, ...]) -> bool:
    times, spacing = geometry.frame_times_s, geometry.spacing_mm
    if times is not None and ("T" not in axes or len(times) != shape[axes.index("T")]):
        return False
    if spacing is not None and len(spacing) != len(axes.removeprefix("T")):
        return False
    place = placement(axes, geometry)
    return (
        np.allclose(layer.scale, place["scale"])
        and np.allclose(layer.translate, place["translate"])
        and all(
            unit == type(unit)(name) for unit, name in zip(layer.units, place["units"], strict=True)
        )
    )


def _in(unit: Any, name: str) -> float:
    """How many seconds or millimetres a unit is; 0 where it is of another kind."""
    target = type(unit)(name)
    if unit.dimensionality != target.dimensionality:
        return 0.0
    return float((1 * unit).to(target).magnitude)


def _label_set(layer: Labels, data: Any) -> LabelSet:
    known = layer.metadata.get("label_set")
    names = known.names if isinstance(known, LabelSet) else {}
    values = list(names) or [int(value) for value in np.unique(np.asarray(data)) if value] or [1]
    if not 0 < min(values) <= max(values) <= 254:
        raise UnsupportedImageError(
            f"The layer {layer.name!r} has labels from {min(values)} to {max(values)}; "
            "classes are numbered from 1 to 254. Renumber its labels."
        )
    return LabelSet(
        tuple(
            LabelClass(value, names.get(value, f"class {value}"), _color(layer, value))
            for value in values
        )
    )


def _color(layer: Labels, value: int) -> str:
    color = layer.get_color(value)
    red, green, blue = (round(float(part) * 255) for part in color[:3])
    return f"#{red:02X}{green:02X}{blue:02X}"
