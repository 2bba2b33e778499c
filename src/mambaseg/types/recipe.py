"""What turns an image into network input, and network output into labels."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from mambaseg.types.labels import LabelSet
from mambaseg.types.schema import VersionedSchema

__all__ = ["Recipe"]

_RESERVED = {"name", "in_channels", "out_channels"}


class Recipe(VersionedSchema):
    """How a network is built, fed and read.

    Parameters
    ----------
    network : str
        A name that `mambaseg.networks.create_network` knows.
    arguments : dict
        Its arguments but for the numbers of channels, which follow from here.
    kind : {"video"}
        What it segments.
    channels : tuple of str
        Names of the image channels that it takes, in order.
    mean, std : tuple of float
        One pair per channel: intensities, scaled to 0 to 1, have `mean`
        taken away and are divided by `std`.
    spatial_size : tuple of int
        (y, x) to which frames are resized for the network, in pixels.
    clip_length : int
        Frames that the network sees at once.
    clip_overlap : int
        Frames that two successive clips share; their probabilities are averaged.
    labels : dict of int to str
        Name of each class by its value in the mask, background (0) left out.
    output : {"sigmoid", "softmax"}
        Whether each class has a probability of its own, or all and the
        background share one distribution.
    threshold : float
        Least probability of a class, for "sigmoid".
    """

    network: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    kind: Literal["video"] = "video"
    channels: tuple[str, ...] = Field(min_length=1)
    mean: tuple[FiniteFloat, ...]
    std: tuple[FiniteFloat, ...]
    spatial_size: tuple[int, int]
    clip_length: int = Field(default=5, ge=1)
    clip_overlap: int = Field(default=2, ge=0)
    labels: dict[int, str] = Field(min_length=1)
    output: Literal["sigmoid", "softmax"] = "sigmoid"
    threshold: float = Field(default=0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not len(self.channels) == len(self.mean) == len(self.std):
            raise ValueError("channels, mean and std need one value per channel each")
        if min(self.std) <= 0 or min(self.spatial_size) < 1:
            raise ValueError("std and spatial_size must be positive")
        if self.clip_overlap >= self.clip_length:
            raise ValueError("clip_overlap must be less than clip_length")
        if reserved := _RESERVED & self.arguments.keys():
            raise ValueError(f"arguments may not hold {sorted(reserved)}, which follow from it")
        LabelSet.from_names(self.labels)
        return self

    @property
    def label_set(self) -> LabelSet:
        """The classes, with colours."""
        return LabelSet.from_names(self.labels)

    @property
    def out_channels(self) -> int:
        """Channels of the network's logits."""
        return len(self.labels) + (self.output == "softmax")
