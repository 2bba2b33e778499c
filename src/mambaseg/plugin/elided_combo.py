"""A choice whose text, where it is too long, leaves its middle out: names differ at their ends."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

__all__ = ["ElidedCombo"]

_MARGIN = 4


class ElidedCombo(QComboBox):
    """Shows both ends of what is chosen."""

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Paint what fits."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style: Any = self.style()
        place = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        if self.currentIndex() < 0 and self.placeholderText():
            option.currentText = self.placeholderText()
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideMiddle, place.width() - _MARGIN
        )
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
