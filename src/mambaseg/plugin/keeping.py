"""Every mask of a viewer has a journal, and what earlier viewers left can be restored."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.utils.notifications import show_info, show_warning
from psygnal import Signal
from qtpy.QtCore import QTimer

from mambaseg.corrections import (
    MASK_DTYPES,
    Kept,
    KeptWork,
    journals_folder,
)
from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.kept_layer import head_of, restored_layer
from mambaseg.plugin.mask_image import clip_of
from mambaseg.plugin.notices import report
from mambaseg.plugin.recorder import Recorder
from mambaseg.plugin.sessions import session_of
from mambaseg.session import MaskJournal, event_now
from mambaseg.session.kept_work import Findings, find_kept_work, purge_image, read_kept
from mambaseg.types import LabelSet
from mambaseg.types.errors import MambasegError, UnsupportedImageError

if TYPE_CHECKING:
    import napari

__all__ = ["Keeping", "hand_over", "keep_masks", "keeping_of"]

_known: weakref.WeakKeyDictionary[Any, Keeping] = weakref.WeakKeyDictionary()


def keeping_of(viewer: napari.Viewer) -> Keeping:
    """Give what keeps the masks of a viewer; it begins with the first call."""
    key = _key(viewer)
    if key not in _known:
        _known[key] = Keeping(viewer)
    return _known[key]


def keep_masks(viewer: napari.Viewer) -> None:
    """Keep a journal of every mask of a viewer from now on."""
    keeping_of(viewer)


def hand_over(viewer: napari.Viewer, old: Labels, new: Labels | None) -> None:
    """Have a mask that replaces another go on with its journal: undo leads back to the old one."""
    if new is not None:
        keeping_of(viewer).hand_over(old, new)


def _key(viewer: napari.Viewer) -> Any:
    return getattr(viewer, "__wrapped__", viewer)  # napari may hand out a proxy


class Keeping:
    """The journals of a viewer's masks, and offers to restore; made by `keeping_of`.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.

    Attributes
    ----------
    offers : dict of napari.layers.Image to Findings
        What is kept of the images that are open.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self.session = session_of(viewer)
        self.offers: weakref.WeakKeyDictionary[Image, Findings] = weakref.WeakKeyDictionary()
        self._recorders: weakref.WeakKeyDictionary[Labels, Recorder] = weakref.WeakKeyDictionary()
        self._looked: weakref.WeakSet[Image] = weakref.WeakSet()
        self._leaving: set[MaskJournal] = set()  # of masks that went a moment ago
        self.session.closing.connect(self._end)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        for layer in list(viewer.layers):
            self._look_at(layer)

    def recorder(self, layer: Labels) -> Recorder | None:
        """Give what watches a mask; None where there is no image that it belongs to."""
        return self._recorders.get(layer)

    def watch(self, layer: Labels) -> Recorder | None:
        """Keep a journal of a mask, if it belongs to an image that is open."""
        if layer in self._recorders or layer not in self._viewer.layers:
            return self._recorders.get(layer)
        image = clip_of(self._viewer, layer)
        if image is None or layer.multiscale or layer.data.dtype.name not in MASK_DTYPES:
            return None
        journal = MaskJournal(self.session.journals)
        self._recorders[layer] = Recorder(self._viewer, layer, journal)
        journal.failed.connect(self._failed)
        journal.read(layer.data)
        if image in self.offers:
            self._begin(layer, image)
        else:
            self._search(image)
        self.changed.emit()
        return self._recorders[layer]

    # Layers that come and go

    def _inserted(self, event: Any) -> None:
        self._look_at(event.value)

    def _look_at(self, layer: Any) -> None:
        if isinstance(layer, Image):
            self._search(layer)
            for other in self._viewer.layers:  # it may be what masks have waited for
                if isinstance(other, Labels):
                    self._look_at(other)
        elif isinstance(layer, Labels) and isinstance(layer.metadata.get("label_set"), LabelSet):
            self.watch(layer)

    def _removed(self, event: Any) -> None:
        recorder = self._recorders.pop(event.value, None)
        if recorder is None:
            self.offers.pop(event.value, None)
            self._looked.discard(event.value)
            self.changed.emit()
            return
        recorder.stop()
        journal, image = recorder.journal, clip_of(self._viewer, event.value)
        self._leaving.add(journal)

        def gone() -> None:
            if journal not in self._leaving:
                return
            self._leaving.remove(journal)
            if image in self._viewer.layers:  # else all layers went, to open others or to end
                journal.note(event_now("removed"))
            journal.close()

        QTimer.singleShot(0, gone)  # once all are gone that go together
        self.changed.emit()

    def _end(self) -> None:
        """Write down what is left, and let others open it: the window has closed."""
        events = self._viewer.layers.events
        events.inserted.disconnect(self._inserted)
        events.removed.disconnect(self._removed)
        for recorder in self._recorders.values():
            recorder.stop()
            self._leaving.add(recorder.journal)
        for journal in self._leaving:
            journal.close()
        self._leaving.clear()
        _known.pop(_key(self._viewer), None)  # it would hold the viewer for good

    def hand_over(self, old: Labels, new: Labels) -> None:
        """See the function of this name."""
        before, after = self._recorders.get(old), self.watch(new)
        if before is None or after is None:
            return
        before.capture()
        after.capture()
        model = str((new.metadata.get("provenance") or {}).get("model", ""))
        after.journal.take_over(before.journal, new.data, event_now("run", model=model))

    # What is kept of an image

    def _search(self, layer: Image) -> None:
        if layer in self._looked or layer.multiscale:
            return
        try:
            image = image_of(layer)
        except UnsupportedImageError:
            return
        self._looked.add(layer)
        key = weakref.ref(layer)

        def found(findings: Findings) -> None:
            image_layer = key()
            if image_layer is not None and image_layer in self._viewer.layers:
                self._found(image_layer, findings)

        def failed(error: Exception) -> None:
            image_layer = key()
            if image_layer is not None:
                self._looked.discard(image_layer)  # it may go well another time
            report(error)

        find_kept_work(self.session.searches, image, found, failed)

    def _found(self, image: Image, findings: Findings) -> None:
        self.offers[image] = findings
        for layer in list(self._viewer.layers):
            if layer in self._recorders and clip_of(self._viewer, layer) is image:
                self._begin(layer, image)
        for problem in findings.problems:
            self._failed(problem)
        self._tell(image, findings)
        self.changed.emit()

    def _tell(self, image: Image, findings: Findings) -> None:
        ours = {recorder.journal.status.path for recorder in self._recorders.values()}
        others = [work for work in findings.elsewhere if str(work.path) not in ours]
        if others:
            head = others[0].head
            show_warning(
                f"Another viewer has a mask of {image.name} open ({head.user or 'somebody'}, "
                f"process {head.process} on {head.machine or 'this machine'}). What you draw here "
                "is kept apart from it, as a branch of its own."
            )
        if any(not work.removed for work in findings.work):
            from mambaseg.plugin.correct_panel import show_correct_panel

            show_correct_panel(self._viewer)
            show_info(f"Earlier work on {image.name} can be restored: see the Correct panel.")

    def _begin(self, layer: Labels, image: Image) -> None:
        recorder = self._recorders[layer]
        if not recorder.journal.begun:
            recorder.journal.begin(journals_folder(), head_of(layer, image, self.offers[image].key))

    # Restoring

    def restore(self, image: Image, work: KeptWork) -> None:
        """Add a mask that was kept of an image, and go on with its journal."""

        def read(kept: Kept) -> None:
            if image in self._viewer.layers:
                self._restored(image, work, kept)

        self.forget(image, work)
        read_kept(self.session.searches, work, read, report)

    def forget(self, image: Image, work: KeptWork) -> None:
        """Offer it no more in this viewer."""
        findings = self.offers.get(image)
        if findings is not None and work in findings.work:
            findings.work.remove(work)
        self.changed.emit()

    def _restored(self, image: Image, work: KeptWork, kept: Kept) -> None:
        layer = restored_layer(image, kept)
        journal = MaskJournal(self.session.journals)
        journal.failed.connect(self._failed)
        self._recorders[layer] = Recorder(self._viewer, layer, journal)
        journal.resume(journals_folder(), work.path, kept)
        if work.removed:
            journal.note(event_now("restored"))
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = layer
        if kept.damage:
            self._failed(kept.damage)
        self.changed.emit()

    # Where it lies

    def move_to(self, folder: Path) -> None:
        """Keep the journals of all masks that are open in another folder from now on."""
        for layer, recorder in list(self._recorders.items()):
            image = clip_of(self._viewer, layer)
            if recorder.journal.begun:
                recorder.journal.move_to(folder / journals_folder().name)
            elif image is not None:
                self._search(image)

    def purge(self, image: Image) -> None:
        """Remove all that is kept of an image, but for the journals of masks that are open."""
        self.offers[image] = Findings(self.offers[image].key, [], [], [])

        def purged(text: str) -> None:
            show_info(text)
            self.session.verified_changed.emit()

        purge_image(self.session.corrections, image_of(image), purged, report)
        self.changed.emit()

    def _failed(self, text: str) -> None:
        report(MambasegError(text))
