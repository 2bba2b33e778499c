"""The clip that a mask belongs to, what is kept of it, and whether the mask fits it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from mambaseg.metrics.values import values_of
from mambaseg.plugin.from_layers import image_of, mask_place_of
from mambaseg.plugin.mask_image import clip_of
from mambaseg.plugin.notices import report
from mambaseg.plugin.same_place import check_same_place
from mambaseg.plugin.sessions import session_of
from mambaseg.session import ClipCorrections
from mambaseg.types import LabelSet
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["check_fits", "check_frames", "verified_clip_of"]

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
        check_fits(viewer, layer)
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


def check_fits(viewer: napari.Viewer, layer: Labels) -> None:
    """Refuse a mask that lies otherwise than its clip; than the newest image, if that is not known.

    Raises
    ------
    MismatchError
        If their shapes or scales differ; it says where, and what to do.
    """
    image = clip_of(viewer, layer)
    advice = "choose the mask of this clip"
    if image is None:
        image = next((one for one in reversed(viewer.layers) if isinstance(one, Image)), None)
        advice = "choose the mask of this clip, or open the clip that this mask is of"
    if image is not None:
        check_same_place(layer, image, mask_place_of(layer)[0], advice)


def check_frames(
    viewer: napari.Viewer, clip: ClipCorrections, layer: Labels, frames: list[int]
) -> None:
    """See whether frames of a mask can be verified.

    Raises
    ------
    UnsupportedImageError
        If the mask lies otherwise than its clip, or a frame holds labels of no class.
    """
    if clip_of(viewer, layer) is not None:  # else it was closed, and is kept for the mask
        check_fits(viewer, layer)
    names, ignore = clip.label_set.names, clip.label_set.ignore
    for frame in frames:
        values = values_of(np.asarray(layer.data[frame]))
        if strange := sorted(values - {0, *names, ignore}):
            known = ", ".join(f"{value} ({name})" for value, name in names.items())
            raise UnsupportedImageError(
                f"Frame {frame} was not verified: it holds the labels {strange}, but the classes "
                f"are {known}. Repaint them."
            )
