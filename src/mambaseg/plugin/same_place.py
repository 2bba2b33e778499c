"""Whether two layers show the same elements at the same places."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from mambaseg.metrics.grids import Grid, check_grids
from mambaseg.plugin.places import length_in, steps_of

__all__ = ["check_same_place"]

_RESCALE = (
    "right-click the layer that lies right, choose Copy scale and transforms > Copy scale to "
    "clipboard, and apply it to the other from the same menu"
)


def check_same_place(one: Any, other: Any, axes: str, advice: str) -> None:
    """Refuse layers of another shape or scale than each other.

    Scales are compared axis by axis where both have the same unit, as two layers have too
    whose units nobody set.

    Parameters
    ----------
    one, other : napari layer
        Masks, or images.
    axes : str
        Of both without channels, such as "TYX".
    advice : str
        What to do next, beside mending the scale.

    Raises
    ------
    MismatchError
        If they differ; it says what does, along which axis, and by how much.
    """
    found, true = _grid_of(one, axes), _grid_of(other, axes)
    same_shape = found.shape == true.shape
    check_grids(found, true, f"{advice}, or {_RESCALE}." if same_shape else f"{advice}.")


def _grid_of(layer: Any, axes: str) -> Grid:
    """Give the grid of a layer without its channels."""
    data, kind = layer.data[0] if layer.multiscale else layer.data, "mask"
    shape, first = tuple(data.shape), 0
    if isinstance(layer, Image):
        shape, kind = shape[: -1 if layer.rgb else None], "image"
        first = max(len(shape) - len(axes), 0)
    lengths = np.linalg.norm(steps_of(layer, len(shape))[1], axis=1)
    steps = tuple(map(_step, lengths.tolist(), layer.units))
    return Grid(f"the {kind} {layer.name!r}", axes, shape[first:], steps[first:])


def _step(length: float, unit: Any) -> tuple[float, str]:
    for name in ("mm", "s"):
        if factor := length_in(unit, name):
            return factor * length, name
    return length, "" if str(unit) == "pixel" else str(unit)
