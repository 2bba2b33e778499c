"""Where an array's elements lie in the patient and in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

__all__ = ["Geometry"]


@dataclass(frozen=True)
class Geometry:
    """Physical placement of an image's spatial and time axes.

    Parameters
    ----------
    spacing_mm : tuple of float or None
        Distance between neighbouring elements along each spatial axis in array
        order, (y, x) or (z, y, x), in millimetres. None where it is unknown: no
        measure in millimetres is given then.
    origin_mm : tuple of float or None
        Position (x, y, z) of the centre of the first element in the patient
        system LPS (x to the Left, y to the Posterior, z to the Superior), as in
        DICOM and ITK. None where the image has no place in a patient system.
    direction : tuple of float or None
        The nine direction cosines, row by row, of the 3 x 3 matrix whose
        columns are the LPS directions of the x, y and z axes, as in ITK.
    frame_times_s : tuple of float or None
        Time of each frame in seconds from the first, ascending. None where the
        image has no time axis or its times are unknown.

    Raises
    ------
    ValueError
        If a spacing is not positive, a length is wrong or times do not ascend.
    """

    spacing_mm: tuple[float, ...] | None = None
    origin_mm: tuple[float, float, float] | None = None
    direction: tuple[float, ...] | None = None
    frame_times_s: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.spacing_mm is not None:
            if len(self.spacing_mm) not in (2, 3):
                raise ValueError(
                    f"spacing_mm needs 2 or 3 values, one per spatial axis; got {self.spacing_mm}."
                )
            if not all(0 < value < float("inf") for value in self.spacing_mm):
                raise ValueError(f"spacing_mm must be positive; got {self.spacing_mm}.")
        if self.direction is not None and len(self.direction) != 9:
            raise ValueError(f"direction needs 9 values; got {len(self.direction)}.")
        times = self.frame_times_s
        if times is not None and any(b <= a for a, b in pairwise(times)):
            raise ValueError("frame_times_s must ascend strictly.")

    @property
    def frame_rate(self) -> float | None:
        """Mean number of frames per second, or None where times are unknown."""
        times = self.frame_times_s
        if times is None or len(times) < 2:
            return None
        return (len(times) - 1) / (times[-1] - times[0])

    def with_frames(self, start: int, stop: int) -> Geometry:
        """Give the geometry of the frames `start` to `stop` (exclusive), at the times they had."""
        times = self.frame_times_s
        return self if times is None else replace(self, frame_times_s=times[start:stop])
