"""A video in overlapping clips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.inference.events import CancelToken, Chunk, Unit
from mambaseg.inference.forward import Forward
from mambaseg.inference.frame_runs import wanted
from mambaseg.inference.plans import Needs, Step
from mambaseg.inference.settings import Settings
from mambaseg.inference.video import predict_video
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe

__all__ = ["ClipPlan"]


@dataclass(frozen=True)
class ClipPlan:
    """Overlapping clips of a video (CTYX); its window is (frames,)."""

    image: MedicalImage
    recipe: Recipe
    finals: range
    overlap: int
    skip: frozenset[int] = frozenset()
    meter: DoubtMeter | None = None
    mirror_axes: tuple[int, ...] = ()
    unit: Unit = "frames"
    stitches: bool = False

    @property
    def window(self) -> tuple[int, ...]:
        """See `Plan.window`."""
        return (min(self.recipe.video.clip_length, len(self.finals)),)

    def smaller_window(self, window: tuple[int, ...]) -> tuple[int, ...] | None:
        """See `Plan.smaller_window`."""
        return (window[0] // 2,) if window[0] > 1 else None

    def seen(self, window: tuple[int, ...]) -> str:
        """See `Plan.seen`."""
        y, x = self.recipe.video.size
        frames = "1 frame" if window[0] == 1 else f"{window[0]} frames"
        return f"clips of {frames} of {y} x {x}"

    def needs(self, settings: Settings) -> Needs:
        """See `Plan.needs`."""
        size, frames = self.recipe.video.size, settings.window[0]
        channels = len(self.recipe.channels)
        frame = 4 * math.prod(size)
        read = 4 * channels * math.prod(self.image.spatial_shape) * frames
        ahead = 3 * settings.batch * frames * channels * frame
        kept = settings.batch * frames * self.recipe.out_channels * frame
        return Needs((settings.batch, frames, channels, *size), kept, read + ahead)

    def choices(self, settings: Settings) -> dict[str, Any]:
        """See `Plan.choices`."""
        return {
            "frames": [self.finals.start, self.finals.stop],
            "clip_length": settings.window[0],
            "clip_overlap": self.overlap,
        }

    def steps(
        self, forward: Forward, settings: Settings, cancel: CancelToken, start: int
    ) -> Iterator[Step]:
        """See `Plan.steps`."""
        total = wanted(self.finals, self.skip)
        done = wanted(range(self.finals.start, start), self.skip)
        for frames, labels in predict_video(
            self.image,
            forward,
            self.recipe,
            frames=self.finals,
            clip_length=settings.window[0],
            clip_overlap=self.overlap,
            batch=settings.batch,
            cancel=cancel,
            start=start,
            skip=self.skip,
            meter=self.meter,
        ):
            done += len(frames)
            yield Step(done, total, Chunk(frames.start, frames.stop, labels))
