"""Which frames are exported, and in which format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QSizePolicy, QSpinBox, QWidget

from mambaseg.export import ExportPreset, OverlayStyle
from mambaseg.plugin.frame_range import FrameRange
from mambaseg.plugin.other_mask import OtherMask
from mambaseg.plugin.parts import form, row

if TYPE_CHECKING:
    import napari

    from mambaseg.plugin.layer_choice import LayerChoice

__all__ = ["ExportChoice"]

_FRAMES = ("All frames", "Some frames", "Current frame", "Worst frames")
_FORMATS = {
    "mp4 film": "mp4",
    "GIF film": "gif",
    "PNG pictures": "png",
    "TIFF pages": "tiff",
    "DICOM Secondary Capture": "dicom",
}
_FILMS = ("mp4", "gif")


class ExportChoice(QWidget):
    """Fields for what an export holds; those that do not matter are hidden.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    mask : LayerChoice
        Where the mask is chosen that is exported.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, mask: LayerChoice) -> None:
        super().__init__()
        self._mask = mask
        self.what = _combo(_FRAMES)
        self.what.setToolTip("Which frames of a clip, or slices of a volume, are written")
        self.range = FrameRange()
        self.count = QSpinBox()
        self.count.setRange(1, 200)
        self.count.setValue(9)
        self.count.setSuffix(" frames")
        self.count.setToolTip(
            "How many of the worst; and at most how many, evenly spaced, on a contact sheet"
        )
        self.rank = _combo(("Doubt of the run", "Dice with a reference"))
        self.rank.setToolTip("What the worst frames are told by")
        self.reference = OtherMask(viewer, [mask], "no reference")
        self.reference.setToolTip("The mask that counts as true")
        self.format = _combo(tuple(_FORMATS))
        self.format.setToolTip(
            "A film, one picture per frame in a folder of their own, or one file"
        )
        self.sheet = QCheckBox("Contact sheet")
        self.sheet.setToolTip("Put the frames side by side on one picture, with captions")
        self.patient = QCheckBox("Name the patient")
        self.patient.setToolTip(
            "Name the patient in the file as the image's DICOM file does, so that archives file it"
        )
        self._form = form(
            [
                ("Frames", self.what),
                ("", self.range),
                ("By", self.rank),
                ("", self.reference),
                ("Format", self.format),
                ("", self.patient),
                ("", row(self.sheet, self.count, stretch=1)),
            ]
        )
        self.setLayout(self._form)
        self._form.setContentsMargins(0, 0, 0, 0)
        mask.layer_changed.connect(self._follow_mask)
        self.sheet.toggled.connect(self._sheet_toggled)
        self.format.currentIndexChanged.connect(self._format_changed)
        self.what.currentIndexChanged.connect(self._what_changed)
        for signal in (
            self.count.valueChanged,
            self.rank.currentIndexChanged,
            self.reference.layer_changed,
        ):
            signal.connect(self._edited)
        self._follow_mask()

    @property
    def current(self) -> bool:
        """Whether the frame that the viewer shows is chosen."""
        return self.what.currentText() == _FRAMES[2]

    @property
    def some(self) -> range | None:
        """The range that is chosen; None where none is."""
        return self.range.frames if self.what.currentText() == _FRAMES[1] else None

    @property
    def worst(self) -> bool:
        """Whether the worst frames are chosen."""
        return self.what.currentText() == _FRAMES[3]

    @property
    def by_reference(self) -> bool:
        """Whether the worst are told by a reference."""
        return self.worst and self.rank.currentIndex() == 1

    def preset(self, style: OverlayStyle) -> ExportPreset:
        """Give what the fields say, with a look."""
        return ExportPreset(
            format=_FORMATS[self.format.currentText()],
            sheet=self.sheet.isChecked() and not self.current,
            frames="worst" if self.worst else "all",
            count=self.count.value(),
            style=style,
        )

    def show_preset(self, preset: ExportPreset) -> None:
        """Have the fields say this; a range or frame that is chosen stays."""
        if preset.frames == "worst" or self.worst:
            self.what.setCurrentText(_FRAMES[3 if preset.frames == "worst" else 0])
        self.count.setValue(preset.count)
        names = {suffix: name for name, suffix in _FORMATS.items()}
        self.format.setCurrentText(names[preset.format])
        self.sheet.setChecked(preset.sheet)

    def _follow_mask(self) -> None:
        layer = self._mask.layer
        doubted = layer is not None and layer.metadata.get("doubt") is not None
        self.rank.setCurrentIndex(int(not doubted))
        still = layer is not None and layer.ndim == 2
        self._form.setRowVisible(self.what, not still)
        if still:  # which has no frames to choose from, and is no film
            self.what.setCurrentIndex(0)
            if _FORMATS[self.format.currentText()] in _FILMS:
                self.format.setCurrentText("PNG pictures")
        self._edited()

    def _what_changed(self) -> None:
        if self.current and _FORMATS[self.format.currentText()] in _FILMS:
            self.format.setCurrentText("PNG pictures")
        self._edited()

    def _format_changed(self) -> None:
        if _FORMATS[self.format.currentText()] in _FILMS:
            self.sheet.setChecked(False)
        self._edited()

    def _sheet_toggled(self, wanted: bool) -> None:
        if wanted and _FORMATS[self.format.currentText()] in _FILMS:
            self.format.setCurrentText("PNG pictures")
        self._edited()

    def _edited(self) -> None:
        shown = {
            self.range: self.what.currentText() == _FRAMES[1],
            self.rank: self.worst,
            self.reference: self.by_reference,
            self.patient: _FORMATS[self.format.currentText()] == "dicom",
        }
        for field, visible in shown.items():
            self._form.setRowVisible(field, visible)
        self.sheet.setEnabled(not self.current)
        self.count.setVisible(self.worst or (self.sheet.isChecked() and not self.current))
        self.changed.emit()


def _combo(items: tuple[str, ...]) -> QComboBox:
    made = QComboBox()
    made.addItems(list(items))
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return made
