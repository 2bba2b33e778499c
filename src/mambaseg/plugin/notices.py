"""How errors reach the user."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_error

from mambaseg.types.errors import MambasegError

__all__ = ["report"]


def report(error: Exception) -> str:
    """Show an error as napari does, and give what to say about it beside a button.

    What is meant for the user is a sentence; a fault of ours keeps its
    traceback, which napari shows on request.
    """
    if isinstance(error, MambasegError):
        show_error(str(error))
        return str(error)
    notification_manager.receive_error(type(error), error, error.__traceback__)
    return f"This should not have happened ({type(error).__name__}: {error}). Please report it."
