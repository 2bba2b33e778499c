"""Images and masks out of napari's layers, whoever made the layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mambaseg.data.grids import GridChange
from mambaseg.plugin.layers import RGB
from mambaseg.plugin.mask_layers import classes_of, data_of
from mambaseg.plugin.places import geometry_of
from mambaseg.session.taken_mask import TakenMask
from mambaseg.types import Geometry, MedicalImage, Provenance, Segmentation
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import AXES

if TYPE_CHECKING:
    from napari.layers import Image, Labels

__all__ = ["image_of", "mask_place_of", "segmentation_of", "taken_mask"]

_MEANINGS = {
    "T": ("t", "time", "frame", "frames"),
    "Z": ("z", "slice", "slices", "plane", "depth"),
    "C": ("c", "channel", "channels"),
}


def image_of(layer: Image, *, send_home: bool = False) -> MedicalImage:
    """Take an image layer as a medical image, without copying its data.

    What a leading axis means, its axis label says; else its unit; else one
    leading axis is time and two are time and z. Scale counts where its unit is
    one of length or time.

    Parameters
    ----------
    layer : napari.layers.Image
        With axes (y, x), (t, y, x), (z, y, x) or (t, z, y, x), and colours last
        if it has them.
    send_home : bool
        As in `segmentation_of`; copies the data.

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
    image = MedicalImage(
        array,
        "C" + spatial,
        geometry_of(layer, spatial, array.shape[1:]),
        names,
        layer.name,
        region=layer.metadata.get("region"),
        header=layer.metadata.get("header") or {},
    )
    home = layer.metadata.get("home")
    if not send_home or not isinstance(home, GridChange):
        return image
    if image.geometry != home.target.geometry:
        return image
    elements = home.backward(np.asarray(image.array))
    return replace(image, array=elements, geometry=home.source.geometry)


def segmentation_of(
    layer: Labels, *, one_leading_axis: str = "T", send_home: bool = False
) -> Segmentation:
    """Take a Labels layer as a mask, in the colours that it has on the screen.

    Parameters
    ----------
    layer : napari.layers.Labels
        With axes (y, x), (t, y, x), (z, y, x) or (t, z, y, x).
    one_leading_axis : {"T", "Z"}
        What it is where neither axis label nor unit says so.
    send_home : bool
        Give the mask in the order of axes of the file that its image was read
        from, where the layers show another.

    Returns
    -------
    Segmentation
        Shares the layer's data.

    Raises
    ------
    UnsupportedImageError
        If the layer has other axes, or labels above 254.
    """
    mask = taken_mask(layer, one_leading_axis).shared()
    home = layer.metadata.get("home")
    if not send_home or not isinstance(home, GridChange):
        return mask
    return home.back(mask) if mask.geometry == home.target.geometry else mask


def taken_mask(layer: Labels, one_leading_axis: str = "T") -> TakenMask:
    """Take a Labels layer without a look at its labels, which another thread may read.

    Parameters are those of `segmentation_of`.

    Raises
    ------
    UnsupportedImageError
        If the layer has other axes.
    """
    axes, geometry = mask_place_of(layer, one_leading_axis)
    provenance = layer.metadata.get("provenance")
    known = classes_of(layer)
    return TakenMask(
        layer.name,
        data_of(layer),
        axes,
        geometry,
        Provenance(**provenance) if isinstance(provenance, dict) else Provenance(),
        known.names if known is not None else {},
        _colors(layer),
    )


def mask_place_of(layer: Labels, one_leading_axis: str = "T") -> tuple[str, Geometry]:
    """Give the axes and geometry of a Labels layer without a look at its labels.

    Parameters and errors are those of `segmentation_of`.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    axes = _axes(layer, data.ndim, one_leading_axis)
    if axes not in ("YX", "TYX", "ZYX", "TZYX"):
        raise UnsupportedImageError(
            f"The layer {layer.name!r} has the axes {axes}, but a mask has no channels."
        )
    return axes, geometry_of(layer, axes, data.shape)


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


def _colors(layer: Labels) -> list[str]:
    """Colour on the screen of each value that a class may have, and of background."""
    mapped = layer.colormap.map(np.arange(255))
    rgb = np.round(255 * np.asarray(mapped, np.float64)[:, :3]).astype(int)
    return [f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in rgb.tolist()]
