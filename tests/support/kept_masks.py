"""Masks in a viewer whose journals are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mambaseg.corrections import Kept, read_journal
from mambaseg.plugin.keeping import keeping_of
from mambaseg.types import LabelSet

N_FRAMES = 6
CLASSES = LabelSet.from_names({1: "nodule", 2: "vessel"})


def add_mask(desk: Any, data: Any = None, **options: Any) -> Any:
    """A mask of a clip, as a model's run or a file would add it."""
    if not any(layer.name == "blobs" for layer in desk.viewer.layers):
        desk.add_clip(N_FRAMES)
    data = np.zeros((N_FRAMES, 48, 60), np.uint8) if data is None else data
    mask = desk.viewer.add_labels(data, metadata={"label_set": CLASSES}, **options)
    desk.viewer.layers.selection.active = mask
    desk.viewer.dims.set_current_step(0, 2)
    return mask


def watched(desk: Any, mask: Any) -> Any:
    """The recorder of a mask, once its journal is on disk."""
    recorder = keeping_of(desk.viewer).watch(mask)
    desk.wait(lambda: bool(recorder.journal.status.path))
    return recorder


def kept(recorder: Any) -> Kept:
    return read_journal(Path(recorder.journal.status.path))


def on_disk(desk: Any, recorder: Any, mask: Any) -> None:
    """Wait until the file holds what the layer does."""

    def same() -> bool:
        return np.array_equal(kept(recorder).history.planes.array(), np.asarray(mask.data))

    desk.wait(same)
