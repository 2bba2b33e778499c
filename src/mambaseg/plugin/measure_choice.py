"""What is measured: measures, classes, unit and tolerance."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSizePolicy, QVBoxLayout, QWidget

from mambaseg.metrics import BASIC, MEASURES, MeasureOptions
from mambaseg.plugin.check_menu import CheckMenu
from mambaseg.plugin.parts import form, row
from mambaseg.types import LabelSet

__all__ = ["MeasureChoice"]

_UNITS = {"auto": None, "mm": "mm", "px": "px"}
_OFFERED = {name: one.about for name, one in MEASURES.items() if one.group != "counts"}
_REGIONS = ("WT", "TC", "ET")


class MeasureChoice(QWidget):
    """Fields for `MeasureOptions`."""

    def __init__(self) -> None:
        super().__init__()
        self.measures = CheckMenu("all measures")
        self.measures.set_items(list(_OFFERED), BASIC, _OFFERED)
        self.measures.setToolTip("What is measured; each measure's tooltip says what it is")
        self.classes = CheckMenu("all classes")
        self.classes.setToolTip("Which classes are measured and shown")
        self.brats = QCheckBox("BraTS regions (WT, TC, ET)")
        self.brats.setToolTip("Measure whole tumour, core and enhancing tumour, not the labels")
        self.brats.toggled.connect(self._regions)
        self.tolerance = QDoubleSpinBox()
        self.tolerance.setRange(0, 1000)
        self.tolerance.setDecimals(2)
        self.tolerance.setSingleStep(0.5)
        self.tolerance.setValue(MeasureOptions().tolerance)
        self.tolerance.setToolTip(
            "Of NSD: how far surfaces may lie apart, in mm or pixels, and still count as right"
        )
        self.unit = QComboBox()
        self.unit.addItems(list(_UNITS))
        self.unit.setToolTip(
            "Of distances, sizes and the tolerance; auto: mm where that is known, else pixels"
        )
        self.unit.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._form = form(
            [
                ("Measures", self.measures),
                ("Classes", self.classes),
                ("", self.brats),
                ("Tolerance", row(self.tolerance, self.unit, stretch=1)),
            ]
        )
        layout.addLayout(self._form)
        self._label_set: LabelSet | None = None
        self._volume = False
        self.offer(None)

    def offer(self, label_set: LabelSet | None, *, volume: bool = False) -> None:
        """Offer the classes of a mask, None: they are not known yet; of volumes, BraTS's regions.

        What was ticked of the same classes stays ticked.
        """
        self._label_set, self._volume = label_set, volume
        names = list(label_set.names.values()) if label_set is not None else []
        if self.brats.isChecked():
            names = list(_REGIONS)
        if names != self.classes.items:
            self.classes.set_items(names, names)
        self.classes.setEnabled(len(names) > 1)
        values = set(label_set.names) if label_set is not None else {1, 2}
        self._form.setRowVisible(self.brats, volume and values <= {1, 2, 3, 4} and len(values) > 1)

    def _regions(self) -> None:
        self.offer(self._label_set, volume=self._volume)

    def options(self, *, resample: bool = False) -> MeasureOptions:
        """Give what is chosen, for each frame and the whole.

        Raises
        ------
        InvalidOptionError
            If no measure or class is ticked.
        """
        classes = self.classes.ticked
        some = tuple(classes) if len(classes) < len(self.classes.items) else None
        unit = _UNITS[self.unit.currentText()]
        return MeasureOptions(
            self.measures.ticked,
            some,
            "brats" if self.brats.isChecked() and not self.brats.isHidden() else None,
            ("frame", "case"),
            unit,  # type: ignore[arg-type]
            self.tolerance.value(),
            resample,
        )
