"""The session of a viewer, and the way back to Qt's thread."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from superqt.utils import ensure_main_thread

from mambaseg.session import Session

if TYPE_CHECKING:
    import napari

__all__ = ["deliver", "session_of"]

_sessions: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()


@ensure_main_thread
def _call(function: Callable[[], None]) -> None:
    function()


def deliver(function: Callable[[], None]) -> None:
    """Run a function in Qt's thread, after what was delivered before it; from any thread."""
    _call(function)


def session_of(viewer: napari.Viewer) -> Session:
    """Give the session that all panels of a viewer share."""
    key = getattr(viewer, "__wrapped__", viewer)  # napari may hand out a proxy
    if key not in _sessions or _sessions[key].closed:
        _sessions[key] = Session(deliver)
    return _sessions[key]
