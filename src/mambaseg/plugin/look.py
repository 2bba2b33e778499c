"""How an overlay is to look."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QSpinBox, QWidget
from superqt import QLabeledSlider

from mambaseg.export import OverlayStyle
from mambaseg.plugin.parts import form, row

__all__ = ["Look"]


class Look(QWidget):
    """Fields for an OverlayStyle; those that do not matter are hidden."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mode = QComboBox()
        self.mode.addItem("Filled", "fill")
        self.mode.addItem("Outline", "contour")
        self.mode.setToolTip("Tint the inside of each class, or draw its outline")
        self.opacity = QLabeledSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(40)
        self.opacity.setToolTip("How strong a filled class is, in percent")
        self.outline = QSpinBox()
        self.outline.setRange(1, 9)
        self.outline.setValue(2)
        self.outline.setSuffix(" pixels")
        self.outline.setToolTip("Width of an outline, in pixels of the enlarged picture")
        self.scale = QSpinBox()
        self.scale.setRange(1, 8)
        self.scale.setValue(2)
        self.scale.setSuffix(" times")
        self.scale.setToolTip("How many times larger than the image the picture is, per side")
        self.legend = QCheckBox("Legend")
        self.legend.setChecked(True)
        self.legend.setToolTip("Name the classes in a corner of the picture")
        self._form = form(
            [
                ("Draw", self.mode),
                ("Opacity", self.opacity),
                ("Outline", self.outline),
                ("Enlarge", row(self.scale, self.legend)),
            ]
        )
        self.setLayout(self._form)
        for signal in (
            self.mode.currentIndexChanged,
            self.opacity.valueChanged,
            self.outline.valueChanged,
            self.scale.valueChanged,
            self.legend.toggled,
        ):
            signal.connect(self._edited)
        self._edited()

    @property
    def overlay_style(self) -> OverlayStyle:
        """What the fields say."""
        return OverlayStyle(
            mode=self.mode.currentData(),
            opacity=self.opacity.value() / 100,
            contour_width=self.outline.value(),
            legend=self.legend.isChecked(),
            scale=self.scale.value(),
        )

    def _edited(self) -> None:
        filled = self.mode.currentData() == "fill"
        self._form.setRowVisible(self.opacity, filled)
        self._form.setRowVisible(self.outline, not filled)
        self.changed.emit()
