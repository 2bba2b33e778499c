"""How an image is segmented with a model: what the ways have in common, and which one it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mambaseg.data.channel_names import arranged
from mambaseg.data.fitting import as_clip, as_slices, check_fits
from mambaseg.inference.boxes import check_box, part_of
from mambaseg.inference.events import CancelToken, Chunk, Unit
from mambaseg.inference.options import Options
from mambaseg.inference.postprocessing import recipe_with
from mambaseg.inference.settings import Settings
from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import ImageInput, NetworkInput, VideoInput, VolumeInput
from mambaseg.types.recipe import Recipe

if TYPE_CHECKING:
    from mambaseg.inference.doubt_meter import DoubtMeter
    from mambaseg.inference.forward import Forward

__all__ = ["Needs", "Plan", "Step", "plan_for"]


@dataclass(frozen=True)
class Step:
    """Progress: how many units of how many are done, and what became final with the last ones."""

    done: int
    total: int
    final: Chunk | None = None


@dataclass(frozen=True)
class Needs:
    """What a plan will ask for, beside the network's weights.

    Parameters
    ----------
    input_shape : tuple of int
        Of what the network sees in one call.
    stitching_bytes : int
        For the sums of overlapping windows.
    host_bytes : int
        For what else is held in the machine's memory: input and labels.
    """

    input_shape: tuple[int, ...]
    stitching_bytes: int
    host_bytes: int


class Plan(Protocol):
    """A segmentation that is ready to run."""

    @property
    def image(self) -> MedicalImage:
        """What is segmented, its channels in the network's order."""

    @property
    def recipe(self) -> Recipe:
        """As it is followed, with the post-processing that was asked for."""

    @property
    def meter(self) -> DoubtMeter | None:
        """What measures doubt while it runs."""

    @property
    def mirror_axes(self) -> tuple[int, ...]:
        """Along which of them what the network sees is mirrored too; (z, y, x) or (y, x)."""

    @property
    def unit(self) -> Unit:
        """What it goes through."""

    @property
    def finals(self) -> range:
        """Frames or slices that become final, in this order."""

    @property
    def stitches(self) -> bool:
        """Whether sums of overlapping windows are put together that could lie elsewhere."""

    @property
    def window(self) -> tuple[int, ...]:
        """What the network sees at once by the Recipe; as of `Settings`."""

    def smaller_window(self, window: tuple[int, ...]) -> tuple[int, ...] | None:
        """Give the next smaller window; None where there is none."""

    def seen(self, window: tuple[int, ...]) -> str:
        """Say what the network sees at once, for example "windows of 96 x 96 x 96"."""

    def needs(self, settings: Settings) -> Needs:
        """Say what it will ask for, without reading the image."""

    def choices(self, settings: Settings) -> dict[str, Any]:
        """Say what was chosen, for the record."""

    def steps(
        self, forward: Forward, settings: Settings, cancel: CancelToken, start: int
    ) -> Iterator[Step]:
        """Run from the frame or slice `start` on, giving labels as they become final."""


def plan_for(
    image: MedicalImage, recipe: Recipe, options: Options, *, with_doubt: bool = False
) -> Plan:
    """Plan the segmentation of an image.

    Parameters
    ----------
    image : MedicalImage
    recipe : Recipe
    options : Options
    with_doubt : bool
        Measure, while it runs, how doubtful each frame or slice is.

    Raises
    ------
    UnsupportedImageError
        If the image does not fit the Recipe.
    InvalidOptionError
        If an option does not fit the image or the Recipe.
    """
    from mambaseg.inference.clip_plan import ClipPlan
    from mambaseg.inference.doubt_meter import DoubtMeter
    from mambaseg.inference.picture_plan import PicturePlan
    from mambaseg.inference.volume_plan import VolumePlan

    recipe = recipe_with(recipe, options.postprocessing)
    image = arranged(image, recipe.channels)
    unit: Literal["frames", "slices"] = "frames"
    if options.by_slice:
        if (image.kind, recipe.kind) != ("volume", "image"):
            raise InvalidOptionError(
                "Slice by slice a model for pictures segments a volume; here the model takes a "
                f"single {recipe.kind} and the image is a single {image.kind}: leave that option."
            )
        image, unit = as_slices(image), "slices"
    check_fits(image, recipe)
    check_box(image, options.box)
    axes = _mirror_axes(recipe.input, options)
    if isinstance(recipe.input, VolumeInput):
        if options.skip or options.frames is not None:
            raise InvalidOptionError(
                "A volume is segmented as a whole, so no slices can be chosen or left out: choose "
                "a box."
            )
        meter = None
        if with_doubt and image.kind == "volume":
            rows = options.box[0] if options.box else slice(0, image.array.shape[1])
            meter = DoubtMeter(recipe.output, "slices", range(rows.start, rows.stop))
        return VolumePlan(image, recipe, axes, options.box, meter)
    if options.clip_overlap is not None and not isinstance(recipe.input, VideoInput):
        raise InvalidOptionError(
            "This model segments one frame at a time, so no clips overlap: leave that option."
        )
    clip = as_clip(image)
    frames = _frames(clip, options)
    skip = _skipped(clip, frames, options)
    meter = None
    if with_doubt:
        meter = DoubtMeter(recipe.output, unit, frames, part_of(clip, options.box))
    if isinstance(recipe.input, ImageInput):
        return PicturePlan(clip, recipe, frames, unit, skip, meter, axes)
    overlap = _overlap(recipe.input, options)
    return ClipPlan(clip, recipe, frames, overlap, skip, meter, mirror_axes=axes)


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


def _skipped(image: MedicalImage, frames: range, options: Options) -> frozenset[int]:
    if beyond := [frame for frame in options.skip if not 0 <= frame < image.n_frames]:
        raise InvalidOptionError(
            f"Frame {min(beyond)} is to be left out, but {image.source or 'the image'} has the "
            f"frames 0 to {image.n_frames - 1}: choose from them."
        )
    if options.skip.issuperset(frames):
        raise InvalidOptionError(
            "Every frame that was asked for is also to be left out, so there is nothing to "
            "segment: ask for others."
        )
    return options.skip


def _mirror_axes(seen: NetworkInput, options: Options) -> tuple[int, ...]:
    own = seen.mirror_axes if isinstance(seen, VolumeInput) else ()
    if options.mirror is None:
        return own
    every = (0, 1, 2) if isinstance(seen, VolumeInput) else (0, 1)
    return (own or every) if options.mirror else ()
