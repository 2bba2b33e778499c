"""How an overlay is to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QSpinBox, QWidget
from superqt import QLabeledSlider

from mambaseg.export import OverlayStyle
from mambaseg.plugin.other_mask import OtherMask
from mambaseg.plugin.parts import form, row

if TYPE_CHECKING:
    import napari

    from mambaseg.plugin.layer_choice import LayerChoice

__all__ = ["Look"]


class Look(QWidget):
    """Fields for an OverlayStyle; those that do not matter are hidden.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    mask : LayerChoice
        Where the mask is chosen that is drawn.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, mask: LayerChoice) -> None:
        super().__init__()
        self.panes = _combo(
            ("Overlay", "overlay"),
            ("Image | overlay", "beside"),
            ("Before | after", "before_after"),
        )
        self.panes.setToolTip(
            "The overlay alone, with the bare image on its left, or beside an earlier mask"
        )
        self.before = OtherMask(viewer, [mask], "no earlier mask")
        self.before.layer_changed.connect(self.changed)
        self.mode = _combo(("Filled", "fill"), ("Outline", "contour"))
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
        self.scale.setRange(1, 16)
        self.scale.setValue(2)
        self.scale.setSuffix(" times")
        self.scale.setToolTip(
            "How many times larger than the image the picture is, per side; 1: its own resolution"
        )
        self.legend = _check("Legend", "Name the classes in a corner of the picture")
        self.legend.setChecked(True)
        self.scale_bar = _check("Scale bar", "A bar of a round length in mm, where that is known")
        self.time_stamp = _check("Time", "Each frame's time in s, where the frame rate is known")
        self.blank = _check(
            "Black surroundings",
            "Make black what lies outside a DICOM ultrasound picture: text about the patient may "
            "stand there",
        )
        self.blank.setChecked(True)
        self._form = form(
            [
                ("Show", self.panes),
                ("Before", self.before),
                ("Draw", self.mode),
                ("Opacity", self.opacity),
                ("Outline", self.outline),
                ("Enlarge", row(self.scale, self.legend)),
                ("Write", row(self.scale_bar, self.time_stamp)),
                ("", self.blank),
            ]
        )
        self.setLayout(self._form)
        for signal in (
            self.panes.currentIndexChanged,
            self.mode.currentIndexChanged,
            self.opacity.valueChanged,
            self.outline.valueChanged,
            self.scale.valueChanged,
            *(box.toggled for box in self._boxes.values()),
        ):
            signal.connect(self._edited)
        self._edited()

    @property
    def _boxes(self) -> dict[str, QCheckBox]:
        return {
            "legend": self.legend,
            "scale_bar": self.scale_bar,
            "time_stamp": self.time_stamp,
            "blank_outside": self.blank,
        }

    @property
    def overlay_style(self) -> OverlayStyle:
        """What the fields say."""
        return OverlayStyle(
            mode=self.mode.currentData(),
            opacity=self.opacity.value() / 100,
            contour_width=self.outline.value(),
            scale=self.scale.value(),
            layout=self.panes.currentData(),
            **{name: box.isChecked() for name, box in self._boxes.items()},
        )

    def show_style(self, style: OverlayStyle) -> None:
        """Have the fields say this."""
        self.panes.setCurrentIndex(self.panes.findData(style.layout))
        self.mode.setCurrentIndex(self.mode.findData(style.mode))
        self.opacity.setValue(round(100 * style.opacity))
        self.outline.setValue(style.contour_width)
        self.scale.setValue(style.scale)
        for name, box in self._boxes.items():
            box.setChecked(getattr(style, name))

    @property
    def summary(self) -> str:
        """What the fields say, in a few words."""
        style = self.overlay_style
        filled = f"filled {100 * style.opacity:.0f} %"
        parts = [self.panes.currentText().lower()] if style.layout != "overlay" else []
        parts.append(filled if style.mode == "fill" else f"outline {style.contour_width}")
        parts.append(f"{style.scale} times")
        return ", ".join(parts)

    def _edited(self) -> None:
        filled = self.mode.currentData() == "fill"
        self._form.setRowVisible(self.opacity, filled)
        self._form.setRowVisible(self.outline, not filled)
        self._form.setRowVisible(self.before, self.panes.currentData() == "before_after")
        self.changed.emit()


def _combo(*items: tuple[str, str]) -> QComboBox:
    made = QComboBox()
    for text, data in items:
        made.addItem(text, data)
    return made


def _check(text: str, tooltip: str) -> QCheckBox:
    made = QCheckBox(text)
    made.setToolTip(tooltip)
    return made
