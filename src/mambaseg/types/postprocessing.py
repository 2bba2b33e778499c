"""What is done to labels once a network has given its probabilities."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from mambaseg.types.schema import Schema

__all__ = ["MinimumSize", "PostProcessing", "SizeUnit"]

SizeUnit = Literal["pixels", "voxels", "mm2", "ml"]


class MinimumSize(Schema):
    """The least size of a piece.

    Parameters
    ----------
    value : float
    unit : {"pixels", "mm2", "voxels", "ml"}
        The first two for pictures, frames and slices, the last two for volumes.
    """

    value: FiniteFloat = Field(gt=0)
    unit: SizeUnit

    @property
    def dimensions(self) -> int:
        """How many axes a piece has: 2 or 3."""
        return 2 if self.unit in ("pixels", "mm2") else 3

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


class PostProcessing(Schema):
    """Rules that are applied in the order in which they stand here.

    Where classes are named, a region of a Recipe's `Regions` may be named too: it
    stands for its classes taken together. Pieces touch by edges, faces or corners;
    those of a film are looked at frame by frame, those of a volume in three dimensions.

    Parameters
    ----------
    thresholds : dict of str to float
        Least probability by name of a class, or of a region where the output is
        Regions; the others keep the Recipe's. Of the classes that reach theirs, the
        most probable wins. Where the output is Softmax, a class that is named here
        counts where it reaches its threshold, whatever the background's
        probability, and nowhere else.
    temporal_median : int
        Odd number of frames: a pixel has the class that it has in most of the
        frames around it, fewer at the film's ends. 1: each frame as it is.
    fill_holes : bool or tuple of str
        Whether background inside a class becomes part of it: of every class, or of
        those named.
    largest_component : bool or tuple of str
        Whether only the largest piece is kept: of every class, or of those named.
    minimum_size : MinimumSize or None
        Smaller pieces of any class become background.
    """

    thresholds: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    temporal_median: int = Field(default=1, ge=1)
    fill_holes: bool | tuple[str, ...] = False
    largest_component: bool | tuple[str, ...] = False
    minimum_size: MinimumSize | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.temporal_median % 2 == 0:
            raise ValueError(f"temporal_median must be odd, not {self.temporal_median}")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """Classes and regions that the rules about holes and pieces name."""
        lists = (self.fill_holes, self.largest_component)
        return tuple(name for names in lists if not isinstance(names, bool) for name in names)
