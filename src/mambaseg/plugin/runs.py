"""Which runs of a viewer go on, and what earlier ones made."""

from __future__ import annotations

import weakref
from importlib import import_module
from typing import TYPE_CHECKING

from napari.layers import Labels

from mambaseg.plugin.correction import known_correction
from mambaseg.session import Session

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from mambaseg.plugin.run import Run

__all__ = ["begin", "end", "results_of", "runs_of", "verified_of", "warm_up"]

_active: weakref.WeakKeyDictionary[Session, list[Run]] = weakref.WeakKeyDictionary()


def warm_up(session: Session) -> None:
    """Import in the background what napari else imports at the first layer with class names."""
    session.files.submit(lambda task: import_module("pandas"), lambda _: None, lambda _: None)


def begin(session: Session, run: Run) -> None:
    """Take note of a run that was submitted."""
    _active.setdefault(session, []).append(run)


def end(session: Session, run: Run) -> None:
    """Take note that a run has ended."""
    _active[session].remove(run)


def runs_of(session: Session) -> list[Run]:
    """Give the runs that have not ended, in their order; the first one computes."""
    return list(_active.get(session, ()))


def results_of(viewer: napari.Viewer, image: Image) -> list[Labels]:
    """Labels layers of a viewer that earlier runs on an image layer made, the newest first."""
    mark = str(image.unique_id)
    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Labels) and layer.metadata.get("segmented") == mark
    ]


def verified_of(layer: Labels | None) -> frozenset[int]:
    """Give the frames of a mask that are verified, or about to be."""
    correction = known_correction(layer) if layer is not None else None
    return correction.clip.protected if correction is not None else frozenset()
