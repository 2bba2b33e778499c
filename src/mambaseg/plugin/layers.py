"""Images and masks as the layer data that napari takes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import numpy as np

from mambaseg.data.reorienting import shown_in_order
from mambaseg.data.window import GreyWindow
from mambaseg.plugin.lazy_frames import LazyFrames
from mambaseg.plugin.places import placement
from mambaseg.types import ArrayLike, LabelSet, MedicalImage, Segmentation

__all__ = ["RGB", "LayerData", "image_layer", "inherited", "labels_layer"]

LayerData = tuple[ArrayLike, dict[str, Any], str]
"""Data, the keyword arguments of the layer, and "image" or "labels"."""

RGB = ("red", "green", "blue")
"""Names of the channels of a colour image."""


def image_layer(
    image: MedicalImage, frames: range | None = None, *, straighten: bool = False
) -> LayerData:
    """Give an image as napari layer data.

    Colour channels become napari's last axis, a single channel loses its axis,
    and any other channels are split into a layer each. A lazy video stays lazy.
    A volume whose axes come in another order than (z, y, x), a sagittal series
    for example, is shown in this order, without copying it: napari cannot slice
    it otherwise. What its masks need to go home lies in `metadata["home"]`.

    Parameters
    ----------
    image : MedicalImage
        With axes "CYX", "CTYX", "CZYX" or "CTZYX".
    frames : range or None
        Consecutive frames of a video; None for all.
    straighten : bool
        Leave out a tilt; see `mambaseg.plugin.places.placement`.

    Returns
    -------
    LayerData
        Data, keyword arguments of `napari.Viewer.add_image`, and "image".
    """
    source_file = image.source
    home = shown_in_order(image)
    if home is not None:
        image = home.image(image)
    geometry = image.geometry
    shape = tuple(image.array.shape[1:])
    if frames is not None:
        geometry = geometry.with_frames(frames.start, frames.stop)
        shape = (frames.stop - frames.start, *shape[1:])
    options = {
        "name": PurePath(image.source).name.rpartition("::")[2] or "image",
        "multiscale": False,
        "metadata": {
            "source": image.source,
            "file": source_file,
            "notes": image.notes,
            "geometry": geometry,
            "region": image.region,
            "header": dict(image.header),
            **({} if home is None else {"home": home}),
            **({"straightened": True} if straighten else {}),
        },
        **placement(image.axes.removeprefix("C"), geometry, shape, straighten=straighten),
    }
    if image.channel_names == RGB:
        return _data(image, frames, None), options | {"rgb": True}, "image"
    limits = [_limits(image, channel) for channel in range(len(image.channel_names))]
    if len(image.channel_names) == 1:
        options |= {"rgb": False, "contrast_limits": limits[0]}
        return _data(image, frames, 0), options, "image"
    name = PurePath(image.source.partition("::")[0]).name or "image"
    options["name"] = [f"{name} {channel}" for channel in image.channel_names]
    # napari splits the channels of one array into layers.
    array = np.asarray(
        image.array if frames is None else image.array[:, frames.start : frames.stop]
    )
    return array, options | _look(image) | {"channel_axis": 0, "contrast_limits": limits}, "image"


def inherited(layer: Any) -> dict[str, Any]:
    """Give what of an image layer's metadata its mask's layer needs, to be saved where it lies."""
    names = ("file", "home", "straightened")
    return {name: layer.metadata[name] for name in names if name in layer.metadata}


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
    home = shown_in_order(segmentation)
    geometry, labels = segmentation.geometry, segmentation.labels
    if home is not None:
        geometry, labels = home.target.geometry, home.forward(np.asarray(labels), labels=True)
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
            "geometry": geometry,
            **({} if home is None else {"home": home}),
        },
        **placement(segmentation.axes, geometry, tuple(labels.shape)),
    }
    return labels, options, "labels"


def _limits(image: MedicalImage, channel: int) -> tuple[float, float]:
    """Contrast limits: the header's, the whole range of a byte, or robust ones of a few planes."""
    if image.window is not None and image.array.shape[0] == 1:
        return image.window
    if image.array.dtype == np.uint8:
        # The whole range, for napari would measure it on the first frame alone.
        return 0, 255
    window = GreyWindow.of(image, channel)
    return window.black, max(window.white, window.black + 1e-6)


def _look(image: MedicalImage) -> dict[str, Any]:
    """Say how several channels are shown: scans in grey, one at a time; stains in colours."""
    n_channels = len(image.channel_names)
    if image.kind == "volume" and image.geometry.spacing_mm is not None:
        visible = [True] + [False] * (n_channels - 1)
        return {"rgb": False, "colormap": ["gray"] * n_channels, "visible": visible}
    return {"rgb": False}


def _data(image: MedicalImage, frames: range | None, channel: int | None) -> Any:
    """Give one channel, or all as the last axis; a lazy video's frames are read when shown."""
    array = image.array
    if not isinstance(array, np.ndarray) and image.kind == "video":
        return LazyFrames(array, frames or range(image.n_frames), channel)
    whole = np.asarray(array if frames is None else array[:, frames.start : frames.stop])
    return np.moveaxis(whole, 0, -1) if channel is None else whole[channel]


def _colormap(label_set: LabelSet) -> Any:
    from napari.utils import DirectLabelColormap

    colors: dict[int | None, str] = {0: "transparent", label_set.ignore: "gray", None: "gray"}
    colors.update({label.value: label.color for label in label_set.classes})
    return DirectLabelColormap(color_dict=colors)
