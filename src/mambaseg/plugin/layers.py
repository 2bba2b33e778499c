"""Images and masks as the layer data that napari takes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import numpy as np

from mambaseg.types import ArrayLike, Geometry, LabelSet, MedicalImage, Segmentation

__all__ = ["RGB", "LayerData", "image_layer", "labels_layer", "placement"]

LayerData = tuple[ArrayLike, dict[str, Any], str]
"""Data, the keyword arguments of the layer, and "image" or "labels"."""

RGB = ("red", "green", "blue")
"""Names of the channels of a colour image."""


def image_layer(image: MedicalImage, frames: range | None = None) -> LayerData:
    """Give an image as napari layer data.

    Colour channels become napari's last axis, a single channel loses its axis,
    and any other channels are split into a layer each. A lazy video stays lazy.

    Parameters
    ----------
    image : MedicalImage
        With axes "CYX", "CTYX", "CZYX" or "CTZYX".
    frames : range or None
        Consecutive frames of a video; None for all.

    Returns
    -------
    LayerData
        Data, keyword arguments of `napari.Viewer.add_image`, and "image".
    """
    array, geometry = _per_frame(image), image.geometry
    if frames is not None:
        array = array[:, frames.start : frames.stop]
        geometry = geometry.with_frames(frames.start, frames.stop)
    options = {
        "name": PurePath(image.source).name or "image",
        "multiscale": False,
        "metadata": {
            "source": image.source,
            "notes": image.notes,
            "geometry": geometry,
        },
        **placement(image.axes.removeprefix("C"), geometry),
    }
    if image.channel_names == RGB:
        return np.moveaxis(array, 0, -1), options | {"rgb": True}, "image"
    if array.dtype == np.uint8:
        # The whole range, for napari would measure it on the first frame alone.
        options["contrast_limits"] = (0, 255)
    if len(image.channel_names) == 1:
        return array[0], options | {"rgb": False}, "image"
    options["name"] = [f"{options['name']} {channel}" for channel in image.channel_names]
    return array, options | {"rgb": False, "channel_axis": 0}, "image"


def labels_layer(segmentation: Segmentation) -> LayerData:
    """Give a mask as napari layer data, in the colours and names of its classes.

    Parameters
    ----------
    segmentation : Segmentation
        With axes "YX", "TYX", "ZYX" or "TZYX".

    Returns
    -------
    LayerData
        Data, keyword arguments of `napari.Viewer.add_labels`, and "labels".
    """
    label_set = segmentation.label_set
    options = {
        "name": segmentation.provenance.model or "labels",
        "multiscale": False,
        "opacity": 0.5,
        "colormap": _colormap(label_set),
        "features": {
            "index": [0, *label_set.names, label_set.ignore],
            "class": ["background", *label_set.names.values(), "not annotated"],
        },
        "metadata": {
            "label_set": label_set,
            "provenance": asdict(segmentation.provenance),
            "geometry": segmentation.geometry,
        },
        **placement(segmentation.axes, segmentation.geometry),
    }
    return segmentation.labels, options, "labels"


def _per_frame(image: MedicalImage) -> Any:
    """Wrap a lazy array so that napari reads one frame at a time, and only when it is shown."""
    if isinstance(image.array, np.ndarray):
        return image.array
    import dask.array

    chunks = tuple(1 if axis == "T" else -1 for axis in image.axes)
    # A random name, for dask would otherwise pickle the whole reader to make one.
    return dask.array.from_array(image.array, chunks=chunks, name=False)  # type: ignore[no-untyped-call]


def placement(axes: str, geometry: Geometry) -> dict[str, Any]:
    """Say where a layer lies: in seconds and millimetres where they are known.

    Parameters
    ----------
    axes : str
        Of the layer's data, such as "TYX".
    geometry : Geometry
        Of the image or mask.

    Returns
    -------
    dict
        scale, translate, units and axis_labels, as every napari layer takes them.
    """
    spacing = geometry.spacing_mm
    n_space = len(axes.removeprefix("T"))
    scale = list(spacing or (1.0,) * n_space)
    units = ["pixel" if spacing is None else "mm"] * n_space
    translate = [0.0] * n_space
    if axes.startswith("T"):
        times, rate = geometry.frame_times_s, geometry.frame_rate
        step, unit, start = (1 / rate, "s", times[0]) if times and rate else (1.0, "pixel", 0.0)
        scale, units, translate = [step, *scale], [unit, *units], [start, *translate]
    return {
        "scale": tuple(scale),
        "translate": tuple(translate),
        "units": tuple(units),
        "axis_labels": tuple(axes.lower()),
    }


def _colormap(label_set: LabelSet) -> Any:
    from napari.utils import DirectLabelColormap

    colors: dict[int | None, str] = {0: "transparent", label_set.ignore: "gray", None: "gray"}
    colors.update({label.value: label.color for label in label_set.classes})
    return DirectLabelColormap(color_dict=colors)
