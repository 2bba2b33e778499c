"""Ways to the list of keys and to the tour: F1, napari's Help menu, a button in each panel."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QToolButton

from mambaseg.plugin.keys import bind, explain
from mambaseg.plugin.keys_dialog import show_keys
from mambaseg.plugin.tour import show_tour

if TYPE_CHECKING:
    import napari

__all__ = ["add_help", "help_button"]

_helped: weakref.WeakSet[Any] = weakref.WeakSet()


def add_help(viewer: napari.Viewer) -> None:
    """Bind the key for help and add to the Help menu, once."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari may hand out a proxy
    if viewer in _helped:
        return
    _helped.add(viewer)
    bind(viewer, "anywhere.help", show_keys)
    viewer = weakref.proxy(viewer)  # so that its menu does not keep it
    menu = viewer.window.help_menu
    menu.addSeparator()
    menu.addAction("Keys of mambaseg").triggered.connect(lambda: show_keys(viewer))
    menu.addAction("Tour of mambaseg").triggered.connect(lambda: show_tour(viewer))


def help_button(viewer: napari.Viewer) -> QToolButton:
    """Give a panel's way to the list of keys."""
    made = QToolButton()
    made.setText("?")
    made.setAccessibleName("Keys and help")
    made.setAutoRaise(True)
    explain(made, "anywhere.help", "Keys, and the tour of five steps")
    made.clicked.connect(lambda: show_keys(viewer))
    return made
