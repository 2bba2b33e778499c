"""Watches a Labels layer, and tells its journal of every change."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterable
from contextlib import suppress
from operator import is_
from typing import TYPE_CHECKING, Any

from app_model.types import KeyCode, KeyMod
from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from mambaseg.corrections import Event, Piece, as_planes
from mambaseg.plugin.kept_layer import words_of
from mambaseg.plugin.napari_history import forget_history
from mambaseg.plugin.shown_plane import ShownPlane
from mambaseg.plugin.stroke_parts import Part, copy_parts, parts_of
from mambaseg.session import MaskJournal, event_now, plane_at

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["Recorder"]

_STROKE_MS = 250  # so often a stroke is kept that is still being drawn
_SWEEP_MS = 300  # so soon after the mask was drawn anew, the rest of it is looked at
_IDLE_MS = 5000  # so often it is looked at, where nothing tells of changes
_STALLED_S = 5.0


class Recorder:
    """Tells a journal what happens to a mask, whoever changes it and however.

    Strokes, fills and polygons tell where they were. Undo, and programs that
    redraw the layer, only tell that the layer was drawn anew: then, and every
    few seconds, the journal compares all of it with what it knows. Ctrl+Z and
    Ctrl+Shift+Z on the layer become the journal's.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer stands.
    layer : napari.layers.Labels
        The mask.
    journal : MaskJournal
        Where it goes.
    """

    moved = Signal(set)
    stroke_ended = Signal(list)

    def __init__(self, viewer: napari.Viewer, layer: Labels, journal: MaskJournal) -> None:
        self.journal = journal
        self._viewer, self._layer = viewer, weakref.ref(layer)
        self._looking = False  # whether such a look is on its way
        self._atoms: list[Any] = []  # what napari tells of the stroke
        self._stroke = object()  # one per stroke; a new one once napari says that it is done
        self._ending = False
        self._moving = 0  # undo and redo that are on their way
        self._point = tuple(viewer.dims.point)
        self._take_form(layer)
        self._said = _said(layer)
        self._soon = _timer(_STROKE_MS, self.capture)
        self._sweep_soon = _timer(_SWEEP_MS, self._sweep)
        self._idle = _timer(_IDLE_MS, self._sweep, single=False)
        layer.events.paint.connect(self._painted)
        layer.events.labels_update.connect(self._being_painted)
        layer.events.set_data.connect(self._redrawn)
        layer.events.data.connect(self._replaced)
        layer.bind_key(KeyMod.CtrlCmd | KeyCode.KeyZ, lambda _: self.undo(), overwrite=True)
        layer.bind_key(
            KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ, lambda _: self.redo(), overwrite=True
        )
        self._idle.start()

    @property
    def _shape(self) -> tuple[int, ...]:
        return self._form[0]

    def _take_form(self, layer: Labels) -> None:
        self._form: tuple[tuple[int, ...], Any] = (layer.data.shape, layer.data.dtype)
        self._shown = ShownPlane(self._viewer, layer)
        self._parts: list[Part] = []
        self._touched: set[int] = set()  # planes drawn on since the last look at all of them

    @property
    def layer(self) -> Labels | None:
        """The mask; None once it is gone."""
        return self._layer()

    def stop(self) -> None:
        """Look at the layer no longer; what it holds now is still kept."""
        self.capture()
        for timer in (self._soon, self._sweep_soon, self._idle):
            timer.stop()
        layer = self.layer
        if layer is not None:
            self._compare(layer, [])
            for emitter, slot in (
                (layer.events.paint, self._painted),
                (layer.events.labels_update, self._being_painted),
                (layer.events.set_data, self._redrawn),
                (layer.events.data, self._replaced),
            ):
                with suppress(ValueError):
                    emitter.disconnect(slot)

    # What napari tells

    def _painted(self, event: Any) -> None:
        self._end_stroke()  # of the stroke before, if it is still to come
        self._atoms = list(event.value)
        self._note(parts_of(self._shape, event.value))
        # Some of napari's ways to draw tell of it before the labels have changed.
        self._ending = True
        QTimer.singleShot(0, self._end_stroke)

    def _end_stroke(self) -> None:
        if self._ending:
            self._ending = False
            self.stroke_ended.emit(self._atoms)
            self.capture()
            self._stroke = object()

    def _being_painted(self, event: Any) -> None:
        layer = self.layer
        if self._ending:  # napari has told of all of it already
            self._end_stroke()
            return
        if layer is None:
            return
        shown, flat = self._shown.look()
        if flat and layer.n_edit_dimensions == 2:
            (top, left), (height, width) = event.offset, event.data.shape[:2]
            self._note([Part(shown, top, left, top + height, left + width)])
        else:  # it may reach into planes that are not shown
            self._note([Part(n, 0, 0, *self._shape[-2:]) for n in self._near(layer, shown)])
        if not self._soon.isActive():
            self._soon.start()

    def _note(self, parts: list[Part]) -> None:
        due = self._looking or self._sweep_soon.isActive()
        if due and self.journal.behind_s < _STALLED_S:
            # What else has changed in these planes is not known yet, and the look leaves them out.
            parts = [Part(part.plane, 0, 0, *self._shape[-2:]) for part in parts]
        self._parts += parts
        self._touched.update(part.plane for part in parts)

    def _near(self, layer: Labels, shown: int) -> range:
        n_planes, reach = as_planes(self._shape)[0], round(layer.brush_size) + 1
        return range(max(0, shown - reach), min(n_planes, shown + reach + 1))

    def _redrawn(self, event: object = None) -> None:
        """Look at the mask where it was drawn anew without another frame being shown."""
        self._shown.forget()
        point = tuple(self._viewer.dims.point)
        if point == self._point and not self._sweep_soon.isActive():
            self._sweep_soon.start()
        self._point = point

    def _replaced(self, event: object = None) -> None:
        layer = self.layer
        if layer is None:
            return
        # Else napari would undo an older mask's strokes in this one.
        QTimer.singleShot(0, lambda: forget_history(layer))
        if self._fits():
            self._sweep_soon.start()
        else:  # as when its type was converted
            self._take_form(layer)
            self.journal.renew(layer.data)

    # What goes to the journal

    def _fits(self) -> bool:
        layer = self.layer
        return layer is not None and (layer.data.shape, layer.data.dtype) == self._form

    def capture(self) -> None:
        """Tell the journal now what was drawn."""
        layer = self.layer
        if not self._parts or self._moving or layer is None or not self._fits():
            return
        parts, self._parts = dict.fromkeys(self._parts), []
        self.journal.record(copy_parts(layer, parts), event_now("stroke"), self._stroke)
        self._look_at_words(layer)

    def written(self, frames: Iterable[int], event: Event, step: Hashable) -> None:
        """Tell the journal that a program of ours has written frames (or slices; a still is one).

        Those of one `step` are undone together.
        """
        layer = self.layer
        if layer is None or not self._fits() or layer.ndim > 3:
            return
        parts = [Part(frame, 0, 0, *self._shape[-2:]) for frame in frames]
        self._touched.update(part.plane for part in parts)
        self.journal.record(copy_parts(layer, parts), event, step)

    def _sweep(self) -> None:
        """Have all of the mask compared with what the journal knows."""
        layer = self.layer
        if layer is None or not self._fits():
            return
        pressed = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if pressed or self._moving or self._looking:  # a stroke tells by itself
            self._sweep_soon.start()
            return
        self._sweep_soon.stop()
        self.capture()
        # What is shown may be drawn on while the journal reads.
        self._compare(layer, [Part(self._shown.look()[0], 0, 0, *self._shape[-2:])])

    def _compare(self, layer: Labels, first: list[Part]) -> None:
        self._touched, self._looking = set(), True
        copied, event = copy_parts(layer, first), event_now("program")
        self.journal.compare(layer.data, copied, event, self._touched, self._end_look)
        self._look_at_words(layer)

    def _end_look(self) -> None:
        self._looking = False

    def _look_at_words(self, layer: Labels) -> None:
        """Keep what the layer says of itself, such as how a run that has ended made it."""
        before, self._said = self._said, _said(layer)
        if all(map(is_, before, self._said)):
            return
        words = words_of(layer)
        self.journal.describe(**words)
        if before[0] is not self._said[0]:
            names = ", ".join(one.name for one in words["classes"])
            self.journal.note(event_now("classes", text=names))

    # The way back

    def undo(self) -> None:
        """Take the last step back, whoever made it and when."""
        self._move(self.journal.undo, "undo")

    def redo(self) -> None:
        """Do again what was undone last."""
        self._move(self.journal.redo, "redo")

    def go_to(self, position: int) -> None:
        """Go back, or forth, to the state after a number of changes."""
        self._move(lambda done: self.journal.go_to(position, done), "")

    def _move(self, ask: Any, napari_has: str) -> None:
        layer = self.layer
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            return
        if layer is None or not self._fits():
            return
        if not self.journal.begun or self.journal.behind_s > _STALLED_S:
            if napari_has:  # the drive does not answer: napari knows the last strokes too
                getattr(layer, napari_has)()
            return
        if self._sweep_soon.isActive():  # what it is to find comes before
            self._sweep()
        self.capture()
        self._moving += 1
        form = self._form
        ask(lambda pieces: self._put(pieces if form == self._form else []))

    def _put(self, pieces: list[Piece]) -> None:
        self._moving -= 1
        layer = self.layer
        if layer is None or not self._fits():
            return
        for plane, top, left, values in pieces:
            height, width = values.shape
            place = (slice(top, top + height), slice(left, left + width))
            layer.data[(*plane_at(self._shape, plane), *place)] = values
        if pieces:
            forget_history(layer)
            layer.refresh()
            self.moved.emit({plane for plane, *_ in pieces})
        self.capture()  # what was drawn meanwhile


def _said(layer: Labels) -> tuple[object, ...]:
    """Give what tells, by being another object, that a layer's words have changed."""
    return layer.metadata.get("label_set"), layer.metadata.get("provenance"), layer.name


def _timer(milliseconds: int, act: Any, *, single: bool = True) -> QTimer:
    timer = QTimer()
    timer.setSingleShot(single)
    timer.setInterval(milliseconds)
    timer.timeout.connect(act)
    return timer
