"""Mends labels: holes, small pieces, all but the largest piece, flicker between frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mambaseg.inference.temporal_median import TemporalMedian
from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.network_output import Regions
from mambaseg.types.postprocessing import MinimumSize, PostProcessing
from mambaseg.types.recipe import Recipe

__all__ = ["FramePostProcessor", "ShapeRules", "recipe_with"]

Labels = NDArray[np.uint8]
_UNIT_SIZE_MM = {"mm2": 1.0, "ml": 1000.0}


def recipe_with(recipe: Recipe, postprocessing: PostProcessing | None) -> Recipe:
    """Give the Recipe with other post-processing; None leaves it as it is.

    Raises
    ------
    InvalidOptionError
        If it names classes that the Recipe does not have, or a size that its kind does not.
    """
    if postprocessing is None:
        return recipe
    try:
        recipe.check_postprocessing(postprocessing)
    except ValueError as error:
        raise InvalidOptionError(
            f"This post-processing does not fit the model: {error}. Change the option."
        ) from error
    return recipe.model_copy(update={"postprocessing": postprocessing})


@dataclass(frozen=True)
class _Target:
    """A class, or several that count as one, and the class that fills its holes."""

    values: tuple[int, ...]
    filled_with: int


@dataclass(frozen=True)
class ShapeRules:
    """What is done to the shapes in one picture, frame, slice or volume.

    Parameters
    ----------
    holes, largest : tuple
        The classes whose holes are filled, and those of which the largest piece is kept.
    classes : tuple of int
        Every class.
    minimum : float
        Elements that a piece must have; fewer become background.
    """

    holes: tuple[_Target, ...] = ()
    largest: tuple[_Target, ...] = ()
    classes: tuple[int, ...] = ()
    minimum: float = 0.0

    @classmethod
    def of(cls, recipe: Recipe, spacing_mm: Sequence[float] | None, source: str) -> ShapeRules:
        """Take a Recipe's rules.

        Parameters
        ----------
        recipe : Recipe
        spacing_mm : sequence of float or None
            Of the axes that a piece has: (y, x) or (z, y, x).
        source : str
            The image's name, for messages.

        Raises
        ------
        InvalidOptionError
            If a size in mm^2 or ml is asked for where the spacing is unknown.
        """
        rules, classes = recipe.postprocessing, tuple(recipe.labels)
        return cls(
            _targets(rules.fill_holes, recipe),
            _targets(rules.largest_component, recipe),
            classes,
            _elements(rules.minimum_size, spacing_mm, source),
        )

    def __bool__(self) -> bool:
        return bool(self.holes or self.largest or self.minimum)

    def apply(self, labels: Labels) -> Labels:
        """Give new labels of one picture (Y, X) or volume (Z, Y, X)."""
        from scipy import ndimage

        labels = labels.copy()
        for target in self.holes:
            if (box := _box(labels, target.values)) is not None:
                inside = labels[box]
                filled = ndimage.binary_fill_holes(np.isin(inside, target.values))
                inside[filled & (inside == 0)] = target.filled_with
        for target in self.largest:
            if (found := _pieces(labels, target.values)) is not None:
                inside, pieces, sizes = found
                inside[(pieces > 0) & (pieces != sizes.argmax())] = 0
        for value in self.classes if self.minimum else ():
            if (found := _pieces(labels, (value,))) is not None:
                inside, pieces, sizes = found
                too_small = sizes < self.minimum
                too_small[0] = False
                inside[too_small[pieces]] = 0
        return labels


class FramePostProcessor:
    """Takes frames as they come and gives them mended, by half a window later.

    Parameters
    ----------
    rules : ShapeRules
        Applied to each frame by itself, once flicker is gone.
    window : int
        Odd number of frames of the median.
    """

    def __init__(self, rules: ShapeRules, window: int = 1) -> None:
        self._rules = rules
        self._median = TemporalMedian(window, rules.classes)

    def push(self, start: int, labels: Labels) -> Iterator[tuple[int, Labels]]:
        """Take frames (T, Y, X) from `start` on, and give what became final.

        Frames come in ascending order. Where some are left out, those before and
        those after do not smooth each other.

        Yields
        ------
        start : int
        labels : ndarray, shape (T, Y, X), uint8
        """
        yield from map(self._shaped, self._median.push(start, labels))

    def finish(self) -> Iterator[tuple[int, Labels]]:
        """Give what was held back."""
        yield from map(self._shaped, self._median.finish())

    def _shaped(self, final: tuple[int, Labels]) -> tuple[int, Labels]:
        start, labels = final
        return start, np.stack([self._rules.apply(frame) for frame in labels]) if (
            self._rules
        ) else labels


def _targets(chosen: bool | tuple[str, ...], recipe: Recipe) -> tuple[_Target, ...]:
    if isinstance(chosen, bool):
        return tuple(_Target((value,), value) for value in recipe.labels) if chosen else ()
    known = {name: _Target((value,), value) for value, name in recipe.labels.items()}
    if isinstance(recipe.output, Regions):
        regions = {r.name: _Target(r.classes, r.value) for r in recipe.output.regions}
        known = {**regions, **known}
    return tuple(known[name] for name in chosen)


def _elements(size: MinimumSize | None, spacing_mm: Sequence[float] | None, source: str) -> float:
    if size is None:
        return 0.0
    if size.unit in ("pixels", "voxels"):
        return size.value
    if spacing_mm is None:
        plain = "pixels" if size.dimensions == 2 else "voxels"
        raise InvalidOptionError(
            f"A minimum size of {size} was asked for, but the spacing of {source or 'the image'} "
            f"is unknown: give the size in {plain}, or set the image's spacing first."
        )
    return size.value * _UNIT_SIZE_MM[size.unit] / float(np.prod(spacing_mm))


def _box(labels: Labels, values: tuple[int, ...]) -> tuple[slice, ...] | None:
    """Bounds of some classes, or None where there is nothing of them."""
    from scipy import ndimage

    found: list[tuple[slice, ...]] = ndimage.find_objects(np.isin(labels, values).view(np.uint8))
    return found[0] if found else None


def _pieces(
    labels: Labels, values: tuple[int, ...]
) -> tuple[Labels, NDArray[np.int32], NDArray[np.int64]] | None:
    """Give a view of what holds some classes, the number of each piece in it, and the sizes."""
    from scipy import ndimage

    box = _box(labels, values)
    if box is None:
        return None
    inside = labels[box]
    pieces, _ = ndimage.label(np.isin(inside, values), np.ones((3,) * labels.ndim))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return inside, pieces, sizes
