"""What a run did: enough to do it again."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field

from mambaseg.inference.doubt import Doubt
from mambaseg.inference.options import Options
from mambaseg.inference.rungs import Rung
from mambaseg.inference.settings import Precision, Stage
from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import Schema, VersionedSchema

__all__ = ["DoubtRecord", "InputRecord", "OptionsRecord", "RunRecord"]


class InputRecord(Schema):
    """The image that was segmented, told by its content: neither names nor patients.

    Parameters
    ----------
    sha256 : str
        As of `pixels_sha256`, in hexadecimal.
    axes : str
    shape : tuple of int
    dtype : str
    spacing_mm : tuple of float or None
    notes : tuple of str
        What its reader said about it.
    """

    sha256: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    spacing_mm: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()


class OptionsRecord(Schema):
    """The Options, but for post-processing, which stands in the Recipe; fields as there.

    A range, or a side of a box, is its start and its stop.
    """

    frames: tuple[int, int] | None = None
    skip: tuple[int, ...] = ()
    box: tuple[tuple[int, int], ...] | None = None
    clip_overlap: int | None = None
    mirror: bool | None = None
    by_slice: bool = False
    precision: Precision | None = None
    batch: int | None = None

    @classmethod
    def of(cls, options: Options) -> Self:
        """Take what is written down of some Options."""
        frames, box = options.frames, options.box
        return cls(
            frames=None if frames is None else (frames.start, frames.stop),
            skip=tuple(sorted(options.skip)),
            box=None if box is None else tuple((side.start, side.stop) for side in box),
            clip_overlap=options.clip_overlap,
            mirror=options.mirror,
            by_slice=options.by_slice,
            precision=options.precision,
            batch=options.batch,
        )

    @property
    def frame_range(self) -> range | None:
        """The frames, as Options have them."""
        return None if self.frames is None else range(*self.frames)

    def options(self, recipe: Recipe) -> Options:
        """Give the Options again, with the post-processing of the run's Recipe."""
        return Options(
            frames=self.frame_range,
            skip=frozenset(self.skip),
            box=None if self.box is None else tuple(slice(*side) for side in self.box),
            clip_overlap=self.clip_overlap,
            mirror=self.mirror,
            by_slice=self.by_slice,
            precision=self.precision,
            batch=self.batch,
            postprocessing=recipe.postprocessing,
        )


class DoubtRecord(Schema):
    """The frames or slices that a person should look at.

    Parameters
    ----------
    unit : str
        "frames" or "slices".
    ranked : tuple of int
        In the order in which to look at them.
    scores : tuple of float
        Of these, in that order.
    """

    unit: str
    ranked: tuple[int, ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, doubt: Doubt) -> Self:
        """Take the scores of a run."""
        ranked = doubt.ranked()
        scores = (round(float(doubt.scores[place - doubt.first]), 4) for place in ranked)
        return cls(unit=doubt.unit, ranked=tuple(ranked), scores=tuple(scores))


class RunRecord(VersionedSchema):
    """The account of one segmentation, without data of the patient and without names of files.

    Parameters
    ----------
    model : str
        Name of the TrainedModel.
    weights_sha256 : str
        SHA-256 of its file, in hexadecimal.
    recipe : Recipe or None
        As it was followed, with the post-processing that was asked for.
    input : InputRecord or None
    options : OptionsRecord
    versions : dict of str to str
        Version of each package that took part, and of Python.
    device, backend, precision : str
        What computed, and how.
    threads : int
        Of the processor.
    stages : tuple of Stage
        How it was computed from which frame or slice on: one, and another for each
        time that memory or numbers did not suffice.
    choices : dict
        Frames, windows, overlap and other choices of the run.
    adapted : tuple of str
        The rungs that the engine stepped down, in order.
    seconds : dict of str to float
        Per stage: "load" the network, "read" the image (beside the network, in another
        thread), "network", "stitch" and the rest, "post" for post-processing; "total"
        is all but what was done beside.
    per_second : float
        Speed, in units of `choices`: frames, slices, or windows of a volume.
    doubt : DoubtRecord or None
    created : str
        UTC time in ISO 8601.
    """

    newest_version: ClassVar[int] = 2

    format_version: int = 2
    model: str
    weights_sha256: str
    recipe: Recipe | None = None
    input: InputRecord | None = None
    options: OptionsRecord = OptionsRecord()
    versions: dict[str, str]
    device: str
    backend: str
    precision: str
    threads: int = 0
    stages: tuple[Stage, ...] = ()
    choices: dict[str, Any] = Field(default_factory=dict)
    adapted: tuple[Rung, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict)
    per_second: float = 0.0
    doubt: DoubtRecord | None = None
    created: str = ""
