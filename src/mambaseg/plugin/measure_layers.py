"""Layers of masks that are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from mambaseg.metrics import MeasureOptions
from mambaseg.plugin.correction import known_correction
from mambaseg.plugin.from_layers import mask_place_of
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.mask_layers import classes_of, data_of
from mambaseg.plugin.other_mask import OtherMask
from mambaseg.plugin.parts import form
from mambaseg.plugin.same_place import check_same_place
from mambaseg.session import Comparison
from mambaseg.types import LabelSet
from mambaseg.types.errors import MambasegError, UnsupportedImageError

if TYPE_CHECKING:
    import napari

__all__ = ["MeasureLayers"]

_NO_MASKS = (
    "Two masks of one clip are needed: the one to judge, from Segment, and a reference, which is "
    "opened with File > Open or the Load panel, or drawn."
)
_NO_SECOND = (
    "There is no third mask to compare with: open the second model's or person's, or untick "
    '"Beside a second mask".'
)


class MeasureLayers(QWidget):
    """Fields for the `Comparison` of one or two masks with a reference.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.

    Signals
    -------
    changed
        Other masks are chosen.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.prediction = LayerChoice(viewer, Labels, "no mask: run Segment first")
        self.reference = OtherMask(viewer, [self.prediction], "no mask to compare with")
        self.second = QCheckBox("Beside a second mask")
        self.second.setToolTip("Judge a second model or person by the same reference")
        self.against = OtherMask(
            viewer, [self.prediction, self.reference], "no second mask to judge"
        )
        self.leave_out = QCheckBox("Leave out verified frames")
        self.prediction.setToolTip("The mask to judge")
        self.reference.setToolTip("The mask that counts as true")
        self.against.setToolTip("The second model's or person's mask")
        self.leave_out.setToolTip(
            "A model that learned from verified frames is judged fairly on the others alone"
        )
        self._form: QFormLayout = form(
            [
                ("Mask", self.prediction),
                ("Reference", self.reference),
                ("", self.second),
                ("Second", self.against),
                ("", self.leave_out),
            ]
        )
        self.setLayout(self._form)
        for choice in (self.prediction, self.reference):
            choice.layer_changed.connect(self.changed)
        self.second.toggled.connect(lambda on: self._form.setRowVisible(self.against, on))
        self._form.setRowVisible(self.against, False)

    @property
    def label_set(self) -> LabelSet | None:
        """The classes of the masks, where one of them knows its own."""
        layers = (self.reference.layer, self.prediction.layer)
        return classes_of(*(layer for layer in layers if layer is not None))

    @property
    def volume(self) -> bool:
        """Whether a mask is of a volume."""
        layers = (self.reference.layer, self.prediction.layer)
        return any("Z" in _axes(layer) for layer in layers if layer is not None)

    def masks(self) -> list[Labels]:
        """Give the mask to judge, and the second one where it is asked for.

        Raises
        ------
        UnsupportedImageError
            If there are too few.
        """
        if self.prediction.layer is None or not self.reference.is_other:
            raise UnsupportedImageError(_NO_MASKS)
        if not self.second.isChecked():
            return [self.prediction.layer]
        if not self.against.is_other:
            raise UnsupportedImageError(_NO_SECOND)
        return [self.prediction.layer, self.against.layer]

    def comparison(self, mask: Labels, options: MeasureOptions) -> Comparison:
        """Say how one of the masks is compared with the reference.

        Raises
        ------
        UnsupportedImageError
            If the layer is no mask, or lies otherwise than the reference.
        """
        reference = self.reference.layer
        axes, geometry = mask_place_of(mask)
        check_same_place(mask, reference, axes, "choose two masks of one clip")
        if geometry.spacing_mm is None:
            geometry = mask_place_of(reference)[1]
        return Comparison(
            data_of(mask),
            data_of(reference),
            self.label_set,
            self._left_out(),
            axes,
            geometry,
            options,
        )

    def _left_out(self) -> frozenset[int]:
        if not self.leave_out.isChecked():
            return frozenset()
        frames: frozenset[int] = frozenset()
        for layer in (*self.masks(), self.reference.layer):
            correction = known_correction(layer)
            if correction is not None:
                frames |= correction.clip.protected
        return frames


def _axes(layer: Labels) -> str:
    try:
        return mask_place_of(layer)[0]
    except MambasegError:  # it is told when it is measured
        return ""
