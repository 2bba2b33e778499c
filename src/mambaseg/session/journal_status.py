"""How a journal stands, for those who only look."""

from __future__ import annotations

from dataclasses import dataclass

from mambaseg.corrections import Journal

__all__ = ["Status", "status_of"]


@dataclass(frozen=True)
class Status:
    """How a journal stands.

    Parameters
    ----------
    can_undo, can_redo : bool
    path : str
        Its file.
    n_bytes : int
        Size of the file.
    problem : str
        Why the last change is not on disk; empty if it is.
    """

    can_undo: bool = False
    can_redo: bool = False
    path: str = ""
    n_bytes: int = 0
    problem: str = ""


def status_of(journal: Journal) -> Status:
    """Look at a journal, in its own thread."""
    history = journal.history
    return Status(
        history.position > 0,
        history.position < len(history.changes),
        str(journal.path),
        journal.n_bytes,
        journal.problem,
    )
