"""Boxes outside of which all is background."""

from __future__ import annotations

from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.image import MedicalImage

__all__ = ["WHOLE", "check_box", "part_of"]

WHOLE = ((0.0, 1.0), (0.0, 1.0))
"""All of a picture, as `part_of` gives it."""
_AXES = {2: "rows and columns", 3: "slices, rows and columns"}


def check_box(image: MedicalImage, box: tuple[slice, ...] | None) -> None:
    """Refuse a box that does not lie in an image.

    Raises
    ------
    InvalidOptionError
        If it has another number of sides, open or stepping ones, or reaches out.
    """
    if box is None:
        return
    shape = image.spatial_shape
    text = ", ".join(f"{side.start}:{side.stop}" for side in box)
    if len(box) != len(shape):
        raise InvalidOptionError(
            f"The box {text} has {len(box)} sides, but {image.source or 'the image'} needs "
            f"{len(shape)}: {_AXES[len(shape)]}."
        )
    for side, length in zip(box, shape, strict=True):
        closed = isinstance(side.start, int) and isinstance(side.stop, int)
        if not closed or side.step not in (None, 1) or not 0 <= side.start < side.stop <= length:
            raise InvalidOptionError(
                f"The box {text} does not lie in {image.source or 'the image'}, which has "
                f"{' x '.join(map(str, shape))} elements ({_AXES[len(shape)]}): choose from 0 to "
                "these."
            )


def part_of(image: MedicalImage, box: tuple[slice, ...] | None) -> tuple[tuple[float, float], ...]:
    """Say which part of a picture along y and x is in a box, from 0 to 1."""
    if box is None:
        return WHOLE
    sides = zip(box[-2:], image.spatial_shape[-2:], strict=True)
    return tuple((side.start / length, side.stop / length) for side, length in sides)
