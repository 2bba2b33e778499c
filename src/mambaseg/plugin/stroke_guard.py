"""Locked classes get back what a stroke took, or leave what it gave them."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.editing import with_locked
from mambaseg.plugin.stroke_parts import parts_of

if TYPE_CHECKING:
    from napari.layers import Labels

    from mambaseg.plugin.mask_writing import MaskWriter
    from mambaseg.plugin.recorder import Recorder

__all__ = ["StrokeGuard"]

Mask = NDArray[np.integer[Any]]


class StrokeGuard:
    """Mends each stroke as it ends, before the journal takes it.

    napari has no lock for a class: while the stroke is drawn it covers locked pixels too.

    Parameters
    ----------
    layer : napari.layers.Labels
        With axes (frame, y, x).
    recorder : Recorder
        Tells of strokes.
    writer : MaskWriter
        Knows what is locked.
    """

    def __init__(self, layer: Labels, recorder: Recorder, writer: MaskWriter) -> None:
        self._layer, self._writer = weakref.ref(layer), writer
        recorder.stroke_ended.connect(self._mend)

    def _mend(self, atoms: list[Any]) -> None:
        layer = self._layer()
        if layer is None or not self._writer.locked:
            return
        mended = False
        for frame, before in _before(layer, atoms).items():
            after = np.asarray(layer.data[frame])
            wanted = with_locked(before, after, self._writer.locked)
            if not np.array_equal(after, wanted):
                layer.data[frame] = wanted
                mended = True
        if mended:
            layer.refresh()


def _before(layer: Labels, atoms: Sequence[Any]) -> dict[int, Mask]:
    """Give the frames that a stroke touched as they were before it."""
    shape = layer.data.shape
    frames = sorted({part.plane for part in parts_of(shape, atoms)})
    if not frames:
        return {}
    stack = np.stack([np.asarray(layer.data[frame]) for frame in frames])
    for atom in reversed(atoms):
        key = getattr(atom, "slice_key", None)
        if key is None:
            indices, values = atom[0], atom[1]
            places = np.searchsorted(frames, np.asarray(indices[0]))
            stack[(places, *map(np.asarray, indices[1:]))] = values
            continue
        start, stop, _ = key[0].indices(shape[0])
        first = frames.index(start)
        region = stack[(slice(first, first + stop - start), *key[1:])]
        region[... if atom.mask is None else atom.mask] = atom.old_values
    return dict(zip(frames, stack, strict=True))
