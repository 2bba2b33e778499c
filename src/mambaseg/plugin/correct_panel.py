"""The panel that shows which frames of a mask are verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import napari.viewer
from napari.layers import Labels
from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from mambaseg.plugin.carry_row import CarryRow
from mambaseg.plugin.class_list import ClassList
from mambaseg.plugin.cleaning_rows import CleaningRows
from mambaseg.plugin.correction import Correction, correction_of
from mambaseg.plugin.frame_cells import Cell, Legend
from mambaseg.plugin.frame_map import FrameMap
from mambaseg.plugin.history_box import HistoryBox
from mambaseg.plugin.keeping import keeping_of
from mambaseg.plugin.kept_dialog import KeptDialog
from mambaseg.plugin.keys import key_button, key_text
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.mask_image import clip_of
from mambaseg.plugin.mask_keys import bind_reason
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, button, evenly, form
from mambaseg.plugin.restore_offer import RestoreOffer
from mambaseg.plugin.retouch_rows import RetouchRows
from mambaseg.plugin.verified_clips import check_fits
from mambaseg.session import Worker
from mambaseg.types.errors import MismatchError, UnsupportedImageError

if TYPE_CHECKING:
    from napari.layers import Image

    from mambaseg.corrections import KeptWork
    from mambaseg.plugin.correction import State

__all__ = ["CorrectPanel", "show_correct_panel"]

_NO_MASK = "There is no mask: run Segment first, then correct what it made with napari's brush."
_MOST_DOUBTFUL = 10
_DOCK = "Correct (mambaseg)"


def show_correct_panel(viewer: napari.viewer.Viewer) -> None:
    """Dock the panel where it is not docked yet, so that a key's effect is seen."""
    if _DOCK not in viewer.window.dock_widgets:
        viewer.window.add_plugin_dock_widget("mambaseg", "Correct")


class CorrectPanel(Panel):
    """Chooses a mask, shows the state of its frames, and verifies them.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._correction: Correction | None = None
        self._problem = ""
        self._keeping = keeping_of(viewer)
        self._offered: Image | None = None
        # Redrawn once per turn of Qt's loop, however much has changed.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(20)
        self._soon.timeout.connect(self._show)
        self._make_fields()
        viewer.dims.events.current_step.connect(self._changed)
        viewer.layers.events.inserted.connect(self._inserted)
        self._keeping.changed.connect(self._changed)
        self._mask_changed()

    def _make_fields(self) -> None:
        self.labels = LayerChoice(self._viewer, Labels, "no mask: run Segment first")
        self.labels.layer_changed.connect(self._mask_changed)
        self.count = Note()
        self.map = FrameMap()
        self.map.frame_clicked.connect(self._go_to)
        self.legend = Legend()
        self.verify = key_button(
            "Verify frame",
            "correct.verify",
            lambda: self._do(Correction.toggle),
        )
        self.previous = key_button(
            "◀ Previous open",
            "correct.previous_open",
            lambda: self._do(lambda one: one.walk.back()),
        )
        self.next = key_button(
            "Next open ▶",
            "correct.next_open",
            lambda: self._do(lambda one: one.walk.on()),
        )
        self.doubtful = key_button(
            "Next doubtful",
            "correct.doubtful",
            lambda: self._do(lambda one: one.walk.to_doubtful()),
        )
        self.retouch = RetouchRows()
        self.map.run_marked.connect(self.retouch.show_marked)
        self.retouch.unmarked.connect(lambda: self.map.mark(range(0)))
        self.classes = ClassList()
        self.cleaning = CleaningRows(self.classes)
        self.carrying = CarryRow()
        self.take = button(
            "Load verified masks",
            "Put the verified masks into this layer, where it shows others (Ctrl+Z undoes it)",
            lambda: self._do(Correction.take_verified),
        )
        self.note = Note()
        self.offer = RestoreOffer()
        self.offer.restore_asked.connect(lambda work: self._answer(self._keeping.restore, work))
        self.offer.put_off.connect(lambda work: self._answer(self._keeping.forget, work))
        self.history = HistoryBox()
        self.history.frame_chosen.connect(self._go_to)
        self.history.settings_asked.connect(self._open_settings)
        self.body.addWidget(self.offer)
        self.body.addLayout(form([("Mask", self.labels)]))
        for part in (self.count, self.map, self.legend):
            self.body.addWidget(part)
        self.body.addWidget(self.verify)
        self.body.addLayout(evenly(self.previous, self.next, self.doubtful))
        for rows in (self.retouch, self.carrying, self.classes, self.cleaning, self.take):
            self.body.addWidget(rows)
        self.body.addWidget(self.note)
        self.body.addWidget(self.history)

    def _do(self, act: Callable[[Correction], Any]) -> None:
        self._problem = ""
        if self._correction is not None:
            act(self._correction)

    def _go_to(self, frame: int) -> None:
        self._do(lambda correction: correction.walk.to(frame))

    def _mask_changed(self) -> None:
        if self._correction is not None:
            self._correction.changed.disconnect(self._changed)
            self._correction.clip.failed.disconnect(self._failed)
        self._correction = None
        layer = self.labels.layer
        self._problem = _NO_MASK
        if layer is not None:
            try:
                self._correction = correction_of(self._viewer, layer)
                check_fits(self._viewer, layer)
                self._problem = ""
            except UnsupportedImageError as error:
                self._problem = str(error)
                bind_reason(layer)
                if isinstance(error, MismatchError):
                    report(error)
        if self._correction is not None:
            self._correction.changed.connect(self._changed)
            self._correction.clip.failed.connect(self._failed)
        steps = (self.previous, self.next, self.doubtful)
        for part in (self.map, self.legend, self.verify, *steps):
            part.setVisible(self._correction is not None)
        self.map.mark(range(0))
        for rows in (self.retouch, self.carrying, self.classes, self.cleaning):
            rows.show_correction(self._correction)
        self.history.watch(self._keeping.watch(layer) if layer is not None else None)
        self._show()

    def _inserted(self, event: object) -> None:
        if isalive(self) and self._correction is None:  # it may be the clip that was missing
            self._mask_changed()

    def _changed(self, event: object = None) -> None:
        if isalive(self):
            self._soon.start()

    def _failed(self, error: Exception) -> None:
        if isalive(self):
            self._problem = str(error)
            self._changed()

    # What earlier viewers left

    def _answer(self, act: Callable[[Image, KeptWork], None], work: KeptWork) -> None:
        if self._offered is not None:
            act(self._offered, work)

    def _show_offer(self) -> None:
        offers = ((image, found.work) for image, found in self._keeping.offers.items())
        self._offered, work = next((one for one in offers if one[1]), (None, []))
        if work != self.offer.work:
            self.offer.show_offer(self._offered.name if self._offered else "", work)

    def _open_settings(self) -> None:
        layer = self.labels.layer
        image = clip_of(self._viewer, layer) if layer is not None else None
        if image not in self._keeping.offers:
            image = None
        KeptDialog(
            self,
            image.name if image is not None else "",
            lambda: self._keeping.purge(image),
            self._keeping.move_to,
            Worker("mambaseg-folder", self.session.deliver),
        ).open()

    def _show(self) -> None:
        self._show_offer()
        correction = self._correction
        self.note.setText(self._problem)
        if correction is None:
            self.count.setText("")
            self.take.hide()
            return
        states, shown = correction.states(), correction.edits.shown
        self.map.show_cells(_cells(correction, states), shown)
        word = "slice" if correction.clip.image.kind == "volume" else "frame"
        self.count.setText(_counted(states, word, correction.clip.ready))
        self.take.setVisible("changed" in states)
        self.classes.show_areas()
        state = states[shown]
        act = {"verified": "Unverify", "saving": "Saving", "changed": "Verify as it is:"}
        key = key_text("correct.verify")
        self.verify.setText(f"{act.get(state, 'Verify')} {word} {shown}" + f"  ({key})" * bool(key))
        self.verify.setEnabled(state != "saving" and correction.clip.ready)
        if correction.clip.verified and not self._problem:
            self.note.setText(f"Saved in {correction.clip.place}")


def _cells(correction: Correction, states: list[State]) -> list[Cell]:
    most = min(_MOST_DOUBTFUL, -(-len(states) // 5))
    seen, doubtful = correction.seen.frames, set(correction.walk.doubtful(most))
    return [Cell(state, n in seen, n in doubtful) for n, state in enumerate(states)]


def _counted(states: list[State], word: str, ready: bool) -> str:
    if not ready:
        return "Reading what is verified of this image…"
    verified = sum(state in ("verified", "changed") for state in states)
    text = f"<b>{verified}</b> of {len(states)} {word}{'s' * (len(states) != 1)} verified"
    edited = states.count("edited")
    changed = states.count("changed")
    if edited:
        text += f", {edited} corrected but not verified"
    if changed:
        text += f", {changed} with another mask than this layer shows"
    return text
