"""What saves drawing: masks carried from frame to frame, blended between two, and cleaned up."""

from mambaseg.editing.cleaning import fill_holes, grow, keep_largest, shrink, smooth
from mambaseg.editing.comparing import agreement, half_way
from mambaseg.editing.interpolation import interpolate
from mambaseg.editing.locking import with_locked
from mambaseg.editing.propagation import propagate

__all__ = [
    "agreement",
    "fill_holes",
    "grow",
    "half_way",
    "interpolate",
    "keep_largest",
    "propagate",
    "shrink",
    "smooth",
    "with_locked",
]
