"""Everything that a network gives while it trains: logits at several sizes, and an edge."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import Kind

__all__ = ["Outputs", "as_outputs", "network_outputs"]


class Outputs(NamedTuple):
    """What a network gave; frames of clips are samples of their own.

    Attributes
    ----------
    logits : list of Tensor, shape (B, K, ...)
        Full size first; more with deep supervision.
    edge : Tensor or None, shape (B, 1, y, x)
        Logits of the outline.
    """

    logits: list[Tensor]
    edge: Tensor | None


def network_outputs(network: nn.Module, x: Tensor, kind: Kind) -> Outputs:
    """Run a network.

    Parameters
    ----------
    network : Module
    x : Tensor
        Pictures (B, C, y, x), clips (B, T, C, y, x) or volumes (B, C, z, y, x).
    kind : {"video", "image", "volume"}

    Raises
    ------
    UnsupportedImageError
        If the network does not take input of this length or size.
    """
    try:
        output = network(x)
    except ValueError as error:
        size = " x ".join(map(str, x.shape[3:] if kind == "video" else x.shape[2:]))
        raise UnsupportedImageError(
            f"The network does not take samples of {size}: {error} Mend the size in `input` of "
            "the Recipe."
        ) from error
    return as_outputs(output, kind)


def as_outputs(output: Any, kind: Kind) -> Outputs:
    """Give what a network returned as `Outputs`."""
    edge = None
    if isinstance(output, tuple):
        output, edge = output
    logits = output if isinstance(output, list) else [output]
    if kind == "video":
        logits = [one.flatten(0, 1) for one in logits]
        edge = None if edge is None else edge.flatten(0, 1)
    return Outputs(logits, edge)
