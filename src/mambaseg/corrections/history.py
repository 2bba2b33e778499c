"""What was done to a mask, as differences that lead both ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

from mambaseg.corrections.differences import Patch, Piece, apply, take_over
from mambaseg.corrections.planes import Mask, Planes

__all__ = ["Change", "Event", "History"]


_MOST_MOVED = 200  # twice as many changes as napari can undo steps


@dataclass(frozen=True)
class Event:
    """Something that happened to a mask.

    Parameters
    ----------
    kind : str
        "stroke", "run", "program", "restored", "verified", "unverified", "classes", "moved" (by
        undo or redo)...
    time : float
        Seconds since 1970.
    user : str
        Who sat there.
    model : str
        Name of the model, where one made the change.
    frame : int or None
        The plane that it concerns, where it is one.
    text : str
        What else there is to say.
    """

    kind: str
    time: float
    user: str = ""
    model: str = ""
    frame: int | None = None
    text: str = ""


@dataclass(frozen=True)
class Change:
    """A part of a step that is undone as a whole.

    Parameters
    ----------
    event : Event
        What it was.
    step : int
        Changes of one step share it.
    patches : tuple of Patch
        At most one per plane.
    """

    event: Event
    step: int
    patches: tuple[Patch, ...]

    @property
    def n_bytes(self) -> int:
        """Size of the differences."""
        return sum(len(patch.packed) + 32 for patch in self.patches)


@dataclass
class History:
    """The changes of a mask in order; those before `position` are in force.

    Parameters
    ----------
    planes : Planes
        What the mask holds at `position`.
    changes : list of Change
        Older ones first.
    position : int
        Number of changes that are in force.
    events : list of Event
        What else happened, which undo leaves alone.
    """

    planes: Planes
    changes: list[Change] = field(default_factory=list)
    position: int = 0
    events: list[Event] = field(default_factory=list)

    def difference(self, pieces: Iterable[Piece]) -> tuple[Patch, ...]:
        """Say what pieces change, and take it over into `planes`."""
        return take_over(self.planes, pieces)

    def add(self, change: Change) -> None:
        """Note a change that `planes` hold already; what was undone before is forgotten."""
        self.changes[self.position :] = [change]
        self.position += 1

    def undo_target(self) -> int:
        """Position before the last step that is in force; the same if there is none."""
        target = self.position
        while target and self.changes[target - 1].step == self.changes[self.position - 1].step:
            target -= 1
        return target

    def redo_target(self) -> int:
        """Position after the next step that was undone; the same if there is none."""
        target = self.position
        while (
            target < len(self.changes)
            and self.changes[target].step == self.changes[self.position].step
        ):
            target += 1
        return target

    def patches_to(self, position: int) -> list[Patch]:
        """Differences that lead from here to another position, in the order to apply them."""
        if position >= self.position:
            return [p for c in self.changes[self.position : position] for p in c.patches]
        back = reversed(self.changes[position : self.position])
        return [
            patch._replace(before=patch.after, after=patch.before)
            for change in back
            for patch in change.patches
        ]

    def move(self, position: int) -> list[Piece]:
        """Go to another position; gives what the parts that change hold then."""
        pieces = apply(self.planes, self.patches_to(position))
        self.position = position
        return pieces

    def predicted(self, plane: int) -> Mask:
        """Give a plane as a model's last run left it; where none wrote it, as it was at first."""
        runs = [
            place
            for place, change in enumerate(self.changes[: self.position])
            if change.event.kind == "run" and any(patch.plane == plane for patch in change.patches)
        ]
        way = self.patches_to(runs[-1] + 1 if runs else 0)
        planes = self.planes.copy()
        apply(planes, [patch for patch in way if patch.plane == plane])
        return planes[plane]

    def same_move(self, patches: Sequence[Patch]) -> int | None:
        """Position where undoing or redoing makes exactly these changes, if there is one.

        Parameters
        ----------
        patches : sequence of Patch
            What `difference` gave; `planes` hold it already.
        """
        wanted = {patch.plane: patch.after for patch in patches}
        before = {patch.plane: patch.before for patch in patches}
        here = self.position
        back = range(here - 1, max(-1, here - _MOST_MOVED - 1), -1)
        forth = range(here, min(len(self.changes), here + _MOST_MOVED))
        for places, undoing in ((back, True), (forth, False)):
            held: dict[int, int] = {}  # by the planes that differ from what they hold here
            first: dict[int, int] = {}
            for place in places:
                change = self.changes[place]
                for patch in change.patches:
                    start, end = (patch.after, patch.before)[:: 1 if undoing else -1]
                    first.setdefault(patch.plane, start)
                    held[patch.plane] = end
                    if held[patch.plane] == first[patch.plane]:
                        del held[patch.plane]
                target = place if undoing else place + 1
                if held == wanted and self._between_steps(target):
                    return target if all(first[n] == before[n] for n in wanted) else None
        return None

    def _between_steps(self, position: int) -> bool:
        if not 0 < position < len(self.changes):
            return True
        return self.changes[position - 1].step != self.changes[position].step

    def trim(self, most_bytes: int, most: int) -> None:
        """Forget the oldest steps and events, so that those left take at most this much.

        The newest step in force stays, however large it is, and so does what was undone.
        """
        size, first = 0, len(self.changes)
        newest_first = groupby(reversed(self.changes), key=lambda change: change.step)
        for _, step in islice(newest_first, most):
            changes = list(step)
            size += sum(change.n_bytes for change in changes)
            if size > most_bytes:
                break
            first -= len(changes)
        first = min(first, self.undo_target())
        del self.changes[:first]
        self.position -= first
        del self.events[:-most]
