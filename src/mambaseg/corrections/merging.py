"""Two people's stores made one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from mambaseg.corrections.channels import write_channels
from mambaseg.corrections.dataset_file import DatasetFile, case_digest, image_names, label_name
from mambaseg.corrections.provenance import Line, append_line, read_lines
from mambaseg.corrections.store import Store
from mambaseg.corrections.store_checks import check_same
from mambaseg.corrections.store_lock import writing
from mambaseg.data import write_segmentation
from mambaseg.types.errors import StoreError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

__all__ = ["Merge", "merge_stores"]


@dataclass
class Merge:
    """What a merge has done.

    Parameters
    ----------
    added : dict of str to list of int
        Frames that were taken over, by case.
    conflicts : dict of str to list of int
        Frames that both had verified, with different masks.
    """

    added: dict[str, list[int]] = field(default_factory=dict)
    conflicts: dict[str, list[int]] = field(default_factory=dict)


def merge_stores(store: Store, other: Store, prefer: Literal["ours", "theirs"] = "ours") -> Merge:
    """Take what another store holds over into a store; the other one is only read.

    Clips are recognised by their content. Each clip is taken over whole or not
    at all, and a merge that was cut off can be run again.

    Parameters
    ----------
    store, other : Store
        Of the same classes and channels.
    prefer : {"ours", "theirs"}
        Whose mask counts where both have verified a frame.

    Raises
    ------
    StoreError
        If classes or channels differ, or there is nothing to merge.
    UnreadableImageError
        If a file of the other store is damaged.
    OutputError
        If the store cannot be written.
    """
    theirs = DatasetFile.read(other.path)
    if theirs is None:
        raise StoreError(f"{other.path} is no store of corrections, or an empty one.")
    if store.path.resolve() == other.path.resolve():
        raise StoreError(f"{store.path} cannot be merged with itself: name two stores.")
    ours = DatasetFile.read(store.path)
    if ours is not None:
        check_same(store.path, ours, theirs)
    result = Merge()
    for case in theirs.cases:
        _take(store, other, case, prefer, result)
    return result


def _take(
    store: Store, other: Store, case: str, prefer: Literal["ours", "theirs"], result: Merge
) -> None:
    image, masks = other.read(case)
    frames = other.verified_frames(case)
    with writing(store.path):
        known = _same_clip(store, case)
        if known is None:
            _add(store, case, image, masks)
            result.added[case] = frames
        else:
            own_image, own = store.read(known)
            labels = np.array(own.labels)
            if not _same_pictures(own_image, image):  # a name alone says nothing
                raise StoreError(
                    f"{other.path} and {store.path} name different clips {case!r}: "
                    "one of them was changed by another program."
                )
            verified = set(store.verified_frames(known))
            differ = [
                frame
                for frame in frames
                if frame in verified and not np.array_equal(labels[frame], masks.labels[frame])
            ]
            taken = [frame for frame in frames if frame not in verified]
            if differ:
                result.conflicts[known] = differ
                taken += differ if prefer == "theirs" else []
            if taken:
                labels[taken] = np.asarray(masks.labels)[taken]
                store.replace_labels(known, labels)
                result.added[known] = sorted(taken)
            case = known
        origin = str(other.path.name)
        digest = case_digest(case)
        lines = [line for line in read_lines(other.path) if line.case.endswith(digest)]
        told = [_ours(line, case, origin) for line in lines]
        merged = tuple(result.added.get(case, ()))
        if merged:
            append_line(
                store.path, *told, Line(action="merged", case=case, frames=merged, origin=origin)
            )


def _ours(line: Line, case: str, origin: str) -> Line:
    return line.model_copy(update={"case": case, "origin": line.origin or origin})


def _same_clip(store: Store, case: str) -> str | None:
    digest = case_digest(case)
    return next((one for one in store.cases() if case_digest(one) == digest), None)


def _same_pictures(one: MedicalImage, other: MedicalImage) -> bool:
    if (one.axes, one.array.shape) != (other.axes, other.array.shape):
        return False
    return all(
        np.array_equal(one.array[:, index], other.array[:, index])
        for index in range(one.array.shape[1])
    )


def _add(store: Store, case: str, image: MedicalImage, masks: Segmentation) -> None:
    content = DatasetFile.read(store.path) or DatasetFile(masks.label_set, image.channel_names)
    names = image_names(case, image.channel_names)
    write_channels(image, [store.path / name for name in names])
    stored = content.to_disk(np.asarray(masks.labels, np.uint8))
    write_segmentation(
        replace(masks, labels=stored, label_set=content.stored_label_set),
        store.path / label_name(case),
    )
    replace(content, cases=tuple(sorted((*content.cases, case)))).write(store.path)
