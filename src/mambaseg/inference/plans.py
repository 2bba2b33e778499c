"""How an image is segmented with a model: as a clip, frame by frame, or window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import nn

from mambaseg.data.channel_names import arranged
from mambaseg.data.fitting import as_clip, as_slices, check_fits
from mambaseg.inference.events import CancelToken, Chunk, Unit
from mambaseg.inference.image import predict_pictures
from mambaseg.inference.options import Options
from mambaseg.inference.video import predict_video
from mambaseg.inference.volume import PreparedVolume, mirrorings, predict_volume, prepare_volume
from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import ImageInput, VideoInput, VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["Plan", "Step", "plan_for"]


@dataclass(frozen=True)
class Step:
    """Progress: how many units are done, and what became final with the last ones."""

    done: int
    final: Chunk | None = None


class Plan(Protocol):
    """A segmentation that is ready to run."""

    @property
    def unit(self) -> Unit:
        """What it goes through."""

    @property
    def total(self) -> int:
        """How many of these."""

    @property
    def seen_at_once(self) -> str:
        """What the network sees at once, in words."""

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen, for the record."""

    def steps(
        self, network: nn.Module, device: torch.device, cancel: CancelToken
    ) -> Iterator[Step]:
        """Run, giving labels as they become final."""


def plan_for(image: MedicalImage, recipe: Recipe, options: Options) -> Plan:
    """Plan the segmentation of an image.

    Raises
    ------
    UnsupportedImageError
        If the image does not fit the Recipe.
    InvalidOptionError
        If an option does not fit the image or the Recipe.
    """
    image = arranged(image, recipe.channels)
    unit: Unit = "frames"
    if options.by_slice:
        if (image.kind, recipe.kind) != ("volume", "image"):
            raise InvalidOptionError(
                "Slice by slice a model for pictures segments a volume; here the model takes a "
                f"single {recipe.kind} and the image is a single {image.kind}: leave that option."
            )
        image, unit = as_slices(image), "slices"
    check_fits(image, recipe)
    if isinstance(recipe.input, VolumeInput):
        return _VolumePlan(image, recipe, _mirror_axes(recipe.input, options))
    clip = as_clip(image)
    frames = _frames(clip, options)
    if isinstance(recipe.input, ImageInput):
        return _PicturePlan(clip, recipe, frames, unit)
    return _ClipPlan(clip, recipe, frames, _overlap(recipe.input, options))


@dataclass(frozen=True)
class _ClipPlan:
    """Overlapping clips of a video."""

    clip: MedicalImage
    recipe: Recipe
    frames: range
    overlap: int
    unit: Unit = "frames"

    @property
    def total(self) -> int:
        return len(self.frames)

    @property
    def seen_at_once(self) -> str:
        video = self.recipe.video
        return f"clips of {video.clip_length} frames of {video.size}"

    @property
    def choices(self) -> dict[str, Any]:
        return {
            "frames": [self.frames.start, self.frames.stop],
            "clip_length": self.recipe.video.clip_length,
            "clip_overlap": self.overlap,
        }

    def steps(
        self, network: nn.Module, device: torch.device, cancel: CancelToken
    ) -> Iterator[Step]:
        for done, labels in predict_video(
            self.clip,
            network,
            self.recipe,
            frames=self.frames,
            clip_overlap=self.overlap,
            device=device,
            cancel=cancel,
        ):
            yield Step(done.stop - self.frames.start, Chunk(done.start, done.stop, labels))


@dataclass(frozen=True)
class _PicturePlan:
    """Frames or slices, each by itself."""

    clip: MedicalImage
    recipe: Recipe
    frames: range
    unit: Unit

    @property
    def total(self) -> int:
        return len(self.frames)

    @property
    def seen_at_once(self) -> str:
        assert isinstance(self.recipe.input, ImageInput)  # noqa: S101
        return f"pictures of {self.recipe.input.size}"

    @property
    def choices(self) -> dict[str, Any]:
        return {self.unit: [self.frames.start, self.frames.stop]}

    def steps(
        self, network: nn.Module, device: torch.device, cancel: CancelToken
    ) -> Iterator[Step]:
        for done, labels in predict_pictures(
            self.clip, network, self.recipe, frames=self.frames, device=device, cancel=cancel
        ):
            yield Step(done.stop - self.frames.start, Chunk(done.start, done.stop, labels))


@dataclass(frozen=True)
class _VolumePlan:
    """Sliding windows over a volume."""

    image: MedicalImage
    recipe: Recipe
    mirror_axes: tuple[int, ...]
    unit: Unit = "windows"

    @cached_property
    def prepared(self) -> PreparedVolume:
        """The volume as the network sees it, made when first needed."""
        return prepare_volume(self.image, self.recipe)

    @property
    def total(self) -> int:
        return len(self.prepared.places)

    @property
    def seen_at_once(self) -> str:
        assert isinstance(self.recipe.input, VolumeInput)  # noqa: S101
        return f"windows of {self.recipe.input.patch_size} voxels"

    @property
    def choices(self) -> dict[str, Any]:
        assert isinstance(self.recipe.input, VolumeInput)  # noqa: S101
        return {
            "windows": len(self.prepared.places),
            "window": list(self.prepared.window),
            "overlap": self.recipe.input.overlap,
            "blending": self.recipe.input.blending,
            "mirrorings": len(mirrorings(self.mirror_axes)),
        }

    def steps(
        self, network: nn.Module, device: torch.device, cancel: CancelToken
    ) -> Iterator[Step]:
        for done, labels in enumerate(
            predict_volume(
                self.prepared,
                network,
                self.recipe,
                mirror_axes=self.mirror_axes,
                device=device,
                cancel=cancel,
            ),
            start=1,
        ):
            yield Step(done, None if labels is None else Chunk(0, len(labels), labels))


def _overlap(video: VideoInput, options: Options) -> int:
    overlap = video.clip_overlap if options.clip_overlap is None else options.clip_overlap
    if not 0 <= overlap < video.clip_length:
        raise InvalidOptionError(
            f"A clip overlap of {overlap} frames does not fit clips of {video.clip_length}: "
            f"choose 0 to {video.clip_length - 1}."
        )
    return overlap


def _frames(image: MedicalImage, options: Options) -> range:
    whole = range(image.n_frames)
    frames = options.frames if options.frames is not None else whole
    if not len(frames) or frames.step != 1 or frames.start < 0 or frames.stop > len(whole):
        raise InvalidOptionError(
            f"Frames {frames.start} to {frames.stop - 1} were asked for, but "
            f"{image.source or 'the image'} has the frames 0 to {len(whole) - 1}: choose from them."
        )
    return frames


def _mirror_axes(volume: VolumeInput, options: Options) -> tuple[int, ...]:
    if options.mirror is None:
        return volume.mirror_axes
    return (volume.mirror_axes or (0, 1, 2)) if options.mirror else ()
