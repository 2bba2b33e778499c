"""From labels as they are decided to labels that are final: the box, and post-processing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mambaseg.inference.events import Chunk
from mambaseg.inference.options import Options
from mambaseg.inference.plans import Plan
from mambaseg.inference.postprocessing import FramePostProcessor, ShapeRules
from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.image import MedicalImage

__all__ = ["Finisher", "finisher_for"]

Box = tuple[slice, ...]


class Finisher(Protocol):
    """Takes a run's chunks in their order and gives them final, perhaps later."""

    def push(self, chunk: Chunk) -> Iterator[Chunk]:
        """Take a chunk, and give what became final."""

    def finish(self) -> Iterator[Chunk]:
        """Give what was held back."""


class _Frames:
    """Frames, slices that are pictures, or the volumes of a series: each by itself."""

    def __init__(self, rules: ShapeRules, window: int, box: Box | None) -> None:
        self._processor, self._box = FramePostProcessor(rules, window), box

    def push(self, chunk: Chunk) -> Iterator[Chunk]:
        labels = chunk.labels if self._box is None else _inside(chunk.labels, self._box)
        for start, final in self._processor.push(chunk.start, labels):
            yield Chunk(start, start + len(final), final)

    def finish(self) -> Iterator[Chunk]:
        for start, final in self._processor.finish():
            yield Chunk(start, start + len(final), final)


class _Volume:
    """The slices of a volume, which are held back where shapes are looked at as a whole."""

    def __init__(self, rules: ShapeRules, box: Box | None) -> None:
        self._rules, self._box = rules, box
        self._held: list[NDArray[np.uint8]] = []

    def push(self, chunk: Chunk) -> Iterator[Chunk]:
        if self._box is not None:
            rows, *sides = self._box
            labels = _inside(chunk.labels, tuple(sides))
            labels[: max(0, rows.start - chunk.start)] = 0
            labels[max(0, rows.stop - chunk.start) :] = 0
            chunk = replace(chunk, labels=labels)
        if self._rules:
            self._held.append(chunk.labels)
        else:
            yield chunk

    def finish(self) -> Iterator[Chunk]:
        if self._held:
            labels = self._rules.apply(np.concatenate(self._held))
            self._held = []
            yield Chunk(0, len(labels), labels)


def finisher_for(image: MedicalImage, plan: Plan, options: Options) -> Finisher:
    """Choose what is done to the labels of a run.

    Raises
    ------
    InvalidOptionError
        If a rule does not fit the image: a size in mm^2 or ml where the spacing is
        unknown, or a median over the frames of what has none.
    """
    rules, spacing = plan.recipe.postprocessing, image.geometry.spacing_mm
    whole_volume = plan.recipe.kind == "volume"
    if spacing is not None and not whole_volume:
        spacing = spacing[-2:]
    shapes = ShapeRules.of(plan.recipe, spacing, image.source)
    if image.kind != "video" and rules.temporal_median > 1:
        if options.postprocessing is not None:
            raise InvalidOptionError(
                f"A median over {rules.temporal_median} frames was asked for, but "
                f"{image.source or 'the image'} is a single {image.kind}: leave that option."
            )
        rules = rules.model_copy(update={"temporal_median": 1})
    if whole_volume and image.kind == "volume":
        return _Volume(shapes, options.box)
    return _Frames(shapes, rules.temporal_median, options.box)


def _inside(labels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Give labels whose last axes are background outside a box."""
    kept = np.zeros_like(labels)
    place: Any = (..., *box)
    kept[place] = labels[place]
    return kept
