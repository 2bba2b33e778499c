"""One segmentation that streams into a Labels layer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info, show_warning
from psygnal import Signal

from mambaseg.plugin.correction import Correction, correction_of
from mambaseg.plugin.keeping import hand_over, keeping_of
from mambaseg.plugin.notices import report
from mambaseg.plugin.run_layer import layer_for
from mambaseg.plugin.runs import begin, end, runs_of, verified_of
from mambaseg.session import (
    Adapted,
    Advanced,
    Failed,
    FramesDone,
    JobEvent,
    Request,
    Session,
    Started,
    Stopped,
    Succeeded,
    event_now,
    mask_digest,
    speed,
)
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels

__all__ = ["Run"]


class Run:
    """Puts the frames that come in into a new Labels layer.

    Frames on which the user has drawn meanwhile stay as drawn, and so do
    verified frames of a layer that is replaced, and those that are verified
    before the run has reached them. Removing the image or the new layer stops
    the run. A layer to replace goes only once the new one stands for it.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the new layer goes.
    session : Session
        Who segments.
    layer : napari.layers.Image
        What is segmented, of which `request.image` was made.
    request : Request
        With the data of `replaces` as base, where there is one.
    replaces : napari.layers.Labels, optional
        An earlier result that the new one is to replace.

    Attributes
    ----------
    labels : napari.layers.Labels or None
        The new layer, once there is one. Its metadata hold "provenance", "run_record"
        and "doubt" when the run has succeeded.
    active, waited : bool
        Whether it waits or runs, and whether others were ahead of it.
    text, runs_on : str
        How far it is and what computes, in words.
    adapted : list of str
        How the engine gave way, in sentences.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        layer: Image,
        request: Request,
        replaces: Labels | None = None,
    ) -> None:
        self._viewer, self._image, self._request = viewer, layer, request
        self._replaces = replaces
        self.labels: Labels | None = None
        self._kept: list[int] = []
        self._protected = set(verified_of(replaces))
        self._found = [] if request.base is None else self._digests(request.base)
        self._correction: Correction | None = None
        self._reason = ""
        self._step = object()  # what it writes is undone at once
        self._placed = 0  # frames or slices whose labels came in
        self.active, self.done, self.total, self.unit = True, 0, 0, "frames"
        self.text, self.runs_on = f"Loading {request.model.name}…", ""
        self.adapted: list[str] = []
        self._seconds = 0.0
        self._session = session
        self.waited = bool(runs_of(session))
        begin(session, self)
        viewer.layers.events.removed.connect(self._removed)
        self._job = session.service.submit(request, self._on_event)

    @property
    def name(self) -> str:
        """Image and model, in words."""
        return self._request.name

    @property
    def image(self) -> Image:
        """The layer that is segmented."""
        return self._image

    def cancel(self) -> None:
        """Stop ahead of what comes next; what is finished stays."""
        if self.active:
            self.text = "Stopping after what is being computed…"
            self._job.cancel()
            self.changed.emit()

    def _on_event(self, event: JobEvent) -> None:
        if isinstance(event, Started):
            self.runs_on = event.runs_on
            self._add_layer(event.labels)
        elif isinstance(event, Advanced):
            self.done, self.total, self.unit = event.done, event.total, event.unit
            self.text, self._seconds = str(event), event.seconds
            if isinstance(event, FramesDone):
                self._put(event)
        elif isinstance(event, Adapted):
            if event.text not in self.adapted:
                self.adapted.append(event.text)
                show_info(event.text)
        elif isinstance(event, Succeeded):
            self._succeed(event)
        elif isinstance(event, Stopped):
            self._stop()
        elif isinstance(event, Failed):
            self._end(replace=False)
            self.text = report(event.error)
        self.changed.emit()

    def _add_layer(self, data: Any) -> None:
        data, options = layer_for(self._image, self._request, data)
        if self._image not in self._viewer.layers:
            return
        if self._replaces is not None:
            self._replaces.visible = False
        self.labels = self._viewer.add_labels(data, **options)
        with suppress(UnsupportedImageError):  # of a still image, say, nothing is verified
            self._correction = correction_of(self._viewer, self.labels)
        first = {"image": "labels", "video": "frames", "volume": "window"}[self._request.image.kind]
        self.text = f"Computing the first {first}…"

    def _put(self, event: FramesDone) -> None:
        self._placed += event.stop - event.start
        layer = self.labels
        if layer is None or layer not in self._viewer.layers:
            return
        frames = range(event.start, event.stop)
        if layer.data.shape != self._shape():
            self._reason = f"The data of {layer.name!r} were replaced"
            self._job.cancel()
            return
        inside = (..., *(self._request.options.box or ())[-2:])  # the rest stays as it is
        self._protected.update(filter(self._is_verified, frames))
        for frame, labels in zip(frames, event.labels, strict=True):
            if frame in self._protected:
                continue
            if self._untouched(frame):
                if self._correction is not None and not self._found:
                    self._correction.edits.look([frame])  # nothing, to which undo leads back
                layer.data[inside if self._is_still else (frame, *inside)] = labels[inside]
                self._tell_written(frame)
            else:
                self._kept.append(frame)
                if len(self._kept) == 1:
                    show_warning(
                        f"You drew on {self._word} {frame} of {layer.name!r} before it was "
                        "segmented: your drawing stays. Undo it and run again for the model's."
                    )
        shown = layer.world_to_data(self._viewer.dims.point[-layer.ndim :])[0]
        if self._is_still or round(float(shown)) in frames:
            layer.refresh()

    def _tell_written(self, frame: int) -> None:
        """Have what was put into a frame not be taken for the user's drawing."""
        if self._correction is not None:
            self._correction.edits.written([frame])
        elif self.labels is not None and (recorder := keeping_of(self._viewer).watch(self.labels)):
            made = event_now("run", model=self._request.model.name)
            recorder.written([frame], made, self._step)

    @property
    def _word(self) -> str:
        return "slice" if self._request.image.kind == "volume" else "frame"

    @property
    def _is_still(self) -> bool:
        return self._request.image.kind == "image"

    def _at(self, frame: int) -> Any:
        """Index of a frame in the labels, which are two-dimensional for a still image."""
        return ... if self._is_still else frame

    def _shape(self) -> tuple[int, ...]:
        return tuple(self._request.image.array.shape[1:])

    def _is_verified(self, frame: int) -> bool:
        """Whether somebody has verified a frame since the run was asked for."""
        if frame in verified_of(self._replaces):
            return True
        return self._correction is not None and self._correction.vouched_for(frame)

    def _digests(self, labels: Any) -> list[int]:
        count = 1 if self._is_still else self._shape()[0]
        return [mask_digest(labels[self._at(frame)]) for frame in range(count)]

    def _untouched(self, frame: int) -> bool:
        """Whether a frame is as it was when the run was asked for."""
        assert self.labels is not None  # noqa: S101 - only asked of a layer that is there
        now = np.asarray(self.labels.data[self._at(frame)])
        return mask_digest(now) == self._found[frame] if self._found else not now.any()

    def _succeed(self, event: Succeeded) -> None:
        provenance = asdict(event.provenance)
        if self._kept:
            provenance["options"]["frames_kept_as_drawn"] = self._kept
        if self._protected:
            provenance["options"]["frames_kept_as_verified"] = sorted(self._protected)
        if self.labels is not None:
            self.labels.metadata["provenance"] = provenance
            self.labels.metadata["run_record"] = event.record.model_dump(mode="json")
            self.labels.metadata["doubt"] = event.doubt
            if self._correction is not None:
                self._correction.changed.emit()
        self._end(replace=True)
        rate = speed(self.total / max(self._seconds, 1e-9), self.unit)
        unit = self.unit if self.total != 1 else self.unit.removesuffix("s")
        self.text = f"Done: {self.total} {unit} in {self._seconds:.1f} s ({rate})"

    def _stop(self) -> None:
        kept = self._placed
        self._end(replace=True)
        count = self._shape()[0] if self.unit == "windows" else self.total
        self.text = f"Stopped; {kept} of {count} {self._word}s are finished and kept."
        if not kept:
            self.text = f"Stopped before a {self._word} was finished; nothing was changed."
        if self._reason:
            self.text = f"{self._reason}, so the run was stopped. {self.text}"
            if self._image in self._viewer.layers:
                self.text += " Press Run to go on."
            show_info(self.text)

    def _end(self, *, replace: bool) -> None:
        """Leave one of the new and the old layer, and forget the rest."""
        self.active = False
        end(self._session, self)
        layers = self._viewer.layers
        layers.events.removed.disconnect(self._removed)
        old, new = self._replaces, self.labels
        worth = new is not None and new in layers and bool(self._placed or self._drawn())
        if not worth and new is not None and new in layers:
            layers.remove(new)
        if old is not None and old in layers:
            if worth and replace:
                hand_over(self._viewer, old, new)
                layers.remove(old)
            else:
                old.visible = True

    def _drawn(self) -> bool:
        count = 1 if self._is_still else self._shape()[0]
        return not all(map(self._untouched, range(count)))

    def _removed(self, event: Any) -> None:
        if event.value in (self._image, self.labels):
            self._reason = f"The layer {event.value.name!r} was removed"
            self._job.cancel()
