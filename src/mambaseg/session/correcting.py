"""The verified frames of one clip, and what is being written of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from mambaseg.corrections import Store, find_store
from mambaseg.session.worker import Task, Worker
from mambaseg.types import LabelSet, MedicalImage, Segmentation

__all__ = ["ClipCorrections", "SomeFrames", "mask_digest"]

Mask = NDArray[np.integer[Any]]


def mask_digest(mask: Any) -> int:
    """Give a number that two masks of one shape share when they are equal.

    Parameters
    ----------
    mask : array-like of int, shape (Y, X)
        Labels up to 255.
    """
    return zlib.crc32(np.ascontiguousarray(mask, np.uint8).data)


class ClipCorrections:
    """What a user's store holds of one clip; all reading and writing is done by a worker.

    Parameters
    ----------
    worker : Worker
        Reads and writes the store, one thing after another.
    image : MedicalImage
        The whole clip or volume, axes "CTYX" or "CZYX".
    label_set : LabelSet
        Classes of its masks; they settle which store it is.

    Attributes
    ----------
    verified : dict of int to int
        `mask_digest` of the verified mask, by frame (or slice).
    pending : set of int
        Frames that are being written.
    ready : bool
        Whether the store was read.
    place : str
        Folder of the store, once it is known.
    """

    changed = Signal()
    failed = Signal(object)
    written = Signal(str, int)

    def __init__(self, worker: Worker, image: MedicalImage, label_set: LabelSet) -> None:
        self.image, self.label_set = image, label_set
        self.verified: dict[int, int] = {}
        self.pending: set[int] = set()
        self.ready, self.place = False, ""
        self._worker = worker
        self._store: Store | None = None
        worker.submit(self._read, self._found, self._not_found)

    @property
    def protected(self) -> frozenset[int]:
        """Frames that no new segmentation may overwrite."""
        return frozenset(self.verified) | self.pending

    def verify(
        self, masks: Mapping[int, Mask], account: Callable[[], list[dict[str, Any]]] = list
    ) -> None:
        """Keep the masks of some frames as verified; `changed` or `failed` tells.

        Parameters
        ----------
        masks : mapping of int to ndarray of int, shape (Y, X)
            By frame; copied.
        account : callable
            Says how the masks came about; called by the worker.
        """
        copies = {frame: np.array(mask) for frame, mask in masks.items()}
        segmentation = Segmentation(
            SomeFrames(copies, self.image.array.shape[1]),
            self.image.axes[1:],
            self.label_set,
            self.image.geometry,
        )
        digests = {frame: mask_digest(mask) for frame, mask in copies.items()}

        def work(task: Task) -> dict[int, int]:
            self._open().verify(self.image, segmentation, copies, edits=account())
            return digests

        self._write(copies, work)

    def unverify(self, frame: int) -> None:
        """Forget the verified mask of a frame; `changed` or `failed` tells."""

        def work(task: Task) -> dict[int, int]:
            store = self._open()
            case = store.case_of(self.image)
            if case is not None and frame in store.verified_frames(case):
                store.unverify(case, [frame])
            return {}

        self._write([frame], work)

    def masks(self, frames: Iterable[int], done: Callable[[dict[int, Mask]], None]) -> None:
        """Read verified masks, each of shape (Y, X), and tell them by frame."""
        wanted = list(frames)

        def work(task: Task) -> dict[int, Mask]:
            store = self._open()
            case = store.case_of(self.image)
            if case is None:
                return {}
            labels, held = store.read(case)[1].labels, set(store.verified_frames(case))
            return {frame: np.asarray(labels[frame]) for frame in wanted if frame in held}

        self._worker.submit(work, done, self.failed.emit)

    def _open(self) -> Store:
        """Give the store; an empty one is looked for again, as another viewer may have begun it."""
        if self._store is None or self._store.label_set is None:
            self._store = find_store(self.label_set, self.image.channel_names)
        self.place = str(self._store.path)
        return self._store

    def _read(self, task: Task) -> dict[int, int]:
        store = self._open()
        case = store.case_of(self.image) if store.cases() else None
        if case is None:
            return {}
        labels = store.read(case)[1].labels
        return {frame: mask_digest(labels[frame]) for frame in store.verified_frames(case)}

    def _found(self, verified: dict[int, int]) -> None:
        self.verified = verified
        self.ready = True
        self.changed.emit()

    def _not_found(self, error: Exception) -> None:
        self.ready = True
        self.changed.emit()
        self.failed.emit(error)

    def _write(self, frames: Iterable[int], work: Callable[[Task], dict[int, int]]) -> None:
        """Have frames written, even if the viewer closes meanwhile.

        `work` gives the digests of those that are verified then.
        """
        waiting = set(frames)

        def written(digests: dict[int, int]) -> None:
            for frame in waiting:
                self.verified.pop(frame, None)
            self.verified.update(digests)
            self.pending -= waiting
            for frame in sorted(waiting):
                self.written.emit("verified" if frame in digests else "unverified", frame)
            self.changed.emit()

        def failed(error: Exception) -> None:
            self.pending -= waiting
            self.changed.emit()
            self.failed.emit(error)

        self.pending |= waiting
        self.changed.emit()
        self._worker.submit(work, written, failed, lasting=True)


class SomeFrames:
    """Labels of a clip of which only some frames are known, and asked for."""

    ndim = 3

    def __init__(self, masks: Mapping[int, Mask], n_frames: int) -> None:
        self._masks = masks
        one = next(iter(masks.values()))
        self.shape = (n_frames, *one.shape)
        self.dtype = one.dtype

    def __getitem__(self, frame: Any) -> Mask:
        return self._masks[frame]
