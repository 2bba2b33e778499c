"""The clip that a mask belongs to, what is kept of it, and whether the mask fits it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.mask_image import clip_of
from mambaseg.plugin.notices import report
from mambaseg.plugin.sessions import session_of
from mambaseg.session import ClipCorrections
from mambaseg.types import LabelSet
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["check_fit", "verified_clip_of"]

_clips: weakref.WeakKeyDictionary[Any, list[ClipCorrections]] = weakref.WeakKeyDictionary()


def verified_clip_of(viewer: napari.Viewer, layer: Labels) -> ClipCorrections:
    """Give what is kept of a mask's clip; masks of one clip with the same classes share it.

    Raises
    ------
    UnsupportedImageError
        If the mask's classes or its clip are not known, or it is no clip or volume.
    """
    label_set = layer.metadata.get("label_set")
    if not isinstance(label_set, LabelSet):
        raise UnsupportedImageError(
            f"The mask {layer.name!r} does not say what its classes are: segment the clip with a "
            "model, and correct the mask that it makes."
        )
    if layer.data.ndim == 2:
        raise UnsupportedImageError(
            f"The mask {layer.name!r} is of a still image, and only masks of clips and volumes "
            "are kept as verified: open the images as one clip."
        )
    image = clip_of(viewer, layer)
    if image is None:
        raise UnsupportedImageError(
            f"The clip of the mask {layer.name!r} is not open: open it first, for it is kept "
            "together with the verified masks."
        )
    clips = _clips.setdefault(image, [])
    for clip in clips:
        if clip.label_set.names == label_set.names:
            return clip
    found = image_of(image)
    if found.axes not in ("CTYX", "CZYX"):
        raise UnsupportedImageError(
            f"The layer {image.name!r} has the axes {found.axes[1:]}, and only masks of clips and "
            "volumes are kept as verified."
        )
    session = session_of(viewer)
    clip = ClipCorrections(session.corrections, found, label_set)
    clip.failed.connect(report)
    clip.written.connect(lambda kind, frame: session.verified_changed.emit())
    clips.append(clip)
    return clip


def check_fit(clip: ClipCorrections, layer: Labels, frame: int) -> None:
    """See whether a frame of a mask can be verified.

    Raises
    ------
    UnsupportedImageError
        If the mask has another shape, or the frame holds labels of no class.
    """
    if layer.data.shape != tuple(clip.image.array.shape[1:]):
        raise UnsupportedImageError(
            f"The mask {layer.name!r} has the shape {layer.data.shape} now, its clip "
            f"{tuple(clip.image.array.shape[1:])}: choose the mask of this clip."
        )
    names, ignore = clip.label_set.names, clip.label_set.ignore
    mask = np.asarray(layer.data[frame])
    strange = [v for v in np.unique(mask).tolist() if v not in {0, *names, ignore}]
    if strange:
        known = ", ".join(f"{value} ({name})" for value, name in names.items())
        raise UnsupportedImageError(
            f"Frame {frame} was not verified: it holds the labels {strange}, but the classes "
            f"are {known}. Repaint them."
        )
