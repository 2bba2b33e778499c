"""The session of a viewer, and the way back to Qt's thread."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal

from mambaseg.plugin.preferences import preferences
from mambaseg.session import Session

if TYPE_CHECKING:
    import napari

__all__ = ["session_of"]

_GB = 2**30
_sessions: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()


class _Mailbox(QObject):
    """Runs functions in the thread that made it, in the order in which they were delivered.

    Made once, so that no Qt object is born in the threads that deliver.
    """

    _filled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._functions: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._filled.connect(self._run_one, Qt.ConnectionType.QueuedConnection)

    def deliver(self, function: Callable[[], None]) -> None:
        """Have a function run; from any thread."""
        self._functions.put(function)
        self._filled.emit()

    def _run_one(self) -> None:
        self._functions.get()()


def session_of(viewer: napari.Viewer) -> Session:
    """Give the session that all panels of a viewer share; call it in Qt's thread.

    It ends when the viewer's window closes.
    """
    key = getattr(viewer, "__wrapped__", viewer)  # napari may hand out a proxy
    if key not in _sessions or _sessions[key].closed:
        limit = round(preferences.get("computing", "memory_gb") * _GB)
        session = _sessions[key] = Session(_Mailbox().deliver, memory_limit=limit or None)
        window = getattr(key, "window", None)  # a model of a viewer has none
        if window is not None:
            window.main_menu.window().destroyed.connect(session.close)
    return _sessions[key]
