"""Pictures, or the frames or slices of an image, each by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.inference.events import CancelToken, Chunk, Unit
from mambaseg.inference.forward import Forward
from mambaseg.inference.frame_runs import wanted
from mambaseg.inference.image import predict_pictures, predict_tiled
from mambaseg.inference.plans import Needs, Step
from mambaseg.inference.settings import Settings
from mambaseg.inference.windows import smaller_sides
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import ImageInput
from mambaseg.types.recipe import Recipe

__all__ = ["PicturePlan"]


@dataclass(frozen=True)
class PicturePlan:
    """Frames (CTYX), each by itself; its window is a tile, or empty where they are resized."""

    image: MedicalImage
    recipe: Recipe
    finals: range
    unit: Unit
    skip: frozenset[int] = frozenset()
    meter: DoubtMeter | None = None
    mirror_axes: tuple[int, ...] = ()

    @property
    def _input(self) -> ImageInput:
        assert isinstance(self.recipe.input, ImageInput)  # noqa: S101 - plan_for chose by it
        return self.recipe.input

    @property
    def stitches(self) -> bool:
        """See `Plan.stitches`."""
        return self._input.tiled

    @property
    def window(self) -> tuple[int, ...]:
        """See `Plan.window`."""
        if not self._input.tiled:
            return ()
        return tuple(map(min, self._input.size, self.image.spatial_shape))

    def smaller_window(self, window: tuple[int, ...]) -> tuple[int, ...] | None:
        """See `Plan.smaller_window`."""
        return smaller_sides(window, least=64)

    def seen(self, window: tuple[int, ...]) -> str:
        """See `Plan.seen`."""
        what = "tiles" if window else "pictures"
        y, x = window or self._input.size
        return f"{what} of {y} x {x}"

    def needs(self, settings: Settings) -> Needs:
        """See `Plan.needs`."""
        channels, classes = len(self.recipe.channels), self.recipe.out_channels
        y, x = self.image.spatial_shape
        rows = settings.window[0] if settings.window else 0
        shape = (settings.batch, channels, *(settings.window or self._input.size))
        ahead = 3 * 4 * (y * x * channels if settings.window else math.prod(shape))
        read = 4 * settings.batch * channels * y * x
        return Needs(shape, 4 * rows * x * classes, read + ahead)

    def choices(self, settings: Settings) -> dict[str, Any]:
        """See `Plan.choices`."""
        found: dict[str, Any] = {self.unit: [self.finals.start, self.finals.stop]}
        if settings.window:
            found |= {"tile": list(settings.window), "overlap": self._input.overlap}
        return found

    def steps(
        self, forward: Forward, settings: Settings, cancel: CancelToken, start: int
    ) -> Iterator[Step]:
        """See `Plan.steps`."""
        frames = range(start, self.finals.stop)
        if settings.window:
            found = predict_tiled(
                self.image,
                forward,
                self.recipe,
                frames=frames,
                tile=settings.window,
                batch=settings.batch,
                stitching=settings.stitching,
                cancel=cancel,
                skip=self.skip,
                meter=self.meter,
            )
        else:
            found = predict_pictures(
                self.image,
                forward,
                self.recipe,
                frames=frames,
                batch=settings.batch,
                cancel=cancel,
                skip=self.skip,
                meter=self.meter,
            )
        total = wanted(self.finals, self.skip)
        done = wanted(range(self.finals.start, start), self.skip)
        for final, labels in found:
            done += len(final)
            yield Step(done, total, Chunk(final.start, final.stop, labels))
