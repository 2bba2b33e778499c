"""A layer that shows where two masks differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.utils import DirectLabelColormap

from mambaseg.metrics.difference import DIFFERENCES
from mambaseg.session.differing import DifferenceArray
from mambaseg.types import LabelSet

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["DifferenceLayer"]


class DifferenceLayer:
    """Shows and hides one layer of differences in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it goes.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None

    def show(
        self,
        prediction: Labels,
        data: tuple[Any, Any],
        label_set: LabelSet,
        values: Sequence[int],
    ) -> None:
        """Show the differences of two masks, false positives and negatives in two colours.

        Parameters
        ----------
        prediction : napari.layers.Labels
            Where it lies.
        data : pair of array-like of int
            Labels of prediction and reference.
        label_set : LabelSet
            Their classes.
        values : sequence of int
            Those that are looked at.
        """
        self.hide()
        import dask.array

        kinds = DifferenceArray(*data, label_set, tuple(values))
        chunks = tuple(1 if axis < kinds.ndim - 2 else -1 for axis in range(kinds.ndim))
        lazy = dask.array.from_array(kinds, chunks=chunks, name=False)  # type: ignore[no-untyped-call]
        colors: dict[int | None, str] = {0: "transparent", None: "transparent"}
        colors |= {kind.value: kind.color for kind in DIFFERENCES.classes}
        selection = self._viewer.layers.selection
        chosen = set(selection)
        # napari selects what is added; no one is told, for the same layers are selected after it.
        with selection.events.active.blocker():
            self.layer = self._viewer.add_labels(
                lazy,
                name=f"difference of {prediction.name}",
                opacity=0.8,
                colormap=DirectLabelColormap(color_dict=colors),
                features={
                    "index": [0, *DIFFERENCES.names],
                    "class": ["no difference", *DIFFERENCES.names.values()],
                },
                scale=prediction.scale,
                translate=prediction.translate,
                rotate=prediction.rotate,
                shear=prediction.shear,
                affine=prediction.affine,
                units=prediction.units,
                axis_labels=prediction.axis_labels,
                metadata={"difference": True},
            )
            self.layer.editable = False
            selection.clear()
            selection.update(chosen)

    def hide(self) -> None:
        """Take the layer away, if it is there."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = None
