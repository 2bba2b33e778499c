"""A journal's records, replayed to the last state that is known to be true."""

from __future__ import annotations

from mambaseg.corrections.differences import Patch, apply
from mambaseg.corrections.history import Change, History
from mambaseg.corrections.journal_head import JournalHead
from mambaseg.corrections.journal_records import Kind, Record, change_of, event_of, snapshot_of
from mambaseg.corrections.planes import Planes
from mambaseg.types.errors import StoreError

__all__ = ["Replay"]


class Replay:
    """Takes records in order; only `finish` touches pixels, each plane once.

    Parameters
    ----------
    head : JournalHead
        Of the journal.
    """

    def __init__(self, head: JournalHead) -> None:
        self._head = head
        self._history = History(Planes((0, 1, 1), head.element))
        self._since: list[Patch] = []  # the differences since the last snapshot
        self._lost = 0  # changes from before the first one that is known
        self.whole = False  # whether it is known what the mask held at some time

    def take(self, record: Record) -> bool:
        """Take a record; False if it makes no sense."""
        try:
            return self._take(record)
        except StoreError:
            return False

    def _take(self, record: Record) -> bool:
        history, payload = self._history, record.payload
        if record.kind is Kind.EVENT:
            history.events.append(event_of(payload))
        elif record.kind in (Kind.BASE, Kind.SNAPSHOT):
            position, packed = snapshot_of(payload, self._head.planes[0])
            history.planes = Planes(self._head.planes, self._head.element, packed)
            history.position = position - self._lost
            self._since, self.whole = [], True
            if record.kind is Kind.SNAPSHOT and not self._complete:
                history.changes, history.position, self._lost = [], 0, position
        elif record.kind is Kind.PAST and self.whole:
            history.changes.append(self._change(payload))
        elif not (self.whole and self._complete):
            return False
        elif record.kind is Kind.CHANGE:
            change = self._change(payload)
            self._since += change.patches
            history.add(change)
        elif record.kind is Kind.MOVE:
            position = int.from_bytes(payload, "little") - self._lost
            if not 0 <= position <= len(history.changes):
                return False  # it leads to what was lost
            self._since += history.patches_to(position)
            history.position = position
        else:
            return False
        return True

    @property
    def _complete(self) -> bool:
        """Whether all changes are known that led to the position."""
        return 0 <= self._history.position <= len(self._history.changes)

    def _change(self, payload: bytes) -> Change:
        change = change_of(payload)
        n_planes, height, width = self._head.planes
        for patch in change.patches:
            inside = patch.plane < n_planes and min(patch.height, patch.width) > 0
            if not inside or patch.top + patch.height > height or patch.left + patch.width > width:
                raise StoreError("A difference in the journal lies outside the mask.")
        return change

    def finish(self) -> History:
        """Give the history at its last state.

        Raises
        ------
        StoreError
            If a plane is not what the records say.
        """
        if not self._complete:
            self._history.changes, self._history.position = [], 0
        planes = self._history.planes
        apply(planes, self._since)
        for plane in range(planes.shape[0]):
            planes.digest(plane)  # reads it, so that damage is found now
        return self._history
