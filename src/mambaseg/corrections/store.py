"""Clips with verified masks on disk, as an nnU-Net v2 raw data set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from mambaseg.corrections.channels import ChannelFiles, content_sha256, write_channels
from mambaseg.corrections.dataset_file import DatasetFile, case_digest, image_names, label_name
from mambaseg.corrections.provenance import Line, append_line, plain
from mambaseg.corrections.purging import purge_store
from mambaseg.corrections.store_checks import check_masks, check_same, existing, slug
from mambaseg.corrections.store_lock import writing
from mambaseg.data import read_segmentation, write_segmentation
from mambaseg.types.errors import StoreError, UnreadableImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.labels import LabelSet
from mambaseg.types.segmentation import Provenance, Segmentation

__all__ = ["FrameState", "Store"]

FrameState = Literal["verified", "unverified"]

_PATIENCE_S = 30.0


class Store:
    """Whole clips (or volumes) and the masks of their verified frames (or slices).

    The folder is an nnU-Net v2 raw data set: what is not verified holds the
    ignore label. The first `verify` settles its classes and channels. Each
    change is on disk when its call returns, whole or not at all: `dataset.json`
    is replaced last, in one step, and only what it lists belongs to the store.
    Several processes may use one store.

    Parameters
    ----------
    path : path-like
        The folder; made by the first `verify`. nnU-Net itself wants a name such
        as "Dataset501_nerve", inside its folder of raw data.

    Raises
    ------
    StoreError
        If the folder holds something else, or a newer mambaseg wrote it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._cases: WeakKeyDictionary[MedicalImage, str] = WeakKeyDictionary()
        self._verified: dict[str, tuple[tuple[int, int], list[int], int]] = {}
        DatasetFile.read(self.path)

    @property
    def label_set(self) -> LabelSet | None:
        """The classes; None as long as the store is empty."""
        content = DatasetFile.read(self.path)
        return content.label_set if content else None

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """Names of the channels; None as long as the store is empty."""
        content = DatasetFile.read(self.path)
        return content.channel_names if content else None

    def cases(self) -> list[str]:
        """List the identifiers of the clips, sorted."""
        content = DatasetFile.read(self.path)
        return list(content.cases) if content else []

    def case_of(self, image: MedicalImage) -> str | None:
        """Find the case that holds an image, by the image's content.

        The whole image is read when it is asked about for the first time.
        """
        digest = self._digest(image)
        return next((case for case in self.cases() if case_digest(case) == digest), None)

    def verified_frames(self, case: str) -> list[int]:
        """Frames (or slices) of a case whose masks were verified, ascending.

        Raises
        ------
        StoreError
            If there is no such case.
        UnreadableImageError
            If its labels are damaged.
        """
        return list(self._state(case)[0])

    def states(self, case: str) -> tuple[FrameState, ...]:
        """State of every frame of a case; raises as `verified_frames`."""
        verified, n_frames = self._state(case)
        chosen = set(verified)
        return tuple("verified" if i in chosen else "unverified" for i in range(n_frames))

    def read(self, case: str) -> tuple[MedicalImage, Segmentation]:
        """Read a case.

        Returns
        -------
        image : MedicalImage
            Lazy, with axes "CTYX" or "CZYX" and the geometry that it came with.
        segmentation : Segmentation
            In memory; what is not verified holds `label_set.ignore`.

        Raises
        ------
        StoreError
            If there is no such case.
        UnreadableImageError
            If a file is missing or damaged.
        """
        content = self._content(case)
        stored = read_segmentation(self.path / label_name(case))
        labels = np.asarray(stored.labels)
        if labels.ndim != 3 or labels.max(initial=0) > content.ignore:
            raise UnreadableImageError(
                f"{self.path / label_name(case)} does not hold labels of a clip with the classes "
                f"{content.label_set.names}; another program has changed it. "
                "Remove the case and verify it again."
            )
        paths = [self.path / name for name in image_names(case, content.channel_names)]
        array = ChannelFiles(paths, (labels.shape[0], labels.shape[1], labels.shape[2]))
        source = str(paths[0])
        image = MedicalImage(
            array, "C" + stored.axes, stored.geometry, content.channel_names, source
        )
        values = content.from_disk(labels)
        return image, replace(stored, labels=values, label_set=content.label_set)

    def verify(
        self,
        image: MedicalImage,
        segmentation: Segmentation,
        frames: Iterable[int],
        edits: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Keep the masks of some frames as verified; other frames stay as they were.

        Parameters
        ----------
        image : MedicalImage
            The whole clip or volume, axes "CTYX" or "CZYX". It is copied into
            the store the first time, with its geometry.
        segmentation : Segmentation
            Masks on its grid; `label_set.ignore` marks pixels that are not
            annotated. Only `frames` are read.
        frames : iterable of int
            Frames (or slices) that a person vouches for.
        edits : sequence of dict
            How their masks came about, for `provenance.jsonl`.

        Returns
        -------
        str
            The case's identifier: the image's name and a digest of its content.

        Raises
        ------
        StoreError
            If image, masks, classes, channels or frames do not fit; nothing is
            changed then.
        OutputError
            If the store cannot be written; it stays as it was.
        """
        chosen, masks = check_masks(image, segmentation, frames)
        with writing(self.path):
            wanted = DatasetFile(segmentation.label_set, image.channel_names)
            content = DatasetFile.read(self.path) or wanted
            check_same(self.path, content, wanted)
            case = self.case_of(image) or f"{slug(image.source)}_{self._digest(image)}"
            if case in content.cases:
                before = read_segmentation(self.path / label_name(case))
                labels, geometry = np.array(before.labels), before.geometry
            else:
                names = image_names(case, image.channel_names)
                write_channels(image, [self.path / name for name in names])
                labels = np.full(segmentation.labels.shape, content.ignore, np.uint8)
                geometry = image.geometry
            labels[chosen] = content.to_disk(masks)
            self._write_labels(
                case, Segmentation(labels, image.axes[1:], content.stored_label_set, geometry)
            )
            if case not in content.cases:
                cases = tuple(sorted((*content.cases, case)))
                replace(content, cases=cases).write(self.path)
            append_line(
                self.path,
                Line(
                    action="verified",
                    case=case,
                    frames=tuple(chosen),
                    provenance=plain(asdict(segmentation.provenance)),
                    edits=tuple(map(plain, edits)),
                ),
            )
        return case

    def unverify(self, case: str, frames: Iterable[int]) -> None:
        """Forget the masks of some frames.

        Raises
        ------
        StoreError
            If there is no such case or frame.
        OutputError
            If the store cannot be written; it stays as it was.
        """
        with writing(self.path):
            content = self._content(case)
            before = read_segmentation(self.path / label_name(case))
            labels = np.array(before.labels)
            chosen = existing(frames, len(labels))
            labels[chosen] = content.ignore
            self._write_labels(case, replace(before, labels=labels))
            append_line(self.path, Line(action="unverified", case=case, frames=tuple(chosen)))

    def replace_labels(self, case: str, labels: NDArray[np.uint8]) -> None:
        """Replace the masks of a case; for who holds the store's lock.

        Parameters
        ----------
        case : str
        labels : ndarray of uint8, shape (T, Y, X) or (Z, Y, X)
            The label set's own values; `label_set.ignore` where nothing is verified.
        """
        content = self._content(case)
        before = read_segmentation(self.path / label_name(case))
        self._write_labels(case, replace(before, labels=content.to_disk(labels)))

    def remove(self, case: str) -> None:
        """Remove a case with its images, as `purge_store` does; raises as `unverify`."""
        self._content(case)
        purge_store(self.path, case_digest(case))

    def _content(self, case: str) -> DatasetFile:
        content = DatasetFile.read(self.path)
        if content is None or case not in content.cases:
            raise StoreError(
                f"{self.path} holds no case {case!r}, but {list(content.cases) if content else []}:"
                " choose one of them, or verify frames of the clip first."
            )
        return content

    def _digest(self, image: MedicalImage) -> str:
        if image not in self._cases:
            self._cases[image] = case_digest(content_sha256(image))
        return self._cases[image]

    def _state(self, case: str) -> tuple[list[int], int]:
        content = self._content(case)
        path = self.path / label_name(case)
        with suppress(FileNotFoundError):  # which reading says in a sentence
            info = path.stat()
            stamp = (info.st_mtime_ns, info.st_ino)
            if self._verified.get(case, (None,))[0] != stamp:
                labels = np.asarray(read_segmentation(path).labels)
                annotated = (labels != content.ignore).any(axis=(1, 2))
                found = np.flatnonzero(annotated).tolist()
                self._verified[case] = (stamp, found, len(labels))
            return self._verified[case][1:]
        raise UnreadableImageError(f"{path} is missing. Remove the case and verify it again.")

    def _write_labels(self, case: str, segmentation: Segmentation) -> None:
        made = Provenance(
            versions={"mambaseg": version("mambaseg")},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_segmentation(replace(segmentation, provenance=made), self.path / label_name(case))
