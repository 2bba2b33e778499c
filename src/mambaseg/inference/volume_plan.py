"""Sliding windows over a volume, or over each of a time series of volumes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mambaseg.data.network_grid import NetworkGrid
from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.inference.events import CancelToken, Chunk, Unit
from mambaseg.inference.forward import Forward
from mambaseg.inference.network_volume import NetworkVolume, box_with_context
from mambaseg.inference.plans import Needs, Step
from mambaseg.inference.settings import Settings
from mambaseg.inference.volume import predict_volume, volume_windows
from mambaseg.inference.windows import smaller_sides
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["VolumePlan"]


@dataclass(frozen=True)
class VolumePlan:
    """A volume (CZYX) or a series of them (CTZYX); its window is that of the Recipe."""

    image: MedicalImage
    recipe: Recipe
    mirror_axes: tuple[int, ...]
    box: tuple[slice, ...] | None = None
    meter: DoubtMeter | None = None
    unit: Unit = "windows"
    stitches: bool = True

    @property
    def _input(self) -> VolumeInput:
        assert isinstance(self.recipe.input, VolumeInput)  # noqa: S101 - plan_for chose by it
        return self.recipe.input

    @property
    def finals(self) -> range:
        """Slices of a volume, or volumes of a series."""
        return range(self.image.array.shape[1])

    @property
    def _grid(self) -> NetworkGrid:
        """The way to the network's grid of an image without empty borders."""
        shape, place = self.image.spatial_shape, self.image.geometry
        grid = NetworkGrid.of(shape, place, self._input)
        if self.box is None:
            return grid
        near = box_with_context(self.box, grid, self._input.patch_size)
        return NetworkGrid.of(shape, place, self._input, near)

    @property
    def window(self) -> tuple[int, ...]:
        """See `Plan.window`."""
        return tuple(map(min, self._input.patch_size, self._grid.seen_size))

    def smaller_window(self, window: tuple[int, ...]) -> tuple[int, ...] | None:
        """See `Plan.smaller_window`."""
        return smaller_sides(window, least=32)

    def seen(self, window: tuple[int, ...]) -> str:
        """See `Plan.seen`."""
        return f"windows of {' x '.join(map(str, window))}"

    def needs(self, settings: Settings) -> Needs:
        """See `Plan.needs`."""
        channels, classes = len(self.recipe.channels), self.recipe.out_channels
        grid, window = self._grid, settings.window
        rows = window[grid.order.index(0)]
        sums = 4 * classes * rows * math.prod(grid.size[1:])
        resampled = channels * math.prod(grid.size) if grid.size != grid.box_shape else 0
        channel = 2 * math.prod(grid.box_shape)  # in float32, twice, while it is measured
        labels = min(math.prod(grid.shape), 16 * 2**20)
        shape = (settings.batch, channels, *window)
        return Needs(shape, sums, 4 * max(resampled, channel) + labels)

    def choices(self, settings: Settings) -> dict[str, Any]:
        """See `Plan.choices`."""
        return {
            "window": list(settings.window),
            "overlap": self._input.overlap,
            "blending": self._input.blending,
        }

    def steps(
        self, forward: Forward, settings: Settings, cancel: CancelToken, start: int
    ) -> Iterator[Step]:
        """See `Plan.steps`."""
        if "T" not in self.image.axes:
            yield from self._volume(self.image, forward, settings, cancel, start)
            return
        for time in range(start, len(self.finals)):
            slabs = []
            for step in self._volume(self._at(time), forward, settings, cancel, 0):
                chunk = None
                if step.final is not None:
                    slabs.append(step.final.labels)
                if step.done == step.total:
                    chunk = Chunk(time, time + 1, np.concatenate(slabs)[None])
                total = step.total * len(self.finals)
                yield Step(time * step.total + step.done, total, chunk)

    def _at(self, time: int) -> MedicalImage:
        geometry = replace(self.image.geometry, frame_times_s=None)
        array = self.image.frames(time, time + 1)[:, 0]
        return replace(self.image, array=array, axes="CZYX", geometry=geometry)

    def _volume(
        self,
        image: MedicalImage,
        forward: Forward,
        settings: Settings,
        cancel: CancelToken,
        start: int,
    ) -> Iterator[Step]:
        volume = forward.timed("read", lambda: NetworkVolume.of(image, self.recipe, self.box))
        _, places = volume_windows(volume, settings.window, self._input.overlap)
        for done, labels in predict_volume(
            volume,
            forward,
            self.recipe,
            window=settings.window,
            batch=settings.batch,
            stitching=settings.stitching,
            cancel=cancel,
            start=start,
            meter=self.meter,
        ):
            chunk = None
            if labels is not None and len(labels):
                chunk = Chunk(start, start + len(labels), labels)
                start = chunk.stop
            yield Step(done, len(places), chunk)
