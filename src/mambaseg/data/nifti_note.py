"""The line in a NIfTI file's description by which mambaseg finds its own axes again."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from mambaseg.data.segmentation_record import FORMAT_VERSION, check_version
from mambaseg.types.geometry import Geometry

__all__ = [
    "NOTE_KEY",
    "fitted",
    "geometry_loss",
    "is_mask_note",
    "nifti_note",
    "noted_place",
    "parse_note",
]

NOTE_KEY = "ITK_FileNotes"
_MASK = "; mask"
_NOTE = re.compile(r"mambaseg (\d+) (T?Z?YX) unknown:((?: \w+)*)")


def nifti_note(axes: str, geometry: Geometry, *, mask: bool = False) -> str:
    """Say which axes exist and what is unknown, in the 79 characters that NIfTI has.

    Parameters
    ----------
    axes : {"YX", "TYX", "ZYX", "TZYX"}
        Without the channel.
    geometry : Geometry
        Of the image or mask.
    mask : bool
        Whether it is a mask.
    """
    unknown = [
        name
        for name, value in (
            ("spacing", geometry.spacing_mm),
            ("origin", geometry.origin_mm),
            ("direction", geometry.direction),
            ("times", geometry.frame_times_s),
        )
        if value is None
    ]
    ending = _MASK if mask else ""
    return f"mambaseg {FORMAT_VERSION} {axes} unknown: {' '.join(unknown)}{ending}"


def is_mask_note(note: str) -> bool:
    """Tell whether a note of ours is that of a mask."""
    return _NOTE.match(note) is not None and note.endswith(_MASK)


def parse_note(note: str, path: Path) -> tuple[str, list[str]] | None:
    """Give axes and the names of what is unknown; None if it is no note of ours.

    Raises
    ------
    UnsupportedImageError
        If a newer mambaseg wrote it.
    """
    match = _NOTE.match(note)
    if match is None:
        return None
    version, axes, listed = match.groups()
    check_version(version, path)
    return axes, listed.split()


def fitted(axes: str, found: tuple[int, ...]) -> tuple[int, ...] | None:
    """Give a shape as its axes have it, where the format has added or dropped axes of length 1.

    Parameters
    ----------
    axes : {"YX", "TYX", "ZYX", "TZYX"}
    found : tuple of int
        Without the channel.

    Returns
    -------
    tuple of int or None
        None where they do not fit: another program has changed the file and kept the note.
    """
    rest = list(found)
    if "Z" not in axes and len(rest) > 2 and rest[-3] == 1:
        del rest[-3]
    rest = [1] * (len(axes) - len(rest)) + rest
    return tuple(rest) if len(rest) == len(axes) else None


def noted_place(found: Geometry, axes: str, unknown: list[str]) -> Geometry:
    """Leave out what a note calls unknown, unless another program has set it since; and times."""
    spacing = (found.spacing_mm or ())[-sum(axis in "ZYX" for axis in axes) :] or None
    unset = {
        "spacing": np.allclose(spacing or 1, 1),
        "origin": np.allclose(found.origin_mm or 0, 0),
        "direction": np.allclose(found.direction or np.eye(3).ravel(), np.eye(3).ravel()),
    }
    lost = {name for name in unknown if unset.get(name)}
    return Geometry(
        None if "spacing" in lost else spacing,
        None if "origin" in lost else found.origin_mm,
        None if "direction" in lost else found.direction,
    )


def geometry_loss(geometry: Geometry) -> str:
    """Say what of a geometry NIfTI cannot keep; "" if nothing."""
    lost = []
    values = [*(geometry.spacing_mm or ()), *(geometry.origin_mm or ())]
    turn = geometry.direction or ()
    if geometry.frame_rate:
        values.append(1 / geometry.frame_rate)
    if any(float(np.float32(value)) != value for value in values) or {*turn} - {-1.0, 0.0, 1.0}:
        lost.append("rounds the geometry to 7 digits")
    steps = [later - sooner for sooner, later in pairwise(geometry.frame_times_s or ())]
    if (steps and not np.allclose(steps, steps[0], rtol=1e-6)) or (geometry.frame_times_s or (0,))[
        0
    ]:
        lost.append("keeps one mean time between frames, from 0")
    return f"NIfTI {' and '.join(lost)}; write NRRD to keep it exactly." if lost else ""
