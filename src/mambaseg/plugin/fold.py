"""A part of a panel that folds away."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

__all__ = ["Fold"]

_INDENT = 10


class Fold(QWidget):
    """A title that shows or hides what is below it; folded at first.

    Parameters
    ----------
    title : str
        What it holds.
    content : QWidget
        What is shown and hidden.
    tooltip : str
        Of the title.
    """

    def __init__(self, title: str, content: QWidget, tooltip: str) -> None:
        super().__init__()
        self._title, self._summary, self.content = title, "", content
        self.button = QPushButton()
        self.button.setCheckable(True)
        self.button.setFlat(True)
        self.button.setToolTip(tooltip)
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        # Plain, whether folded or not: napari's theme paints what is checked as if it were chosen.
        self.button.setStyleSheet(
            "text-align: left; border: none; padding: 3px 0px; background: transparent;"
        )
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.button.toggled.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.button)
        layout.addWidget(content)
        margins = content.layout()
        if margins is not None:
            margins.setContentsMargins(_INDENT, 0, 0, 0)
        self._show(False)

    def set_summary(self, text: str) -> None:
        """Say in the title what the content says, for while it is folded away."""
        self._summary = text
        self._show(self.button.isChecked())

    def _show(self, unfolded: bool) -> None:
        self.content.setVisible(unfolded)
        summary = f": {self._summary}" if self._summary and not unfolded else ""
        self.button.setText(f"{'▾' if unfolded else '▸'} {self._title}{summary}")
