"""How errors reach the user."""

from __future__ import annotations

import traceback

import napari
from napari.utils.notifications import Notification, notification_manager, show_info
from qtpy.QtWidgets import QApplication

from mambaseg.log import open_log, write_log
from mambaseg.plugin.sessions import session_of
from mambaseg.session import diagnostics
from mambaseg.types.errors import MambasegError

__all__ = ["report"]

_COPIED = "The diagnostics are on the clipboard, without patients' data: paste them in a report."


def report(error: Exception) -> str:
    """Show an error as napari does, and give what to say about it beside a button.

    What is meant for the user is a sentence; a fault of ours keeps its
    traceback, which napari shows on request. Both can be copied with versions
    and the end of the log, which keeps the traceback in any case.
    """
    open_log()
    write_log("".join(traceback.format_exception(error)))
    if isinstance(error, MambasegError):
        text = str(error)
        notification_manager.dispatch(Notification(text, "error", actions=_actions(text)))
        return text
    text = f"This should not have happened ({type(error).__name__}: {error}). Please report it."
    vars(error).update(message=text, actions=_actions(text))  # where napari looks for them
    notification_manager.receive_error(type(error), error, error.__traceback__)
    return text


def _actions(sentence: str) -> tuple[tuple[str, object], ...]:
    def copy(notification: object) -> None:
        viewer = napari.current_viewer()
        ready = session_of(viewer).ready if viewer is not None else None
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(diagnostics(sentence, ready))
            show_info(_COPIED)

    return (("Copy diagnostics", copy),)
