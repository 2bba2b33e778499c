"""A path that is typed, chosen or dropped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

__all__ = ["Ask", "PathField", "ask_for"]

Ask = Callable[[QFileDialog], None]
"""Sets a file dialog up for what is wanted."""


def ask_for(parent: QWidget, title: str, ask: Ask, chosen: Callable[[Path], Any]) -> None:
    """Open a file dialog, and tell what was chosen in it; the rest of napari stays usable."""
    dialog = QFileDialog(parent, title)
    ask(dialog)
    dialog.fileSelected.connect(lambda text: chosen(Path(text)))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


class PathField(QWidget):
    """A line for a path, with buttons that open file dialogs; files may be dropped on it.

    Parameters
    ----------
    placeholder : str
        Shown while it is empty.
    buttons : dict of str to (str, Ask)
        Text of each button, with the dialog's title and its set-up.
    """

    changed = Signal(object)

    def __init__(self, placeholder: str, buttons: dict[str, tuple[str, Ask]]) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setPlaceholderText(placeholder)
        asked = " / ".join(title for title, _ in buttons.values())
        self.line.setToolTip(f"{asked}: type a path, or drop it here")
        self.line.editingFinished.connect(self._edited)
        self._last: Path | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.line, 1)
        for text, (title, ask) in buttons.items():
            made = QPushButton(text)
            made.setToolTip(title)
            made.clicked.connect(lambda _, t=title, a=ask: ask_for(self, t, a, self.set_path))
            layout.addWidget(made)
        self.setAcceptDrops(True)
        self.line.setAcceptDrops(False)  # so that a file's drop is ours, as a path and no URL

    @property
    def path(self) -> Path | None:
        """What stands in the line; None if nothing does."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    def set_path(self, path: Path) -> None:
        """Put a path in the line and tell of it."""
        self.line.setText(str(path))
        self._edited()

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take what has a path."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take the first path."""
        event.acceptProposedAction()
        self.set_path(Path(event.mimeData().urls()[0].toLocalFile()))

    def _edited(self) -> None:
        if self.path != self._last:
            self._last = self.path
            self.changed.emit(self.path)
