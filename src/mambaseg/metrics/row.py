"""The line of a table of measures."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALL_CLASSES", "POOLED", "Row"]

ALL_CLASSES = "all classes"
"""`Row.class_name` of a measure that is of all classes together."""

POOLED = "all cases, pooled"
"""`Row.case` of a measure whose pixels were counted over all cases together."""


@dataclass(frozen=True)
class Row:
    """One value of one measure: the line of a table.

    Parameters
    ----------
    case : str
        Name of the image; "" where there is but one.
    frame : int or None
        Frame of a clip or slice of a volume; None: the case as a whole.
    class_name : str
        A class, a region, or `ALL_CLASSES`.
    measure : str
        A name in `MEASURES`.
    value : float
        NaN where the measure is not defined.
    unit : str
        "" for a ratio. Values are comparable where measure and unit agree: the unit
        of NSD says the tolerance.
    """

    case: str
    frame: int | None
    class_name: str
    measure: str
    value: float
    unit: str = ""
