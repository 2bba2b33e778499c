"""What is asked of a comparison."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from mambaseg.metrics.catalogue import BASIC, check_measures
from mambaseg.types.errors import InvalidOptionError

__all__ = ["Level", "MeasureOptions", "Unit"]

Level = Literal["frame", "case"]
Unit = Literal["mm", "px"]


@dataclass(frozen=True)
class MeasureOptions:
    """Which measures of what, and in which unit.

    Parameters
    ----------
    measures : collection of str
        Names in `MEASURES`. Those that a mask cannot have (volumes of a flat image, for
        example) give no row.
    classes : tuple of str or None
        Names of the classes or regions to measure; None: all.
    regions : {"brats"} or None
        Measure the regions WT, TC and ET in place of the classes.
    levels : collection of {"frame", "case"}, or None
        "frame": each frame of a clip, or slice of a volume. "case": the image as a whole;
        of a clip, the mean over its frames (of the counts: the sum). None: frames of a
        clip, an image or a volume as a whole.
    unit : {"mm", "px"} or None
        Of distances and sizes; None: mm (mm^2, ml) where the spacing is known, and pixels
        (voxels) where it is not.
    tolerance : float
        Of NSD, in that unit.
    resample : bool
        Bring the prediction onto the reference's grid where it lies on another.

    Raises
    ------
    InvalidOptionError
        If a measure does not exist or the tolerance is no distance.
    """

    measures: Collection[str] = BASIC
    classes: tuple[str, ...] | None = None
    regions: Literal["brats"] | None = None
    levels: Collection[Level] | None = None
    unit: Unit | None = None
    tolerance: float = 2.0
    resample: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", check_measures(self.measures))
        if not (isfinite(self.tolerance) and self.tolerance >= 0):
            raise InvalidOptionError(
                f"The tolerance of NSD is {self.tolerance}; a distance of 0 or more was expected."
            )
