"""The authors' settings for each network, fitted to a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Literal

import yaml

from mambaseg.types.errors import IncompatibleWeightsError
from mambaseg.types.intensity import Scaled
from mambaseg.types.network_input import ImageInput, VolumeInput
from mambaseg.types.network_output import NetworkOutput, Regions, Sigmoid, Softmax
from mambaseg.types.recipe import Recipe

__all__ = ["OutputForm", "default_recipe", "fitted_recipe"]

OutputForm = Literal["sigmoid", "softmax"]

_GREY_MEAN, _GREY_STD = 0.449, 0.226
"""ImageNet's, of its three channels together."""


def default_recipe(network: str) -> Recipe:
    """Give the authors' settings of a network."""
    text = (files("mambaseg.zoo") / "recipes" / f"{network}.yaml").read_text(encoding="utf-8")
    return Recipe.parse(yaml.safe_load(text), f"The default Recipe of {network}")


def fitted_recipe(
    network: str,
    arguments: dict[str, Any],
    *,
    in_channels: int,
    out_channels: int | None,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    output: OutputForm | None = None,
    new_head: bool = False,
) -> Recipe:
    """Fit the authors' settings to what a checkpoint holds.

    Parameters
    ----------
    network, arguments
        As of Recipe.
    in_channels : int
        Of the checkpoint.
    out_channels : int or None
        Of the checkpoint; None where it has no head of ours.
    channels, labels : sequence of str or None
        Names; None for the authors' where their number fits, else plain ones.
    output : {"sigmoid", "softmax"} or None
        How logits are read; None: as the authors do.
    new_head : bool
        Whether another number of classes is wanted than the checkpoint has.

    Raises
    ------
    IncompatibleWeightsError
        If names do not fit the checkpoint in number.
    """
    known = default_recipe(network)
    if channels is None:
        channels = known.channels if len(known.channels) == in_channels else _named(in_channels)
    if len(channels) != in_channels:
        raise IncompatibleWeightsError(
            f"The checkpoint's network takes {in_channels} channels, but {len(channels)} were "
            f"named ({', '.join(channels)}): name {in_channels}, in its order."
        )
    read = _output(known.output, output, labels)
    plain = labels is None and out_channels not in (None, known.out_channels)
    if labels is not None:
        names = dict(enumerate(labels, start=1))
    elif (not plain and read == known.output) or out_channels is None:
        names = known.labels
    else:
        read = Sigmoid() if isinstance(read, Regions) or out_channels == 1 else read
        count = out_channels - isinstance(read, Softmax)
        names = {value: f"class {value}" for value in range(1, count + 1)}
    needed = len(names) + isinstance(read, Softmax)
    if isinstance(read, Regions):
        needed = len(read.regions)
    if out_channels not in (None, needed) and not new_head:
        raise IncompatibleWeightsError(
            f"The checkpoint's logits have {out_channels} channels, but {len(names)} classes "
            f"({', '.join(names.values())}) by {read.form} need {needed}: name as many classes as "
            "it has, or ask for a new head (in the shell --new-head), to be fine-tuned before use."
        )
    content = known.model_dump()
    if isinstance(known.intensity, Scaled) and len(known.channels) != in_channels:
        content["intensity"]["mean"] = (_GREY_MEAN,) * in_channels
        content["intensity"]["std"] = (_GREY_STD,) * in_channels
    if "image_size" in arguments:
        if isinstance(known.input, ImageInput):
            content["input"]["size"] = arguments["image_size"]
        elif isinstance(known.input, VolumeInput):
            content["input"]["patch_size"] = arguments["image_size"]
    return Recipe.model_validate(
        {
            **content,
            "arguments": arguments,
            "channels": tuple(channels),
            "labels": names,
            "output": read.model_dump(),
        }
    )


def _output(
    known: NetworkOutput, wanted: OutputForm | None, labels: Sequence[str] | None
) -> NetworkOutput:
    if wanted == "softmax":
        return Softmax()
    if wanted == "sigmoid" or (isinstance(known, Regions) and labels is not None):
        return Sigmoid()
    return known


def _named(count: int) -> tuple[str, ...]:
    if count == 3:
        return ("red", "green", "blue")
    return ("grey",) if count == 1 else tuple(f"channel {i}" for i in range(1, count + 1))
