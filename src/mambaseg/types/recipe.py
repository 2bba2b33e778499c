"""What turns an image into network input, and network output into labels."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from mambaseg.types.errors import InvalidConfigError
from mambaseg.types.image import Kind
from mambaseg.types.intensity import Intensity, Scaled
from mambaseg.types.labels import LabelSet
from mambaseg.types.network_input import NetworkInput, VideoInput
from mambaseg.types.network_output import NetworkOutput, Regions, Sigmoid
from mambaseg.types.postprocessing import PostProcessing
from mambaseg.types.schema import VersionedSchema

__all__ = ["Recipe"]

_RESERVED = {"name", "in_channels", "out_channels"}

_FLAT = {
    "kind": ("input", "kind"),
    "spatial_size": ("input", "size"),
    "clip_length": ("input", "clip_length"),
    "clip_overlap": ("input", "clip_overlap"),
    "mean": ("intensity", "mean"),
    "std": ("intensity", "std"),
    "threshold": ("output", "threshold"),
}
"""Where the fields of format version 1, which knew videos alone, lie now."""


class Recipe(VersionedSchema):
    """How a network is built, fed and read.

    Parameters
    ----------
    network : str
        A name that `mambaseg.networks.create_network` knows.
    arguments : dict
        Its arguments but for the numbers of channels, which follow from here.
    channels : tuple of str
        Names of the image channels that it takes, in order.
    intensity : Scaled, MinMax or ZScore
        What is done to intensities.
    input : ImageInput, VideoInput or VolumeInput
        What the network sees at once.
    labels : dict of int to str
        Name of each class by its value in the mask, background (0) left out.
    output : Softmax, Sigmoid or Regions
        How logits become classes.
    postprocessing : PostProcessing
        What is done to the labels then.
    """

    newest_version: ClassVar[int] = 3

    format_version: int = 3
    network: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    channels: tuple[str, ...] = Field(min_length=1)
    intensity: Intensity
    input: NetworkInput
    labels: dict[int, str] = Field(min_length=1)
    output: NetworkOutput = Sigmoid()
    postprocessing: PostProcessing = PostProcessing()

    @model_validator(mode="before")
    @classmethod
    def _migrate(cls, content: Any) -> Any:
        """Take what older format versions wrote."""
        if not isinstance(content, dict):
            return content
        is_first = not {"input", "intensity"} & content.keys()
        version = content.get("format_version", 1 if is_first else 2)
        if version == 2:  # which knew no post-processing
            return {**content, "format_version": cls.newest_version}
        if version != 1:
            return content
        parts: dict[str, dict[str, Any]] = {
            "input": {"kind": "video"},
            "intensity": {"rule": "scaled"},
            "output": {"form": content.get("output", "sigmoid")},
        }
        for old, (part, name) in _FLAT.items():
            if old in content:
                parts[part][name] = content[old]
        if parts["output"]["form"] == "softmax":
            parts["output"].pop("threshold", None)  # stood there, and meant nothing
        rest = {key: value for key, value in content.items() if key not in _FLAT}
        return {**rest, **parts, "format_version": cls.newest_version}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if isinstance(self.intensity, Scaled) and len(self.intensity.mean) != len(self.channels):
            raise ValueError("channels, mean and std need one value per channel each")
        if reserved := _RESERVED & self.arguments.keys():
            raise ValueError(f"arguments may not hold {sorted(reserved)}, which follow from it")
        if isinstance(self.output, Regions):
            made = {value for region in self.output.regions for value in region.classes}
            if made != set(self.labels):
                raise ValueError("the regions' classes must be those of labels")
        LabelSet.from_names(self.labels)
        self.check_postprocessing(self.postprocessing)
        return self

    def check_postprocessing(self, rules: PostProcessing) -> None:
        """Refuse post-processing that this Recipe cannot have.

        Raises
        ------
        ValueError
            If it names what is no class or region here, or sizes that the kind does not have.
        """
        regions = self.output.regions if isinstance(self.output, Regions) else ()
        decided = [region.name for region in regions] or list(self.labels.values())
        for known, names in (
            (decided, tuple(rules.thresholds)),
            ([*self.labels.values(), *decided], rules.named),
        ):
            if unknown := [name for name in names if name not in known]:
                raise ValueError(f"{unknown[0]!r} is none of {', '.join(dict.fromkeys(known))}")
        size = rules.minimum_size
        if size is not None and size.dimensions != (3 if self.kind == "volume" else 2):
            right = "voxels or ml" if self.kind == "volume" else "pixels or mm2"
            raise ValueError(f"the minimum size of a {self.kind} is given in {right}, not {size}")

    @property
    def kind(self) -> Kind:
        """What it segments: "image", "video" or "volume"."""
        return self.input.kind

    @property
    def video(self) -> VideoInput:
        """The input of a network for clips.

        Raises
        ------
        InvalidConfigError
            If the network is for something else.
        """
        if not isinstance(self.input, VideoInput):
            raise InvalidConfigError(
                f"The network {self.network!r} of this Recipe takes a single {self.kind}, but a "
                "video model is needed here: choose one, such as Vivim."
            )
        return self.input

    @property
    def label_set(self) -> LabelSet:
        """The classes, with colours."""
        return LabelSet.from_names(self.labels)

    @property
    def out_channels(self) -> int:
        """Channels of the network's logits."""
        if isinstance(self.output, Regions):
            return len(self.output.regions)
        return len(self.labels) + (self.output.form == "softmax")
