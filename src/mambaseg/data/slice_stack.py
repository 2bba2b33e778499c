"""Slices that lie in the patient, put in order as a volume, or as one at each of several times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry

__all__ = ["PlacedSlice", "SliceStack", "is_parallel", "stack"]

_ORDINALS = ("TemporalPositionIdentifier", "TemporalPositionIndex")
"""Elements that count the times, and do not say when they were."""
_EVEN = 0.01
"""How much of a step a slice may be off: makers round positions."""
_SIDEWAYS_MM = 0.2
"""How far a slice may lie beside the others, or half a pixel where that is less, as above."""
_PARALLEL = 1e-3
"""How much the directions of slices of one volume may be off each other, as above."""
_SQUARE = 0.01
"""How much the products of two directions may be off those of two at right angles, as above."""


@dataclass(frozen=True)
class PlacedSlice:
    """One slice.

    Parameters
    ----------
    key : Any
        Where its pixels are found: a path, or the index of a frame.
    number : int
        What it is called in messages.
    position : tuple of float, or None
        LPS position (x, y, z) of the centre of its first pixel, in mm.
    orientation : tuple of float, or None
        LPS directions of its x and of its y axis, six numbers.
    spacing_mm : tuple of float, or None
        Distance between pixels along (y, x).
    thickness_mm : float or None
        Distance to the next slice as the header has it, used only where there is no next.
    moments : dict of str to float
        When it was taken, in seconds, or as an ordinal, by the element of the header that says so;
        what is to be believed first stands first.
    """

    key: Any
    number: int
    position: tuple[float, float, float] | None = None
    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None
    moments: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SliceStack:
    """A volume's slices in order.

    Parameters
    ----------
    keys : list of list
        Where pixels are found, by time and by z.
    geometry : Geometry
        Of the volume.
    depths : ndarray of float, shape (Z,), or None
        Where the slices really lie, in steps of the geometry from the first, if
        they have to be resampled to lie evenly; else None.
    notes : tuple of str
        What the user should know.
    """

    keys: list[list[Any]]
    geometry: Geometry
    depths: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """Number of slices of the volume."""
        return len(self.keys[0]) if self.depths is None else int(np.floor(self.depths[-1])) + 1

    def form(self, channels: int, rows: int, columns: int) -> tuple[str, tuple[int, ...]]:
        """Give the axes of the image that the slices make, and its shape."""
        if len(self.keys) == 1:
            return "CZYX", (channels, self.depth, rows, columns)
        if self.depth == 1:
            return "CTYX", (channels, len(self.keys), rows, columns)
        return "CTZYX", (channels, len(self.keys), self.depth, rows, columns)


def stack(slices: list[PlacedSlice], what: str, *, resample: bool = False) -> SliceStack:
    """Put slices in the order in which they lie.

    Parameters
    ----------
    slices : list of PlacedSlice
        In any order; of one orientation.
    what : str
        What they are, for messages.
    resample : bool
        Take slices that lie unevenly, to be resampled to the smallest step.

    Raises
    ------
    UnreadableImageError
        If what the header says of where they lie cannot be.
    UnsupportedImageError
        If slices are missing, lie unevenly or sideways of each other, or several
        lie at one place without times that tell them apart.
    """
    if any(one.position is None or one.orientation is None for one in slices):
        ordered = sorted(slices, key=lambda one: one.number)
        note = "The header does not say where the slices lie, so spacing is unknown."
        return SliceStack([[one.key for one in ordered]], Geometry(), notes=(note,))
    turn = _turn(slices[0].orientation or (), what)
    positions = np.array([one.position for one in slices])
    if not np.isfinite(positions).all():
        raise UnreadableImageError(
            f"{what} has slices that lie at no place in numbers; its headers are damaged. Copy or "
            "export it again."
        )
    along = positions @ turn[:, 2]
    places: dict[float, list[PlacedSlice]] = {}
    for index in np.argsort(along, kind="stable"):
        near = next(reversed(places), None)
        depth = float(along[index])
        is_new = near is None or depth - near > 1e-3
        places.setdefault(depth if near is None or is_new else near, []).append(slices[index])
    columns, times, timing = _columns(list(places.values()), what)
    depths = np.array(list(places))
    step, uneven = _step(depths, columns, what, resample=resample)
    _check_upright(columns, turn, what)
    first = columns[0][0]
    resampled = "The slices lay unevenly and were resampled to lie evenly."
    if step is None:
        step = first.thickness_mm
    spacing: tuple[float, ...] | None = None
    if len(columns) == 1 < len(columns[0]):  # a clip, whose frames have no thickness
        spacing = first.spacing_mm
    elif step is not None and first.spacing_mm is not None:
        spacing = (step, *first.spacing_mm)
    x, y, z = first.position or (0.0, 0.0, 0.0)
    geometry = Geometry(spacing, (x, y, z), tuple(turn.ravel().tolist()), times)
    notes = tuple(filter(None, (timing, "" if uneven is None else resampled)))
    keys = [[column[time].key for column in columns] for time in range(len(columns[0]))]
    return SliceStack(keys, geometry, uneven, notes)


def is_parallel(first: Sequence[float], second: Sequence[float]) -> bool:
    """Tell whether two slices lie in one orientation, each as six numbers of its header."""
    # Written so that what is no number makes no orientation of its own.
    return not any(abs(a - b) > _PARALLEL for a, b in zip(first, second, strict=True))


def _turn(orientation: tuple[float, ...], what: str) -> NDArray[np.float64]:
    """Give the orthonormal matrix whose columns are the directions of x, y and of the slices."""
    x, y = np.array(orientation[:3], float), np.array(orientation[3:], float)
    with np.errstate(invalid="ignore"):  # of infinite ones
        products = np.array([x @ x, y @ y, x @ y])
    if not np.allclose(products, (1, 1, 0), rtol=0, atol=_SQUARE):
        named = ", ".join(f"{value:.4g}" for value in orientation)
        raise UnreadableImageError(
            f"{what} says that its rows and columns run along ({named}), which are no two "
            "directions at right angles; its headers are damaged. Copy or export it again."
        )
    z = np.cross(x, y)
    x, z = x / np.linalg.norm(x), z / np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _columns(
    places: list[list[PlacedSlice]], what: str
) -> tuple[list[list[PlacedSlice]], tuple[float, ...] | None, str]:
    """Order the slices of each place by time; say when that was, or why it is not known."""
    count = len(places[0])
    alike = all(len(place) == count for place in places)
    if alike and count == 1:
        return places, None, ""
    for keyword in places[0][0].moments if alike else ():
        ordered = [_by_moment(place, keyword) for place in places]
        if any(len(found) < count for found in ordered):
            continue
        columns = [list(found.values()) for found in ordered]
        if keyword in _ORDINALS:
            note = "The header counts the times but does not say when they were: they are unknown."
            return columns, None, note
        first = next(iter(ordered[0]))
        return columns, tuple(moment - first for moment in ordered[0]), ""
    most = max(places, key=len)
    named = ", ".join(str(one.number) for one in most[:4])
    raise UnsupportedImageError(
        f"{what} holds up to {len(most)} slices at one place (numbers {named}), and no times "
        "that tell them apart; one volume, or the same slices at each time, was expected. "
        "Export each volume as a series of its own."
    )


def _by_moment(place: list[PlacedSlice], keyword: str) -> dict[float, PlacedSlice]:
    """Slices by when they were taken, in order; fewer where that does not tell them apart."""
    found = {one.moments[keyword]: one for one in place if keyword in one.moments}
    return {moment: found[moment] for moment in sorted(found) if np.isfinite(moment)}


def _step(
    depths: NDArray[np.float64], columns: list[list[PlacedSlice]], what: str, *, resample: bool
) -> tuple[float | None, NDArray[np.float64] | None]:
    """Give the distance between slices in mm; and where they lie in such steps, if unevenly."""
    if len(depths) < 2:
        return None, None
    gaps = np.diff(depths)
    step = float(np.median(gaps))
    if np.all(np.abs(gaps - step) <= _EVEN * step):
        return float((depths[-1] - depths[0]) / len(gaps)), None
    if resample:
        least = float(gaps.min())
        return least, (depths - depths[0]) / least
    step = float(gaps.min())
    multiples = np.rint(gaps / step)
    if np.all(np.abs(gaps - multiples * step) <= _EVEN * gaps):
        lost = [
            f"{int(multiples[i]) - 1} between {columns[i][0].number} and {columns[i + 1][0].number}"
            for i in np.flatnonzero(multiples > 1)
        ]
        shown = ", ".join(lost[:6]) + (" and more" if len(lost) > 6 else "")
        raise UnsupportedImageError(
            f"{what} lacks slices: {shown} (counted by their steps of {step:.4g} mm). Copy the "
            "series again in full, or ask for it to be resampled."
        )
    raise UnsupportedImageError(
        f"{what} has slices that lie {gaps.min():.4g} to {gaps.max():.4g} mm apart, but one "
        "distance was expected. Export an evenly spaced series, or ask for it to be resampled."
    )


def _check_upright(columns: list[list[PlacedSlice]], turn: NDArray[np.float64], what: str) -> None:
    """Refuse slices that lie off their line, or along a line that a tilted gantry made oblique."""
    slices = [one for column in columns for one in column]
    # In the volume's own axes, from the first slice.
    places = np.array([one.position for one in slices]) @ turn
    places -= places[0]
    run = places[-1]
    line = np.outer(places[:, 2] / run[2], run) if len(columns) > 1 else np.zeros_like(places)
    off = np.linalg.norm((places - line)[:, :2], axis=1)
    worst = int(np.argmax(off))
    if off[worst] > min([_SIDEWAYS_MM, *(step / 2 for step in slices[0].spacing_mm or ())]):
        raise UnsupportedImageError(
            f"{what} has a slice, number {slices[worst].number}, that lies {off[worst]:.3g} mm "
            "sideways of the line through its first and last slice; slices one above the other "
            "were expected. Export each stack of slices as a series of its own."
        )
    angle = float(np.degrees(np.arctan2(np.linalg.norm(run[:2]), run[2])))
    if len(columns) > 1 and angle > 0.5:
        raise UnsupportedImageError(
            f"{what} was taken with a gantry tilted by {angle:.1f} degrees, so that its voxels are "
            "no boxes; upright slices were expected. Correct the tilt first, for example with "
            "dcm2niix."
        )
