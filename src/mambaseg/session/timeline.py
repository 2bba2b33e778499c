"""What happened to a mask, in a few words each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from mambaseg.corrections import Change, Event, History

__all__ = ["Moment", "frames_account", "moments"]

_MOST = 1000
_WORDS = {
    "stroke": "Drawn",
    "run": "AI run",
    "carried": "Carried on",
    "copied": "Copied from the frame before",
    "interpolated": "Interpolated",
    "cleaned": "Cleaned up",
    "rejected": "Set back to the prediction",
    "program": "Changed by a program",
    "verified": "Verified",
    "unverified": "Taken back",
    "classes": "Classes changed",
    "removed": "Layer removed",
    "restored": "Restored",
}


@dataclass(frozen=True)
class Moment:
    """A line of the timeline.

    Parameters
    ----------
    time : float
        Seconds since 1970.
    text : str
        What it was.
    by : str
        The model or the user.
    frames : tuple of int
        First and last plane that it concerns; empty if none.
    position : int or None
        Number of changes after it, to go there; None for what is no step.
    in_force : bool
        False where it was undone.
    """

    time: float
    text: str
    by: str
    frames: tuple[int, ...]
    position: int | None
    in_force: bool


def moments(history: History) -> tuple[Moment, ...]:
    """Give the newest things that happened, older ones first."""
    first = max(0, len(history.changes) - _MOST)
    found, position = [], first
    for _, group in groupby(history.changes[first:], lambda change: change.step):
        changes = list(group)
        position += len(changes)
        found.append(_step(changes, position, position <= history.position))
    # Undo and redo are seen by what is struck out.
    found += [_event(event) for event in history.events[-_MOST:] if event.kind != "moved"]
    return tuple(sorted(found, key=lambda moment: moment.time))


def _step(changes: list[Change], position: int, in_force: bool) -> Moment:
    event = changes[0].event
    planes = [patch.plane for change in changes for patch in change.patches]
    frames = (min(planes), max(planes))
    return Moment(event.time, _words(event), event.model or event.user, frames, position, in_force)


def _event(event: Event) -> Moment:
    frames = () if event.frame is None else (event.frame, event.frame)
    return Moment(event.time, _words(event), event.model or event.user, frames, None, True)


def _words(event: Event) -> str:
    words = _WORDS.get(event.kind, event.kind)
    return f"{words}: {event.text}" if event.text else words


def frames_account(history: History, planes: Collection[int]) -> list[dict[str, Any]]:
    """Say how planes of a mask came about, for the provenance of what is verified.

    Returns
    -------
    list of dict
        Per kind of change, user and model: `kind`, `user`, `model`, `steps` (how many), `first`
        and `last` (seconds since 1970), in the order in which they began.
    """
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    steps: dict[tuple[str, str, str], set[int]] = {}
    for change in history.changes[: history.position]:
        if any(patch.plane in planes for patch in change.patches):
            event = change.event
            key = (event.kind, event.user, event.model)
            entry = found.setdefault(
                key,
                {"kind": event.kind, "user": event.user, "model": event.model, "first": event.time},
            )
            steps.setdefault(key, set()).add(change.step)
            entry |= {"steps": len(steps[key]), "last": event.time}
    return list(found.values())
