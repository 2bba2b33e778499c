"""A button whose menu stays open while several of its items are ticked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton, QSizePolicy

__all__ = ["CheckMenu"]

_NAMED = 4
"""How many ticked items the button names; of more it tells the number."""


class _StayingMenu(QMenu):
    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        action = self.activeAction()
        if action is not None and action.isCheckable():
            action.trigger()
        else:
            super().mouseReleaseEvent(event)


class CheckMenu(QPushButton):
    """Chooses some of several items.

    Parameters
    ----------
    everything : str
        What it says where all items are ticked.
    """

    changed = Signal()

    def __init__(self, everything: str) -> None:
        super().__init__()
        self._everything = everything
        self._menu = _StayingMenu(self)
        self.setMenu(self._menu)
        self.setStyleSheet("text-align: left; padding-left: 6px;")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._all = self._menu.addAction("All")
        self._none = self._menu.addAction("None")
        for both, on in ((self._all, True), (self._none, False)):
            if both is not None:
                both.triggered.connect(lambda _, on=on: self._set_all(on))
        self._menu.addSeparator()
        self._items: dict[str, Any] = {}

    def set_items(self, items: Sequence[str], ticked: Iterable[str], about: Any = None) -> None:
        """Offer other items; `about` maps them to their tooltips."""
        for old in self._items.values():
            self._menu.removeAction(old)
        self._items, chosen = {}, set(ticked)
        self._menu.setToolTipsVisible(True)
        for name in items:
            action: Any = self._menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name in chosen)
            action.setToolTip((about or {}).get(name, ""))
            action.toggled.connect(self._changed)
            self._items[name] = action
        self._tell()

    @property
    def items(self) -> list[str]:
        """All items."""
        return list(self._items)

    @property
    def ticked(self) -> list[str]:
        """Those that are ticked."""
        return [name for name, action in self._items.items() if action.isChecked()]

    def tick(self, names: Iterable[str]) -> None:
        """Tick these items and no others."""
        chosen = set(names)
        for name, action in self._items.items():
            action.setChecked(name in chosen)

    def _set_all(self, on: bool) -> None:
        self.tick(self._items if on else ())

    def _changed(self) -> None:
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        ticked = self.ticked
        if len(ticked) == len(self._items):
            self.setText(self._everything)
        elif len(ticked) > _NAMED:
            self.setText(f"{len(ticked)} of {len(self._items)}")
        else:
            self.setText(", ".join(ticked) or "none")
